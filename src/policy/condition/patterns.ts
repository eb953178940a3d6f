/**
 * Regular expressions of conditions. The engine takes time in proportion to text and pattern together (github.com/google/re2), so the
 * pattern, which a policy writes, is bounded when it is read, and the text, which a caller chooses, is paid for.
 */
import { RE2JS } from "@bufbuild/re2";
import { pay } from "./purse.ts";

/** A pattern that was read. */
export interface Pattern {
  /** @throws RangeError for text that is too long, or that cannot be paid for */
  test(text: string): boolean;
}

/** Instructions of the program that a pattern becomes; `[a-z]{1,63}` takes 126. */
const maxInstructions = 5_000;
/** Repetitions are written out before anything can be counted, so this is asked first: all counts together, times the length. */
const maxRepetition = 200_000;
/** The engine is linear, but slow on a megabyte. */
const maxMatched = 16_384;

/** In about a nanosecond each: what was seen at worst for a character and an instruction, and for a character at all. */
const perInstruction = 16;
const perCharacter = 80;

/** Patterns stand in policies only, so there are few; they are kept because the evaluator asks for them anew each time. */
const patterns = new Map<string, Pattern>();
const maxPatterns = 10_000;

/** @throws Error that says what is wrong with the pattern */
export function compilePattern(text: string): Pattern {
  const known = patterns.get(text);
  if (known !== undefined) return known;
  const compiled = compile(text);
  if (patterns.size >= maxPatterns) patterns.clear();
  patterns.set(text, compiled);
  return compiled;
}

function compile(text: string): Pattern {
  if (countRepetitions(text) * text.length > maxRepetition) throw tooLarge();
  const regex = parse(text);
  const instructions = regex.re2Input.prog.numInst();
  if (instructions > maxInstructions) throw tooLarge();
  const price = Math.max(perCharacter, instructions * perInstruction);
  return {
    test(matched) {
      if (matched.length > maxMatched) throw new RangeError("the text is too long for a regular expression");
      pay(matched.length * price);
      return regex.test(matched);
    },
  };
}

function parse(text: string): RE2JS {
  try {
    return RE2JS.compile(text);
  } catch (error) {
    throw new Error(`no regular expression: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The larger number of each `{2,30}`. What only looks like one counts too, which no sensible pattern runs into. */
function countRepetitions(text: string): number {
  const counts = [...text.matchAll(/\{(\d{1,4})(?:,(\d{0,4}))?\}/g)];
  return counts.reduce((sum, [, least, most]) => sum + Math.max(Number(least), Number(most ?? 0)), 0);
}

function tooLarge(): Error {
  return new Error("the pattern is too large; repetitions such as {1000} multiply what they repeat");
}
