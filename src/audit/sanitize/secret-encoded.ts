/**
 * Secrets in texts that are written otherwise: in percent encoding, with entities of HTML or escapes of JSON and source, and in Base64. What is
 * encoded is decoded and searched as any other text. Each decoding looks once at each character.
 */
import { readBase64 } from "./base64-text.ts";
import type { Redact } from "./secret-mark.ts";
import { findNameBefore } from "./secret-random.ts";

/** Replaces the secrets in a text that is written plainly; the second says what the text is the value of. */
export type RedactClear = (text: string, of: string) => string;

const encodedWord = /[^\s&#"`<>\\?/]{3,}/g;
/** Letters may be encoded, but no second name and value. */
const parameterName = /^(?:[\w.-]|%(?:2[DE]|[46][1-9A-F]|[57][0-9A]|5F)){1,64}=/i;
const encodedAscii = /%([0-7][0-9A-F])/gi;
const mostEncodings = 3;

/** Words in percent encoding (RFC 3986 section 2.1), perhaps of what was encoded before, go as a whole; the name of a parameter stays. */
export function redactPercent(text: string, of: string, redactClear: RedactClear, redact: Redact): string {
  return text.replace(encodedWord, (word, at: number) => {
    if (!word.includes("%")) return word;
    const name = parameterName.exec(word)?.[0] ?? "";
    const value = decodeAscii(word.slice(name.length));
    if (value.length === word.length - name.length) return word;
    const named = of === "" ? findNameBefore(text, at + name.length) : of;
    const shown = redactClear(value, named);
    return shown === value ? word : name + redact(shown);
  });
}

function decodeAscii(text: string): string {
  let decoded = text;
  for (let round = 0; round < mostEncodings && decoded.includes("%"); round += 1) {
    decoded = decoded.replaceAll(encodedAscii, (_code, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    );
  }
  return decoded;
}

/** Letters and signs that can be seen: what decodes to others stays as it is. */
const escaped =
  /&(?:quot|apos|lt|gt|amp|colon|equals);|&#(?:0{0,6}(3[2-9]|[4-9]\d|1[01]\d|12[0-6])|[xX]0{0,6}([2-6][0-9a-fA-F]|7[0-9a-eA-E]));|\\{1,8}(?:u00|x)([2-6][0-9a-fA-F]|7[0-9a-eA-E])/g;
const entities: Readonly<Record<string, string>> = {
  "&quot;": '"',
  "&apos;": "'",
  "&lt;": "<",
  "&gt;": ">",
  "&amp;": "&",
  "&colon;": ":",
  "&equals;": "=",
};

/** A text with entities of HTML and escapes is shown with the signs that they stand for where this brings a secret to light, which goes. */
export function redactEscaped(text: string, of: string, redactClear: RedactClear): string {
  if (!(text.includes("&") && text.includes(";")) && !text.includes("\\u00") && !text.includes("\\x")) return text;
  const decoded = text.replaceAll(
    escaped,
    (all, decimal: string | undefined, entity: string | undefined, letter: string | undefined) =>
      entities[all] ??
      String.fromCharCode(decimal === undefined ? Number.parseInt(entity ?? letter ?? "", 16) : Number(decimal)),
  );
  if (decoded.length === text.length) return text;
  const shown = redactClear(decoded, of);
  return shown === decoded ? text : shown;
}

/** Each fourth letter holds the first bits of a sign: hashes, ids and names are rarely mistaken for text. */
const base64Word = /(?<![\w+/-])(?:[CDI-Za-f][\w+/-]{3}){3}[\w+/-]{3,}={0,2}(?![\w+/=-])/g;

/** Words in Base64 of a text with a secret in it go as a whole. */
export function redactBase64(text: string, redactDecoded: (text: string) => string, redact: Redact): string {
  return text.replace(base64Word, (word) => {
    const decoded = readBase64(word);
    return decoded === null || redactDecoded(decoded) === decoded ? word : redact(word);
  });
}
