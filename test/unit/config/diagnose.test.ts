import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arePathsRelated, didYouMean, findNearest, renderPath, renderProblems } from "../../../src/config/diagnose.ts";

describe("paths", () => {
  it.each([
    [[], ""],
    [["listen", "tls", "cert"], "listen.tls.cert"],
    [["roles", "a b", "allow", 0], 'roles["a b"].allow[0]'],
  ])("%j is written %j", (path, text) => {
    expect(renderPath(path)).toBe(text);
  });

  it("are related when one leads to the other", () => {
    expect(arePathsRelated(["a"], ["a", "b"])).toBe(true);
    expect(arePathsRelated(["a", "b"], ["a"])).toBe(true);
    expect(arePathsRelated(["a", "b"], ["a", "c"])).toBe(false);
  });
});

describe("misspelt words", () => {
  it.each([
    ["adress", "address"],
    ["polices", "policies"],
    ["PublicURL", "publicUrl"],
    ["ysstem", "system"],
  ])("%s is near %s", (word, meant) => {
    expect(findNearest(word, ["other", meant, "listen"])).toBe(meant);
  });

  it("says nothing when nothing is near", () => {
    expect(didYouMean("token", ["url", "headers"])).toBeUndefined();
    expect(didYouMean("ur", ["url"])).toBeUndefined();
  });

  it("finds a word again whatever one letter of it became", () => {
    const word = fc.stringMatching(/^[a-z]{3,12}$/);
    fc.assert(
      fc.property(word, fc.nat(), fc.constantFrom(..."abcxyz"), (meant, at, letter) => {
        const place = at % meant.length;
        const typed = meant.slice(0, place) + letter + meant.slice(place + 1);
        expect(findNearest(typed, [meant])).toBe(meant);
      }),
    );
  });
});

it("writes the place, the line, a caret and the hint", () => {
  const problem = { file: "a.yaml", line: 12, column: 3, path: "listen", message: "is wrong", hint: "mend it" };
  const text = renderProblems([{ ...problem, excerpt: { text: "  listen: x", caret: 2 } }]);
  expect(text).toBe("a.yaml:12:3: listen: is wrong\n  12 |   listen: x\n     |   ^\n  hint: mend it\n");
});
