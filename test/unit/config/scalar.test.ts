import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isScalar, parseDocument } from "yaml";
import { findInScalar } from "../../../src/config/scalar.ts";

/** Where each character of a value stands, in a document that is nothing but `k: ` and the scalar. */
function lookUp(source: string, letter: string): string {
  const document = parseDocument(`k: ${source}\n`);
  const node = document.get("k", true);
  if (!isScalar(node) || typeof node.value !== "string" || node.range == null) throw new Error("this is no text");
  const text = `k: ${source}\n`.slice(node.range[0], node.range[1]);
  const index = node.value.indexOf(letter);
  const found = findInScalar(text, node.value, index);
  return text.slice(found, found + letter.length);
}

describe("a character of a scalar", () => {
  it.each<[string, string, string]>([
    ["plain", "a && b == X", "X"],
    ["plain over several lines", "a &&\n  b ==\n  X", "X"],
    ["single quotes", "'a && X'", "X"],
    ["doubled quotes", "'it''s ''X'''", "X"],
    ["single quotes over several lines", "'a\n\n  X'", "X"],
    ["double quotes", '"a && X"', "X"],
    ["escaped quotes before it", '"\\"a\\" == \\"b\\" X"', "X"],
    ["escaped backslashes", '"\\\\d \\\\\\\\ X"', "X"],
    ["an escaped line end", '"a \\\n   X"', "X"],
    ["letters that are escapes elsewhere", '"\\n n \\t t X"', "X"],
    ["a letter behind an escape that shares it", '"\\nn"', "n"],
    ["literal", "|\n  a\n    X", "X"],
    ["literal with an indentation", "|2-\n    a\n    X", "X"],
    ["folded", ">-\n  a &&\n  X\n", "X"],
    ["a comment behind the header", "| # X marks\n  a X", "X"],
    ["windows line ends", "|\r\n  a\r\n  X", "X"],
    ["characters outside of the basic plane before it", "'👍 é X'", "X"],
    ["such a character itself", "|\n  a 👍 b", "👍"],
    ["such characters again and again", '"👍👍 👎"', "👎"],
  ])("in %s", (_case, source, letter) => {
    expect(lookUp(source, letter)).toBe(letter);
  });

  it.each<[string, string, number, number]>([
    ['"a \\u00fc b"', "a ü b", 2, 3],
    ['"a \\u00fc b"', "a ü b", 4, 10],
    ['"\\x41 \\U0001F44D u"', "A 👍 u", 0, 1],
    ['"\\x41 \\U0001F44D u"', "A 👍 u", 2, 6],
    ['"\\x41 \\U0001F44D u"', "A 👍 u", 5, 17],
    // Half a character in each escape: what comes before it is the nearest place.
    ['"a\\ud83d\\udc4d d"', "a👍 d", 1, 1],
    ['"a \\" b"', 'a " b', 2, 3],
    ["'a '''' b'", "a '' b", 2, 3],
    ["'a '''' b'", "a '' b", 3, 5],
  ])("in %s, of %j the one at %d is at %d", (source, value, index, expected) => {
    expect(findInScalar(source, value, index)).toBe(expected);
  });

  it("behind the last one is the end", () => {
    expect(findInScalar("abc", "abc", 3)).toBe(3);
    expect(findInScalar("|\n  abc\n", "abc\n", 4)).toBe(7);
    expect(findInScalar("", "", 0)).toBe(0);
  });
});

/** The same text in every style that YAML has for it. */
function stylesOf(words: readonly string[]): string[] {
  const text = words.join(" ");
  return [
    `'${text.replaceAll("'", "''")}'`,
    JSON.stringify(text),
    JSON.stringify(text).replaceAll(" ", "\n  "),
    `|-\n  ${text}`,
    `>-\n  ${words.join("\n  ")}`,
    `'${words.join("\n   ").replaceAll("'", "''")}'`,
  ];
}

it("is found in every style of writing it", () => {
  const word = fc.string({
    unit: fc.constantFrom("a", "b", "n", "u", '"', "'", "\\", "/", "👍", "é", "=", "(", "t"),
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), fc.nat(), (words, choice) => {
      const value = words.join(" ");
      for (const style of stylesOf(words)) {
        const node = parseDocument(`k: ${style}\n`).get("k", true);
        // Two spaces of a folded line and the like would make another text of it.
        if (!isScalar(node) || node.value !== value || node.range == null) continue;
        const source = `k: ${style}\n`.slice(node.range[0], node.range[1]);
        const points = [...value.matchAll(/\S/gu)];
        const { index = 0, 0: letter = "" } = points[choice % points.length] ?? {};
        const found = findInScalar(source, value, index);
        const shown = source.startsWith("\\", found) ? source.slice(found + 1) : source.slice(found);
        expect([style, source.startsWith(letter, found) || shown.startsWith(letter)]).toEqual([style, true]);
      }
    }),
    { numRuns: 1_000 },
  );
});
