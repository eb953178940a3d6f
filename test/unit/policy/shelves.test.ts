import { describe, expect, it } from "vitest";
import { judge, viewOf } from "../../../src/policy/evaluate.ts";
import { plainly, subjectOf } from "../../fixtures/policy.ts";
import { programOf } from "./sources.ts";

const program = programOf(`version: 1
roles:
  all: { allow: [{ id: any, server: weather, tools: ["tool-*"] }], deny: [{ id: odd, server: weather, tools: ["*-?1"] }] }
  some: { allow: [{ id: one, server: weather, tools: [tool-7] }] }
bindings:
  - { roles: [all], groups: [a] }
  - { roles: [some], groups: [b] }
`);
const effectOf = (group: string, name: string) =>
  judge(viewOf(program, subjectOf({ subject: name, groups: [group] }), "weather"), { kind: "tool", name }, plainly)
    .effect;

describe("what is remembered of names", () => {
  it("is true of each, however many are asked for, and asked for again", () => {
    const names = [...Array.from({ length: 1_500 }, (_, at) => `tool-${at}`), `tool-${"x".repeat(300)}`];
    const expected = names.map((name) => (/^tool-.1$/.test(name) ? "deny" : "allow"));
    for (const _again of [1, 2]) expect(names.map((name) => effectOf("a", name))).toEqual(expected);
  });

  it("is of those alone to whom the same bindings apply", () => {
    expect(effectOf("a", "tool-8")).toBe("allow");
    expect(effectOf("b", "tool-8")).toBe("deny");
    expect(effectOf("b", "tool-7")).toBe("allow");
    expect(effectOf("c", "tool-7")).toBe("deny");
  });
});
