import { describe, expect, it } from "vitest";
import { covers, overlaps } from "../../../src/policy/explain/fit.ts";

describe("covers", () => {
  it.each([
    ["*", "a"],
    ["*", "{x}"],
    ["a*", "a"],
    ["a*", "ab*"],
    ["a*", "a?"],
    ["a?", "ab"],
    ["a?", "a?"],
    ["*a*", "xa*"],
    ["{x}", "{x}"],
  ])("%s covers %s", (wide, narrow) => {
    expect(covers(wide, narrow)).toBe(true);
  });

  it.each([
    ["a", "a*"],
    ["ab*", "a*"],
    ["a?", "a*"],
    ["a?", "a"],
    ["a", "b"],
    ["*b", "a*"],
    ["a", "?"],
  ])("%s does not cover %s", (wide, narrow) => {
    expect(covers(wide, narrow)).toBe(false);
  });
});

describe("overlaps", () => {
  it.each([
    ["a*", "*b"],
    ["a?", "?b"],
    ["a", "?"],
    ["*", "x"],
    ["a*", "ab"],
  ])("%s overlaps %s", (one, other) => {
    expect(overlaps(one, other)).toBe(true);
    expect(overlaps(other, one)).toBe(true);
  });

  it.each([
    ["a*", "b*"],
    ["a", "b"],
    ["*a", "*b"],
  ])("%s does not overlap %s", (one, other) => {
    expect(overlaps(one, other)).toBe(false);
  });
});
