/** Elements of XML whose name says that a secret is in them: `<password>…</password>`. */
import type { OwnNames } from "./own-names.ts";
import { isMarks, type Redact } from "./secret-mark.ts";
import { isSecretInProse, isSecretName } from "./secret-names.ts";

const opening = "<(?:[\\w.-]{1,40}:)?([\\w.-]{1,64})(?:\\s[^<>]{0,256})?>";
const element = new RegExp(
  `(?<=${opening}<!\\[CDATA\\[)[^\\]]{1,3072}(?=\\]\\]>)|(?<=${opening})[^<>]{1,3072}(?=<\\\\{0,8}/)`,
  "g",
);

/**
 * Replaces what stands in them.
 *
 * @param own names of secrets besides those that everybody uses
 */
export function redactElements(text: string, own: OwnNames | null, redact: Redact): string {
  return text.replace(element, (value: string, inData: string | undefined, inText: string | undefined) => {
    const name = inData ?? inText ?? "";
    const content = value.trim();
    if (content === "" || isMarks(content)) return value;
    const isSecret = /\s|\\u\{/.test(content) ? isSecretInProse : isSecretName;
    return own?.redacts(name) || isSecret(name, content) ? redact(value) : value;
  });
}
