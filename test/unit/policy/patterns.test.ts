import { describe, expect, it } from "vitest";
import { compileCondition } from "../../../src/policy/condition/condition.ts";
import { evaluate } from "../../fixtures/condition.ts";

function faultsIn(pattern: string): string[] {
  const compiled = compileCondition(`jwt.x.matches(r'${pattern}')`);
  return "outcomes" in compiled ? [] : compiled.map(({ message }) => message);
}

const tooLarge = "the pattern is too large; repetitions such as {1000} multiply what they repeat";
const filler = (length: number) => "a".repeat(length);

describe("a pattern", () => {
  it.each<[string, string, string]>([
    ["that becomes a large program", "(?:abcdefghij){490}", "(?:abcdefghij){501}"],
    ["that becomes one by at most so many", "(?:abcdefghij){1,240}", "(?:abcdefghij){1,501}"],
    ["that becomes one by at least so many", "(?:abcdefghij){490,}", "(?:abcdefghij){501,}"],
    ["of a program as large as it may be", filler(4_998), filler(4_999)],
    ["of repetitions as many as there may be", `[{1000}]${filler(192)}`, `[{1000}]${filler(193)}`],
    // What only looks like a repetition counts as one, so these are small programs.
    ["with a large count", `[{999}]${filler(190)}`, `[{999}]${filler(200)}`],
    ["with a large count at most", `[{2,999}]${filler(190)}`, `[{2,999}]${filler(200)}`],
    ["with a large count at least", `[{999,}]${filler(190)}`, `[{999,}]${filler(200)}`],
    ["with a large count at least, and a smaller one at most", `[{999,2}]${filler(190)}`, `[{999,2}]${filler(200)}`],
    ["with several counts", `[{500}{499}]${filler(185)}`, `[{500}{499}]${filler(200)}`],
  ])("%s is refused, and a little less is not", (_case, some, more) => {
    expect([faultsIn(some), faultsIn(more)]).toEqual([[], [tooLarge]]);
  });

  it("that is none is refused, and it is said why", () => {
    expect(faultsIn("(a")).toEqual(["no regular expression: error parsing regexp: missing closing ): `(a`"]);
  });

  it.each<[string, string, string, string]>([
    ["fits", "^a+$", filler(16_384), "true"],
    ["fits a part", "b", `${filler(16_383)}b`, "true"],
    ["does not fit", "^b", filler(16_384), "false"],
    ["is not compared with a text that is too long", "^a", filler(16_385), "error"],
  ])("%s: %s", (_case, pattern, x, outcome) => {
    expect(evaluate(`jwt.x.matches(r'${pattern}')`, { claims: { x } })).toBe(outcome);
  });
});
