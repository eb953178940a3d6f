import { describe, expect, it } from "vitest";
import { sanitize } from "../../../../src/audit/sanitize/sanitize.ts";
import { isWhole } from "../../../../src/audit/sanitize/whole.ts";

describe("isWhole", () => {
  it.each([[{}], [{ city: "Oslo", days: [1, 2.5, true, null], at: { lat: 59.9 } }], ["a [note] in brackets"]])(
    "knows that all of %j is there",
    (value) => {
      expect(sanitize(value)).toEqual(value);
      expect(isWhole(sanitize(value))).toBe(true);
    },
  );

  it.each<[string, unknown]>([
    ["a secret", { password: "hunter2" }],
    ["a long text", { text: "a b ".repeat(2_000) }],
    ["many members", Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`m${at}`, at]))],
    ["many items", Array.from({ length: 200 }, (_, at) => at)],
    ["deep nesting", JSON.parse(`${"[".repeat(40)}${"]".repeat(40)}`)],
    ["what cannot be seen", { text: "a\u200bb" }],
    ["a name that cannot be seen", { "a\u200bb": 1 }],
    ["a long name", { ["n ".repeat(200)]: 1 }],
    ["JSON in a text", { text: '{"a": 1}' }],
    ["a number of many digits", { n: 9_007_199_254_740_992 }],
  ])("is not sure with %s", (_case, value) => {
    expect(isWhole(sanitize(value))).toBe(false);
  });
});
