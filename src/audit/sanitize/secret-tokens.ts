/** Tokens whose form says what they are: JWTs and their like, and credentials of well-known vendors. */
import type { Redact } from "./secret-mark.ts";
import { signedForms, vendorForm } from "./vendor-forms.ts";

/** RFC 7519 and RFC 7516 in compact form; a long run that begins like one counts as well, for its dots may have been cut off. Lines may break at the dots. */
const jwt =
  /(?<![A-Za-z0-9])eyJ[\w-]{8,512}\.(?:\s|\\u\{[ad]\}){1,4}eyJ[\w-]{8,}(?:(?:\s|\\u\{[ad]\}){0,4}\.(?:\s|\\u\{[ad]\}){0,4}[\w-]{16,}){0,3}|(?<![A-Za-z0-9])eyJ[\w-]{8,}(?:\.[\w-]*){1,4}|(?<![A-Za-z0-9])eyJ[\w-]{200,}/g;

/** Replaces every token in a text. */
export function redactTokens(text: string, redact: Redact): string {
  let shown = text.replace(jwt, redact).replace(vendorForm, redact);
  for (const [sign, form] of signedForms) if (shown.includes(sign)) shown = shown.replace(form, redact);
  return shown;
}

const shortestToken = 15;
/** Words beyond this length are not measured any further. */
const longEnough = 32;

/** Of the characters that tokens are made of: small letters, capitals, digits, and `+`, `-`, `.`, `/` and `_`. */
const [small, capital, digit, sign] = [1, 2, 4, 8];
/** By code; 0 for all that ends a token. */
const kinds = Uint8Array.from({ length: 128 }, (_, code) => kindOf(String.fromCharCode(code)));

function kindOf(character: string): number {
  if (/[a-z]/.test(character)) return small;
  if (/[A-Z]/.test(character)) return capital;
  if (/\d/.test(character)) return digit;
  return /[+./_-]/.test(character) ? sign : 0;
}

/**
 * How long the longest word is that could be a token or hold one, up to 32: at least 15 characters, and not all of it words and
 * `names_of_things`. 0 if there is none. It looks at one of 15 characters in most texts, where a pattern looks at all.
 */
export function longestToken(text: string): number {
  let longest = 0;
  let end = shortestToken - 1;
  while (end < text.length) {
    let at = end;
    while (at > end - shortestToken && kindAt(text, at) !== 0) at -= 1;
    if (at === end - shortestToken) {
      const start = at + 1;
      let found = 0;
      for (at = start; at < text.length; at += 1) {
        const kind = kindAt(text, at);
        if (kind === 0) break;
        found |= kind;
      }
      if (at - start > longest && looksDrawn(text, start, found)) longest = at - start;
      if (longest >= longEnough) return longEnough;
    }
    end = at + shortestToken;
  }
  return longest;
}

function kindAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 128 ? (kinds[code] ?? 0) : 0;
}

/**
 * Every kind of token has a digit, begins with two capitals, or mixes capitals with hyphens and dots.
 *
 * @param found kinds of its characters
 */
function looksDrawn(text: string, start: number, found: number): boolean {
  if ((found & digit) !== 0) return true;
  if ((found & capital) === 0) return false;
  return (found & sign) !== 0 || (kindAt(text, start) === capital && kindAt(text, start + 1) === capital);
}
