import { describe, expect, test } from "vitest";
import { compileGlob, coversShape, globCoversTemplate, globOverlapsTemplate, shapeOf } from "../../../src/mcp/glob.ts";

test.each([
  ["forecast", "forecast", true],
  ["forecast", "Forecast", false],
  ["forecast", "forecasts", false],
  ["", "", true],
  ["", "a", false],
  ["*", "", true],
  ["*", "a/b\n", true],
  ["**", "a", true],
  ["get-*", "get-", true],
  ["get-*", "get", false],
  ["get-*", "forget-x", false],
  ["*-get", "a-get", true],
  ["*-get", "a-get-b", false],
  ["a*b*c", "a1b2b3c", true],
  ["a*b*c", "acb", false],
  ["*ab", "aab", true],
  ["?", "", false],
  ["?", "\u{1f511}", true],
  ["??", "\u{1f511}", false],
  ["*?", "\u{1f511}", true],
  ["*??", "\u{1f511}", false],
  ["weather://*", "weather://a/b/c", true],
  ["a.c", "abc", false],
  ["[a-z]+", "b", false],
  ["(a|b)$", "(a|b)$", true],
  ["a\\*", "a*", false],
  ["a*", "a*?", true],
])("%j against %j is %j", (pattern, text, expected) => {
  expect(compileGlob(pattern).matches(text)).toBe(expected);
});

test("says whether it is literal, and what it was made from", () => {
  expect(compileGlob("a.b")).toMatchObject({ pattern: "a.b", literal: true });
  expect(compileGlob("a?")).toMatchObject({ pattern: "a?", literal: false });
  expect(compileGlob("a**")).toMatchObject({ pattern: "a**", literal: false });
});

test("many runs over a text that almost matches still end", () => {
  expect(compileGlob(`${"*a".repeat(60)}*b`).matches("a".repeat(2_048))).toBe(false);
});

describe("templates", () => {
  test.each([
    ["weather://*", "weather://{city}", true, true],
    ["weather://*", "weather://{city}/{day}", true, true],
    ["*", "{+anything}", true, true],
    ["weather://oslo", "weather://{city}", true, false],
    ["weather://oslo/*", "weather://{city}", true, false],
    ["weather://oslo/now", "weather://{city}/later", false, false],
    ["weather://o*", "weather://paris/{day}", false, false],
    ["file:///public/*", "file:///{path}", true, false],
    ["file:///public/*", "file:///secret/{path}", false, false],
    ["*.md", "file:///{path}.md", true, true],
    ["*.md", "file:///{path}.txt", false, false],
    ["*secret*", "x://{id}", true, false],
    ["*secret*", "x://secret/{id}", true, true],
    ["x://?", "x://{id}", true, false],
    ["x://a?c", "x://a{id}", true, false],
    ["x://a?c", "x://abcd{id}", false, false],
    ["x://?*", "x://{id}", true, false],
    ["x://?*", "x://a{id}", true, true],
    ["a*", "*{x}", false, false],
    ["a?", "ab", true, true],
    ["ab", "ab", true, true],
    ["ab", "abc", false, false],
    ["a*c", "abc", true, true],
    ["ab*b", "ab", false, false],
    ["a**", "a{x}", true, true],
    ["x://a*", "x://a{unclosed", true, true],
    ["x://ab", "x://a{unclosed", true, false],
    ["x://a}", "x://a}", true, true],
    ["", "{x}", true, false],
    ["", "", true, true],
  ])("%j and %j: overlap %j, cover %j", (pattern, template, overlaps, covers) => {
    const glob = compileGlob(pattern);
    expect(globOverlapsTemplate(glob, template)).toBe(overlaps);
    expect(globCoversTemplate(glob, template)).toBe(covers);
  });
});

describe("patterns over patterns", () => {
  test.each([
    ["*", "get-*", true],
    ["*", "*", true],
    ["*", "", true],
    ["*", "????", true],
    ["get-*", "get-x", true],
    ["get-*", "get-*-all", true],
    ["get-*", "get-?", true],
    ["get-*", "get*", false],
    ["get-*", "*", false],
    ["get-?", "get-*", false],
    ["get-?", "get-x", true],
    ["get-x", "get-?", false],
    ["get-x", "get-x", true],
    ["?*", "*?", true],
    ["*?*", "?", true],
    ["?*", "*", false],
    ["*a*", "b*a*b", true],
    ["*a*", "b*b", false],
    ["*-a", "*-b-a", true],
    ["a*b*c", "a*c", false],
    ["a*a", "a", false],
    ["**", "*", true],
    ["?", "\u{1f511}", true],
  ])("%j covers %j: %j", (one, other, expected) => {
    expect(coversShape(shapeOf(compileGlob(one)), shapeOf(compileGlob(other)))).toBe(expected);
  });
});
