import type { OwnNames } from "./own-names.ts";
import { isCutMark, type Redact } from "./secret-mark.ts";
import { redactShapes } from "./secret-shapes.ts";

/** How much of a longer text is searched beyond what is shown, so that no secret is cut in two before it is known. */
const margin = 1_024;

/** Characters that end a line, steer a terminal, turn the order of writing, or are not seen at all. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800]/gu;

const plainAscii = /^[\x20-\x7e]*$/;
const cutForm = /…\((\d{1,15}) characters\)$/;

/**
 * A text with its secrets replaced and its unseen characters written as `\u{…}`, cut to `maxChars` UTF-16 units. The cut
 * for searching comes first: no pattern ever meets more than `maxChars` and a margin.
 *
 * @param of name of what the text is the value of: ids and hashes may look random
 * @param own names of secrets besides those that everybody uses
 * @param redact gives what stands in place of a secret
 */
export function viewFlat(text: string, maxChars: number, of: string, own: OwnNames | null, redact: Redact): string {
  const cut = text.length <= maxChars ? cutForm.exec(text) : null;
  const body = cut === null ? text : text.slice(0, cut.index);
  const searched = showUnseen(body.slice(0, maxChars + margin)).slice(0, maxChars + margin);
  const shown = redactShapes(searched, of, own, redact);
  const ending = cut?.[0] ?? `…(${text.length} characters)`;
  const whole = body.length <= maxChars && shown.length + (cut?.[0].length ?? 0) <= maxChars;
  if (whole) return cut === null ? shown : shown + ending;
  return trimEnd(shown.slice(0, maxChars - ending.length)) + ending;
}

/** Unseen characters as `\u{…}`, and all others as they are. */
export function showUnseen(text: string): string {
  if (plainAscii.test(text)) return text;
  return text.replace(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** Half a mark or half a character would be read anew as something else. */
function trimEnd(text: string): string {
  const mark = text.lastIndexOf("[");
  const kept = mark !== -1 && isCutMark(text.slice(mark)) ? text.slice(0, mark) : text;
  return /[\ud800-\udbff]$/.test(kept) ? kept.slice(0, -1) : kept;
}
