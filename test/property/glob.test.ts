import fc from "fast-check";
import { expect, test } from "vitest";
import { compileGlob, coversShape, globCoversTemplate, globOverlapsTemplate, shapeOf } from "../../src/mcp/glob.ts";

const characters = ["a", "a", "b", "/", ".", "\u{1f511}", "\n"];
const text = fc.string({ unit: fc.constantFrom(...characters), maxLength: 10 });
const pattern = fc.string({ unit: fc.constantFrom(...characters, "*", "*", "?"), maxLength: 8 });

/** Literal pieces around expressions, and what each expression expands to. */
const expansion = fc
  .record({ first: text, rest: fc.array(fc.record({ literal: text, value: text }), { maxLength: 3 }) })
  .map(({ first, rest }) => ({
    template: first + rest.map(({ literal }) => `{+x}${literal}`).join(""),
    text: first + rest.map(({ literal, value }) => value + literal).join(""),
  }));

test("matches what a regular expression of the same meaning matches", () => {
  fc.assert(
    fc.property(pattern, text, (glob, candidate) => {
      const source = glob.replaceAll(/[.*?/]/g, (sign) => ({ "*": ".*", "?": "." })[sign] ?? `\\${sign}`);
      expect(compileGlob(glob).matches(candidate)).toBe(new RegExp(`^${source}$`, "su").test(candidate));
    }),
    { numRuns: 2_000 },
  );
});

/** Code point by code point, with every run tried from its shortest: slow, and plainly what is meant. */
function matchesSlowly(pattern: string, text: string): boolean {
  const [tokens, points] = [Array.from(pattern), Array.from(text)];
  let [inPattern, inText, afterRun, runEnd] = [0, 0, -1, 0];
  while (inText < points.length) {
    if (tokens[inPattern] === "*") {
      afterRun = ++inPattern;
      runEnd = inText;
    } else if (tokens[inPattern] === "?" || tokens[inPattern] === points[inText]) {
      inPattern++;
      inText++;
    } else if (afterRun >= 0) {
      inPattern = afterRun;
      inText = ++runEnd;
    } else return false;
  }
  while (tokens[inPattern] === "*") inPattern++;
  return inPattern === tokens.length;
}

test("matches what is matched code point by code point, halves of surrogate pairs included", () => {
  const units = ["a", "a", "b", "\u{1f511}", "\ud83d", "\udd11"];
  const some = fc.array(fc.constantFrom(...units), { maxLength: 12 }).map((each) => each.join(""));
  const marks = fc.array(fc.constantFrom(...units, "*", "*", "?", "?"), { maxLength: 9 }).map((each) => each.join(""));
  // A text that was made of the pattern matches more often than not.
  const pair = fc
    .tuple(marks, some, some)
    .chain(([pattern, filling, other]) =>
      fc.tuple(fc.constant(pattern), fc.constantFrom(other, pattern.replaceAll("*", filling).replaceAll("?", "a"))),
    );
  let matched = 0;
  fc.assert(
    fc.property(pair, ([pattern, text]) => {
      const expected = matchesSlowly(pattern, text);
      if (expected) matched += 1;
      expect(compileGlob(pattern).matches(text)).toBe(expected);
    }),
    { numRuns: 20_000 },
  );
  expect(matched).toBeGreaterThan(2_000);
});

test("a thousand patterns over many long texts match none of them, and come to an end", () => {
  const globs = Array.from({ length: 1_000 }, (_, at) => compileGlob(`note://*/team-${at}/*`));
  const texts = Array.from({ length: 64 }, (_, at) => `note://${at}/${"/team-".repeat(330)}`);
  for (const glob of globs) for (const text of texts) expect(glob.matches(text)).toBe(false);
});

test("a pattern made from a text matches it", () => {
  const blurred = fc.array(fc.record({ piece: text, mark: fc.constantFrom("keep", "star") }), { maxLength: 6 });
  fc.assert(
    fc.property(blurred, (pieces) => {
      const glob = compileGlob(pieces.map(({ piece, mark }) => (mark === "star" ? "*" : piece)).join(""));
      expect(glob.matches(pieces.map(({ piece }) => piece).join(""))).toBe(true);
    }),
  );
});

test("where an expansion matches, the template overlaps; where the template is covered, every expansion matches", () => {
  fc.assert(
    fc.property(pattern, expansion, (source, { template, text }) => {
      const glob = compileGlob(source);
      if (glob.matches(text)) expect(globOverlapsTemplate(glob, template)).toBe(true);
      else expect(globCoversTemplate(glob, template)).toBe(false);
    }),
    { numRuns: 5_000 },
  );
});

test("a template overlaps exactly when some short expansion matches", () => {
  const unit = fc.constantFrom("a", "b");
  const short = fc.string({ unit, maxLength: 2 });
  const smallPattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 4 });
  // Four characters for each of two expressions are enough for whatever a pattern of four can ask for.
  const values = [""];
  for (const value of values) if (value.length < 4) values.push(`${value}a`, `${value}b`);
  fc.assert(
    fc.property(smallPattern, short, short, short, (source, first, second, third) => {
      const glob = compileGlob(source);
      const some = values.some((one) => values.some((two) => glob.matches(first + one + second + two + third)));
      expect(globOverlapsTemplate(glob, `${first}{x}${second}{y}${third}`)).toBe(some);
    }),
    { numRuns: 200 },
  );
});

test("a pattern that covers another matches whatever that one matches", () => {
  // Of two letters and wildcards, where covering and missing by a hair are both frequent.
  const small = fc.string({ unit: fc.constantFrom("a", "b", "*", "*", "?"), maxLength: 6 });
  const texts = [""];
  for (const text of texts) if (text.length < 7) texts.push(`${text}a`, `${text}b`, ...(text === "" ? ["c"] : []));
  let covered = 0;
  fc.assert(
    fc.property(small, small, (one, other) => {
      const [broad, narrow] = [compileGlob(one), compileGlob(other)];
      if (!coversShape(shapeOf(broad), shapeOf(narrow))) return;
      covered += 1;
      expect(texts.filter((text) => narrow.matches(text) && !broad.matches(text))).toEqual([]);
    }),
    { numRuns: 5_000 },
  );
  expect(covered).toBeGreaterThan(300);
});

test("a pattern covers itself, and what is made narrower by putting text in the place of wildcards", () => {
  // Wildcards side by side are where a yes may be missed.
  const literal = text.filter((each) => each !== "");
  const filled = fc.array(fc.record({ literal, wildcard: fc.constantFrom("*", "?"), filling: pattern }), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(filled, (pieces) => {
      const broad = pieces.map(({ literal, wildcard }) => literal + wildcard).join("");
      const narrow = pieces.map(({ literal, wildcard, filling }) => literal + (wildcard === "*" ? filling : "a"));
      expect(coversShape(shapeOf(compileGlob(broad)), shapeOf(compileGlob(broad)))).toBe(true);
      expect(coversShape(shapeOf(compileGlob(broad)), shapeOf(compileGlob(narrow.join(""))))).toBe(true);
    }),
  );
});
