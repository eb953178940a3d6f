/** XML and HTML whose names say that secrets are in them: `<password>…</password>`, `<entry key="password">…</entry>`. */
import type { OwnNames } from "./own-names.ts";
import { gap, isMarks, type Redact } from "./secret-mark.ts";
import { isSecretInProse, isSecretName } from "./secret-names.ts";

/** A tag and the text behind it. */
const tag = new RegExp(
  `<(/|\\\\{1,8}/)?(?:[\\w.-]{1,40}:)?([\\w.-]{1,64})((?:\\s|\\\\u\\{[0-9a-f]{1,6}\\})[^<>]{0,512}|/)?>(?:(${gap}{0,80}<!\\[CDATA\\[)((?:(?!\\]\\]>)[\\s\\S]){0,3072})|([^<>]{0,3072})(?=<)|)`,
  "g",
);
const attribute = new RegExp(`([\\w.:-]{1,64})${gap}{0,4}=${gap}{0,4}(\\\\{0,8})(["'])([^"'<>\\\\]{1,1024})`, "g");

/** Attributes and elements that name what another one holds. */
const naming = /^(?:name|key|id)$/i;
const holding = /^(?:value|content|default)$/i;
/** Elements that hold what another one before or around them names. */
const held = /^(?:value|string|text|data)$/i;
/** Elements of HTML without content. */
const empty = /^(?:input|meta|br|hr|img|link)$/i;
const longestName = 160;
const edges = new RegExp(`^(${gap}*)([\\s\\S]*?)${gap}*$`);

/**
 * Replaces what stands in them, in the next element where one names it (`<key>password</key><string>…</string>`), and in an attribute of the
 * same tag (`<add value="…" key="password"/>`).
 *
 * @param own names of secrets besides those that everybody uses
 */
export function redactElements(text: string, own: OwnNames | null, redact: Redact): string {
  const isSecret = (name: string, content: string) =>
    own?.redacts(name) || (/\s|\\u\{/.test(content) ? isSecretInProse : isSecretName)(name, content);
  /** Name of what comes next, as the last element or tag said it. */
  let named = "";
  return text.replace(
    tag,
    (whole, closing: string | undefined, element: string, rest = "", data = "", inData = "", plain = "", at = 0) => {
      const inner = data === "" ? plain : inData;
      const shownTag = closing === undefined ? redactAttributes(rest, isSecret, redact) : rest;
      const head = `${whole.slice(0, whole.length - rest.length - 1 - data.length - inner.length)}${shownTag}>${data}`;
      if (closing !== undefined || rest.endsWith("/") || empty.test(element)) {
        if (element === named) named = "";
        return head + inner;
      }
      const [, before = "", content = ""] = edges.exec(inner) ?? [];
      const attributed = readName(rest, content);
      if (content === "" || naming.test(element)) {
        named = content || attributed || (isSecret(element, "") ? element : named);
        return head + inner;
      }
      const names = [element, attributed, held.test(element) ? named : ""];
      if (held.test(element)) named = "";
      if (
        isMarks(content) ||
        // No element, but a type or a word that stands for another: `Promise<Token>`, `login <name> <password>`.
        (data === "" && !isClosing(text, at + whole.length)) ||
        !names.some((name) => name !== "" && name.length <= longestName && isSecret(name, content))
      )
        return head + inner;
      return head + before + redact(content) + inner.slice(before.length + content.length);
    },
  );
}

const end = /<\\{0,8}\//y;

function isClosing(text: string, at: number): boolean {
  end.lastIndex = at;
  return end.test(text);
}

/** What a tag calls its content. An `id` names more often what a page says there. */
function readName(attributes: string, content: string): string {
  const named = [...attributes.matchAll(attribute)].find(
    ([, name = ""]) => naming.test(name) && (name.toLowerCase() !== "id" || !/\s/.test(content)),
  );
  return named?.[4] ?? "";
}

function redactAttributes(
  attributes: string,
  isSecret: (name: string, content: string) => boolean | undefined,
  redact: Redact,
): string {
  if (!/(?:value|content|default)/i.test(attributes)) return attributes;
  const named = [...attributes.matchAll(attribute)].filter(([, name = ""]) => naming.test(name) || name === "type");
  return attributes.replace(attribute, (whole, name: string, _slashes, _quote, value: string) => {
    if (!holding.test(name) || isMarks(value)) return whole;
    const secret = named.some(([, kind = "", , , one = ""]) =>
      kind === "type" ? one === "password" : isSecret(one, value),
    );
    return secret ? whole.slice(0, whole.length - value.length) + redact(value) : whole;
  });
}
