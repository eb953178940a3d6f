/** Tokens whose form says what they are: JWTs and their like, and credentials of well-known vendors. */
import type { Redact } from "./secret-mark.ts";
import { signedForms, vendorForm } from "./vendor-forms.ts";

/** RFC 7519 and RFC 7516 in compact form; a long run that begins like one counts as well, for its dots may have been cut off. */
const jwt = /(?<![A-Za-z0-9])eyJ[\w-]{8,}(?:\.[\w-]*){1,4}|(?<![A-Za-z0-9])eyJ[\w-]{200,}/g;

/** Replaces every token in a text. */
export function redactTokens(text: string, redact: Redact): string {
  let shown = text.replace(jwt, redact).replace(vendorForm, redact);
  for (const [sign, form] of signedForms) if (shown.includes(sign)) shown = shown.replace(form, redact);
  return shown;
}

const shortestToken = 15;
/** Words beyond this length are not measured any further. */
const longEnough = 32;

/**
 * How long the longest word is that could be a token or hold one: at least 15 characters, and not all of it words and
 * `names_of_things`. 0 if there is none. It looks at one of 15 characters in most texts, where a pattern looks at all.
 */
export function longestToken(text: string): number {
  let longest = 0;
  let end = shortestToken - 1;
  while (end < text.length && longest < longEnough) {
    let at = end;
    while (at > end - shortestToken && isTokenCharacter(text.charCodeAt(at))) at -= 1;
    if (at === end - shortestToken) {
      const start = at + 1;
      let stop = end + 1;
      while (stop < text.length && isTokenCharacter(text.charCodeAt(stop))) stop += 1;
      if (stop - start > longest && looksDrawn(text, start, stop)) longest = stop - start;
      at = stop;
    }
    end = at + shortestToken;
  }
  return longest;
}

/** `+`, `-`, `.`, `/`, digits, letters and `_`. */
function isTokenCharacter(code: number): boolean {
  return (
    (code >= 45 && code <= 57) ||
    (code >= 65 && code <= 90) ||
    code === 95 ||
    (code >= 97 && code <= 122) ||
    code === 43
  );
}

/** Every kind of token has a digit, begins with two capitals, or mixes capitals with hyphens and dots. */
function looksDrawn(text: string, start: number, stop: number): boolean {
  let capitals = 0;
  let marks = 0;
  for (let at = start; at < stop; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) return true;
    if (code >= 65 && code <= 90) capitals += 1;
    else if (code < 65 || code === 95) marks += 1;
    if (capitals > 0 && (marks > 0 || (capitals === 2 && at === start + 1))) return true;
  }
  return false;
}
