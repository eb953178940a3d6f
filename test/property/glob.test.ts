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
