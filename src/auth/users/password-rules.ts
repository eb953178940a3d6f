/**
 * Which passwords are refused (NIST SP 800-63B section 3.1.1.2, OWASP ASVS 2.1): short ones, and those that whoever guesses tries first.
 * No rules about sorts of characters, which make passwords no better. Pure, and without asking anybody.
 */
import { commonWords } from "./common-words.ts";
import { maxPasswordLength } from "./password.ts";

/** Fewer can be tried out by whoever has the file (NIST SP 800-63B section 3.1.1.2 asks for 15 where nothing else is proved). */
const minLength = 15;
/** What is made of fewer different words, sequences and other characters is soon guessed. */
const minPieces = 4;
/** Three entries of a list of tens of thousands are more than can be tried. */
const minListedPieces = 3;
/** Entries of such a list are no longer. */
const longestListed = 40;
/** A shorter name is part of too many words; it counts as a common one. */
const minName = 4;

const productName = "sallyport";

/** Neighbours in the alphabet, and on keyboards. */
const rows = [
  "abcdefghijklmnopqrstuvwxyz",
  "01234567890",
  "qwertyuiopasdfghjklzxcvbnm",
  "qwertzuiopasdfghjklyxcvbnm",
  "azertyuiopqsdfghjklmwxcvbn",
  "1q2w3e4r5t6y7u8i9o0p",
  "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
].flatMap((row) => [row, [...row].toReversed().join("")]);

/** How people write letters to make them look like something else. */
const disguises: Readonly<Record<string, string>> = {
  "0": "o",
  "1": "i",
  "3": "e",
  "4": "a",
  "5": "s",
  "7": "t",
  "@": "a",
  $: "s",
  "!": "i",
};

/**
 * @param user the name of whom it is for
 * @throws Error that says what to do, for a password that is refused
 */
export function checkPassword(password: string, user: string): string {
  const length = [...password].length;
  if (length < minLength) throw new Error(`a password has at least ${minLength} characters; a few words will do`);
  if (password.length > maxPasswordLength) throw new Error(`a password has at most ${maxPasswordLength} characters`);
  const text = password.normalize("NFC").toLowerCase();
  const names = [productName, user, ...user.split(/[@._+-]/)].filter((name) => name !== "");
  const named = names.find((name) => name.length >= minName && text.includes(name));
  if (named !== undefined)
    throw new Error(`a password does not contain ${named}, which is guessed first; leave it out`);
  const unit = findUnit(text);
  if (unit < minLength && unit < text.length)
    throw new Error("the password repeats itself; take a few words that have nothing to do with each other");
  if (countPieces(text, names) < minPieces)
    throw new Error(
      "the password is made of words or sequences that are guessed first; take a few words that have nothing to do with each other",
    );
  return password;
}

/**
 * Whether a password is one of a list, or two of them, or one with a single character besides: too little to be guessed after it.
 *
 * @param listed in lower case
 * @param user the name of whom it is for
 */
export function isMadeOf(listed: ReadonlySet<string>, password: string, user: string): boolean {
  const text = password.normalize("NFC").toLowerCase();
  return listed.has(text) || countPieces(text, [user], listed, longestListed) < minListedPieces;
}

/** Length of what a text is a repetition of, twice at least; its own where it is none. */
function findUnit(text: string): number {
  for (let unit = 1; unit * 2 <= text.length; unit += 1) {
    if (text.startsWith(text.slice(unit))) return unit;
  }
  return text.length;
}

/** How many different parts a text has: common words, sequences, and whatever is neither, character by character. */
function countPieces(
  text: string,
  names: readonly string[],
  words: ReadonlySet<string> = commonWords,
  longest = longestWord,
): number {
  const wordLength = (from: string, at: number) => findWord(from, at, names, words, longest);
  const plain = [...text].map((letter) => disguises[letter] ?? letter).join("");
  const pieces = new Set<string>();
  for (let at = 0; at < text.length; ) {
    const length = Math.max(1, wordLength(plain, at), sequenceLength(text, at), wordLength(text, at));
    pieces.add(text.slice(at, at + length));
    at += length;
  }
  return pieces.size;
}

const longestWord = Math.max(...[...commonWords].map(({ length }) => length));

function findWord(
  text: string,
  at: number,
  names: readonly string[],
  words: ReadonlySet<string>,
  longest: number,
): number {
  for (let length = Math.min(longest, text.length - at); length > 1; length -= 1) {
    const word = text.slice(at, at + length);
    if (words.has(word) || names.includes(word)) return length;
  }
  return 0;
}

/** Of three at least: of one character, or of neighbours. Years are one, too. */
function sequenceLength(text: string, at: number): number {
  const rest = text.slice(at);
  const [year = ""] = /^(?:19|20)\d\d/.exec(rest) ?? [];
  const [same = ""] = /^(.)\1{2,}/u.exec(rest) ?? [];
  const inRows = rows.map((row) => sharedLength(rest, row));
  const longest = Math.max(...inRows);
  return Math.max(year.length, same.length, longest > 2 ? longest : 0);
}

/** How far a text goes along a row, from wherever in it. */
function sharedLength(text: string, row: string): number {
  const start = row.indexOf(text.charAt(0));
  if (start === -1) return 0;
  let length = 0;
  while (length < text.length && start + length < row.length && text[length] === row[start + length]) length += 1;
  return length;
}
