import { describe, expect, it } from "vitest";
import { holdsMoreThan, memberNamesOf } from "../../../src/policy/condition/values.ts";
import { judge, viewOf } from "../../../src/policy/evaluate.ts";
import { plainly, subjectOf } from "../../fixtures/policy.ts";
import { programOf } from "./sources.ts";

const program = programOf(`version: 1
roles: { r: { allow: [{ server: weather, tools: [a], when: mcp.tool.arguments.amount <= 100 }] } }
bindings: [{ roles: [r], subjects: [ann] }]
`);

describe("arguments with very many values", () => {
  it.each([
    ["some", 49_900, "allow", "allowed"],
    ["too many", 50_000, "deny", "condition_failed"],
    ["a megabyte of them", 400_000, "deny", "condition_failed"],
  ])("%s", (_many, length, effect, reason) => {
    const args = { amount: 1, rest: Array.from({ length }, () => ({})) };
    const circumstances = { ...plainly, call: { method: "tools/call", args } };
    const view = viewOf(program, subjectOf({ subject: "ann" }), "weather");
    expect(judge(view, { kind: "tool", name: "a" }, circumstances)).toMatchObject({ effect, reason });
  });

  it("have their names read once, whoever asks", () => {
    const args = { amount: 1 };
    expect(memberNamesOf(args)).toBe(memberNamesOf(args));
    expect(memberNamesOf({ amount: 1 })).not.toBe(memberNamesOf(args));
  });

  it.each<[unknown, number, boolean]>([
    [null, 1, false],
    [[], 0, true],
    [{ a: 1, b: [2, 3] }, 5, false],
    [{ a: 1, b: [2, 3] }, 4, true],
    [[[[[1]]]], 5, false],
    [[[[[1]]]], 4, true],
  ])("are counted: %j holds more than %d: %s", (value, most, expected) => {
    expect(holdsMoreThan(most, value)).toBe(expected);
  });
});
