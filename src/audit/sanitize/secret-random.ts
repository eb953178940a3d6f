/**
 * Long words that look drawn by lot: keys and passwords that no vendor gave a form of its own. Names, paths and sentences
 * change less often between capitals, small letters and digits than chance does. One look at each character.
 */
import { isEncodedText } from "./base64-text.ts";
import type { Redact } from "./secret-mark.ts";
import { isIdentifierName } from "./secret-names.ts";

/** Shorter words are not looked at, in characters. Half of all hexadecimal hashes begin here. */
export const shortestRandom = 32;

const run = /[A-Za-z0-9+/_-]{32,}={0,2}/g;

/** What stands before a value: `commit 5d277e0c…`, `"sha256":"…`, `/blob/…`. */
const nameBefore = /([A-Za-z][\w.-]{0,30})\\{0,8}["'`]?[\s:=/#@([]{1,3}\\{0,8}["'`]?$/;
const longestBefore = 64;

/** Subresource Integrity and npm write the algorithm into the same word. */
const digestAlgorithm = /^(?:md5|sha\d{1,3})-/;

/** How files of images, sound and the like begin in Base64: long and random, and no secrets. */
const mediaHead =
  /^(?:iVBORw0KGgo|\/9j\/|R0lGOD|UklGR|JVBERi0|UEsDB|SUkqA|TU0AK|SUQz|T2dnUw|AAAA[A-Za-z0-9+/]{3}mdHlw|H4sI|PHN2Z|PD94bWw)/;

// Of 32 random characters, 12 to 20 are of another kind than the one before. These bounds let one in fifty of such words go by, and few longer ones.
const fewestChanges = 6;
const fewestChangesMixed = 13;
const fewestOfEachCase = 5;

/** Replaces every such word that is not named as an identifier, hash or the like. */
export function redactRandom(text: string, redact: Redact): string {
  return text.replace(run, (word, at: number) => (mediaHead.test(word) ? word : redactWord(word, at, text, redact)));
}

/** The name that stands before a value in a text; empty if there is none. */
export function findNameBefore(text: string, at: number): string {
  return nameBefore.exec(text.slice(Math.max(0, at - longestBefore), at))?.[1] ?? "";
}

/** A word can be a path, of which one step is random; Base64 has slashes as well. */
function redactWord(word: string, at: number, text: string, redact: Redact): string {
  const found = findRandom(word);
  // Paths are as long, and not worth a look at what they would be in Base64.
  if (found === null || isEncodedText(word)) return word;
  const start = word.lastIndexOf("/", found.start) + 1;
  const slash = word.indexOf("/", found.end);
  const end = slash === -1 ? word.length : slash;
  if (isIdentifierName(findNameBefore(text, at + start))) return word;
  if (digestAlgorithm.test(word.slice(start))) return word;
  return word.slice(0, start) + redact(word.slice(start, end)) + word.slice(end);
}

/** From the first to the last 32 characters that look random. */
function findRandom(word: string): { readonly start: number; readonly end: number } | null {
  const kinds = new Uint8Array(word.length);
  const changes = new Uint8Array(word.length);
  const counts: Counts = [0, 0, 0, 0];
  let [start, end, last, changed] = [-1, -1, -1, 0];
  // By index: as an iteration over characters it takes three times as long.
  for (let at = 0; at < word.length; at += 1) {
    const kind = kindOf(word.charCodeAt(at));
    kinds[at] = kind;
    counts[kind] += 1;
    if (kind !== mark) {
      changes[at] = last !== -1 && kind !== last ? 1 : 0;
      last = kind;
    }
    changed += changes[at] ?? 0;
    const gone = at - shortestRandom;
    if (gone >= 0) {
      counts[kinds[gone] as Kind] -= 1;
      changed -= changes[gone] ?? 0;
    }
    if (gone < -1 || !looksRandom(counts, changed)) continue;
    if (start === -1) start = gone + 1;
    end = at + 1;
  }
  return start === -1 ? null : { start, end };
}

/** A mark is no change: dates and names of things have many. */
const mark = 3;
type Kind = 0 | 1 | 2 | 3;
type Counts = [small: number, capital: number, digit: number, mark: number];

function kindOf(code: number): Kind {
  if (code >= 97) return 0;
  if (code >= 65 && code <= 90) return 1;
  return code >= 48 && code <= 57 ? 2 : mark;
}

function looksRandom([small, capital, digit, marks]: Counts, changes: number): boolean {
  if (small === 0 || capital === 0) return marks === 0 && changes >= fewestChanges;
  return small >= fewestOfEachCase && capital >= fewestOfEachCase && digit > 0 && changes >= fewestChangesMixed;
}
