/** Objects that say by their kind that secrets are in them, whatever these are called: a Secret of Kubernetes. */
import { findLinesEnd, lineBreak } from "./secret-blocks.ts";
import { isMarks, type Redact } from "./secret-mark.ts";

/** True for a member of an object of such a kind that holds secrets and nothing else. */
export function isSecretData(kind: unknown, member: string): boolean {
  return kind === "Secret" && (member === "data" || member === "stringData");
}

/** The line that says so in YAML. */
const kindLine = new RegExp(`(?:^|${lineBreak}) {0,40}kind: {1,4}["']?Secret["']?(?= {0,40}(?:$|${lineBreak}))`);

/** Such a member and what stands in its line, and whether the next one is further right. */
const member = new RegExp(
  `(?<=(?:^|${lineBreak})( {0,40}))(?:data|stringData):((?:(?!${lineBreak})[^])*)(?=(${lineBreak}\\1 )?)`,
  "g",
);

/** Replaces what stands in them in YAML. Documents beside a Secret in one text are taken for Secrets as well. */
export function redactKinds(text: string, redact: Redact): string {
  if (!text.includes("kind:") || !kindLine.test(text)) return text;
  let shown = "";
  let from = 0;
  for (const { index, 0: all, 2: inLine = "", 3: more } of text.matchAll(member)) {
    if (index < from) continue;
    const start = index + all.length - inLine.length;
    const end = more === undefined ? start + inLine.length : findLinesEnd(text, start + inLine.length);
    const value = text.slice(start, end).trim();
    if (value === "" || isMarks(value)) continue;
    shown += `${text.slice(from, start)} ${redact(value)}`;
    from = end;
  }
  return shown + text.slice(from);
}
