import { describe, expect, it } from "vitest";
import type { Target } from "../../../src/mcp/methods.ts";
import { covers, fits, overlaps } from "../../../src/policy/explain/fit.ts";
import { programOf } from "./sources.ts";

describe("fits", () => {
  const { rules } = programOf(`version: 1
roles:
  r:
    allow: [{ id: allow, server: weather, tools: [x, "get-*"], resources: ["w://a", "w://b/*"] }]
    deny: [{ id: deny, server: weather, tools: [x, "get-*"], resources: ["w://a", "w://b/*"] }]
`);
  const [allow, deny] = ["allow", "deny"].map((id) => rules.find(({ name }) => name === id));

  it.each<[string, Target, boolean, boolean]>([
    ["the server itself", { kind: "server" }, true, false],
    ["a tool", { kind: "tool", name: "get-y" }, true, true],
    ["another tool", { kind: "tool", name: "y" }, false, false],
    ["a prompt of that name", { kind: "prompt", name: "x" }, false, false],
    ["a resource", { kind: "resource", name: "w://a" }, true, true],
    ["a template of which all fits", { kind: "template", name: "w://b/{x}" }, true, true],
    ["a template of which some fits", { kind: "template", name: "w://{x}" }, true, false],
    ["a template of which nothing does", { kind: "template", name: "v://{x}" }, false, false],
  ])("%s", (_case, target, allows, denies) => {
    expect([allow, deny].map((rule) => rule && fits(rule, target))).toEqual([allows, denies]);
  });
});

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
