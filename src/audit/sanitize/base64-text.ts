/** Base64 of what can be read. Pure. */

const readable = /^(?:[\t\n\r]|[^\p{Cc}\ufffd])*\ufffd{0,3}$/u;
/** Words of a length that keys do not have. */
const sentence = /^\s*\S{1,20}(?:\s+\S{1,20}){2,}\s*$/;

/** The text that a word stands for; null where it stands for none that could be read. */
export function readBase64(word: string): string | null {
  const decoded = Buffer.from(word, "base64").toString();
  return readable.test(decoded) ? decoded : null;
}

/** Whether a word stands for some words: it looks drawn by lot, and is not. */
export function isEncodedText(word: string): boolean {
  const decoded = readBase64(word);
  return decoded !== null && sentence.test(decoded);
}
