import { describe, expect, it } from "vitest";
import { viewOf } from "../../../src/policy/evaluate.ts";
import { Sight } from "../../../src/policy/sight.ts";
import { noonMs, subjectOf } from "../../fixtures/policy.ts";
import { programOf } from "./sources.ts";

const text = `version: 1
roles:
  r:
    allow:
      - { server: weather, tools: [plain, denied, gone] }
      - { server: weather, tools: [read], when: mcp.tool.annotations.readOnlyHint == true }
      - { server: weather, tools: [small], when: mcp.tool.arguments.amount < 100 }
      - { server: weather, tools: [proof], require: { scopes: [s] } }
      - { server: weather, tools: [office], when: 'peer.ip == "192.0.2.1"' }
      - { server: weather, tools: [soon], from: 2026-03-03 }
      - { server: weather, resources: ["w://a/*"] }
      - { server: weather, resources: ["w://proof/*"], require: { scopes: [s] } }
      - { server: weather, resources: ["w://told/*"], when: mcp.method == "resources/subscribe" }
    deny:
      - { server: weather, resources: ["w://a/told/*"], when: mcp.method == "resources/read" }
      - { server: weather, tools: [denied], when: mcp.tool.arguments.amount > 100 }
      - { server: weather, tools: [gone] }
bindings: [{ roles: [r], subjects: [u] }]
`;

const view = viewOf(programOf(text), subjectOf({ subject: "u" }), "weather");
const nothing = viewOf(programOf(text), subjectOf({ subject: "v" }), "weather");
const standpoint = {
  ip: "192.0.2.1",
  now: () => noonMs,
  annotationsOf: (tool: string) => (tool === "read" ? { readOnlyHint: true } : {}),
};
const tool = (name: string) => ({ kind: "tool", name }) as const;
const day = 86_400_000;

describe("what is seen", () => {
  it.each([
    ...["plain", "denied", "read", "small", "proof", "office"].map((name) => [name, true] as const),
    ...["gone", "soon", "other"].map((name) => [name, false] as const),
  ])("%s: %s", (name, isSeen) => {
    expect(new Sight(view, standpoint).sees(tool(name))).toBe(isSeen);
    expect(new Sight(nothing, standpoint).sees(tool(name))).toBe(false);
  });

  it("goes by what is being listed, before what was listed last", () => {
    const sight = new Sight(view, standpoint);
    expect(sight.sees(tool("read"), { readOnlyHint: false })).toBe(false);
    const forgetful = new Sight(view, { ...standpoint, annotationsOf: () => undefined });
    expect(forgetful.sees(tool("read"))).toBe(false);
    expect(forgetful.sees(tool("read"), { readOnlyHint: true })).toBe(true);
  });

  it("goes by where and when somebody looks", () => {
    expect(new Sight(view, { ...standpoint, ip: "192.0.2.2" }).sees(tool("office"))).toBe(false);
    expect(new Sight(view, { ...standpoint, now: () => noonMs + day }).sees(tool("soon"))).toBe(true);
  });

  it("may be looked at by another policy from the same place", () => {
    const sight = new Sight(nothing, standpoint).by(view);
    expect(sight.view).toBe(view);
    expect(["office", "read", "soon"].map((name) => sight.sees(tool(name)))).toEqual([true, true, false]);
  });
});

describe("what is open", () => {
  it.each([
    ["w://a/b", true, true],
    ["w://proof/b", true, false],
    ["w://told/b", true, false],
    ["w://a/told/b", true, false],
    ["w://other", false, false],
  ])("%s is seen: %s, and may be read as things stand: %s", (name, isSeen, isOpen) => {
    const sight = new Sight(view, standpoint);
    const target = { kind: "resource", name } as const;
    expect([sight.sees(target), sight.opens(target)]).toEqual([isSeen, isOpen]);
  });

  it("is what somebody has proved enough for", () => {
    const proved = viewOf(programOf(text), subjectOf({ subject: "u", scopes: ["s"] }), "weather");
    expect(new Sight(proved, standpoint).opens({ kind: "resource", name: "w://proof/b" })).toBe(true);
  });
});
