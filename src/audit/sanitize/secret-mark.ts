/** Stands where a secret was. */
export const redacted = "[redacted]";

/** Source of a pattern for marks: that one, and the one with a fingerprint of the secret, `[redacted:0123456789ab]`. */
export const mark = "\\[redacted(?::[0-9a-f]{12})?\\]";

/**
 * Gives what stands in place of a secret. Of a text in which marks stand it gives these alone: secrets are found from the inside out, and
 * who found a key behind `Bearer` has named the whole header by it.
 */
export type Redact = (secret: string) => string;

/** Where nobody has a key. */
export const redactPlainly: Redact = (secret) => keepMarks(secret) ?? redacted;

/** What was left of a text that had many secrets in it; a whole list of them joins nothing. */
const mostMarks = 8;
const everyMark = new RegExp(mark, "g");

/** The marks in a text, each once, the first eight; null if there is none. */
export function keepMarks(text: string): string | null {
  const found = listMarks(text);
  return found.length === 0 ? null : found.join("");
}

/** The same, one by one. */
export function listMarks(text: string): readonly string[] {
  return text.includes("[redacted") ? [...new Set(text.match(everyMark))].slice(0, mostMarks) : [];
}

const onlyMarks = new RegExp(`^(?:${mark})+$`);
const markHere = new RegExp(mark, "y");
const markBegun = /^\[redacted(?::[0-9a-f]{0,12})?$/;

/** True for a text of nothing but marks. */
export function isMarks(text: string): boolean {
  return onlyMarks.test(text);
}

/** True where one begins. */
export function isMarkAt(text: string, at: number): boolean {
  markHere.lastIndex = at;
  return text.charAt(at) === "[" && markHere.test(text);
}

/** True for the beginning of one that was cut. */
export function isCutMark(text: string): boolean {
  return redacted.startsWith(text) ? text !== redacted : markBegun.test(text);
}

/** White space, and what has become visible of it; the source of a pattern. */
export const gap = "(?:\\s|\\\\u\\{[0-9a-f]{1,6}\\})";

/** What is not seen, but ends no line, once it has become visible; the source of a pattern. It ends no name and no value. */
export const unseen = "\\\\u\\{(?!(?:9|a|b|c|d|85|2028|2029)\\})[0-9a-f]{1,6}\\}";
