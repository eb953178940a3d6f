import { describe, expect, it } from "vitest";
import type { AuditRecord } from "../../../src/audit/record.ts";
import { Usage } from "../../../src/policy/review/usage.ts";
import { subjectOf } from "../../fixtures/policy.ts";
import { type Recorded, trailOf } from "../commands/policies.ts";
import { programOf } from "./sources.ts";

const sinceMs = Date.parse("2026-03-01T00:00:00Z");
const alice = subjectOf({ issuer: "builtin", subject: "alice" });

function hear(calls: readonly Recorded[], bindings = "{ roles: [r], groups: [analysts] }"): Usage {
  const program = programOf(`version: 1
roles:
  r:
    allow:
      - { server: weather, tools: ["get-*", get-a], prompts: [p], resources: ["w://*"] }
      - { server: weather, tools: ["get-*"] }
      - { server: news, tools: [get-a] }
    deny: [{ server: weather, tools: ["get-*-not"] }]
bindings: [${bindings}]
`);
  const usage = new Usage(program, sinceMs);
  for (const line of trailOf(...calls)
    .trimEnd()
    .split("\n"))
    usage.hear(JSON.parse(line) as AuditRecord);
  return usage;
}

const on = (day: string, more: Recorded = {}): Recorded => ({
  time: `2026-${day}T00:00:00.000Z`,
  tool: "get-a",
  ...more,
});

describe("usage", () => {
  it("counts a use for each pattern that fits, once, and for no other", () => {
    const usage = hear([on("03-02"), on("03-02"), on("03-02", { tool: "get-b-not" })]);
    const of = (server: string, kind: "tool" | "prompt", pattern: string) =>
      usage.useOf(alice, server, kind, pattern).count;
    expect(of("weather", "tool", "get-*")).toBe(3);
    expect(of("weather", "tool", "get-a")).toBe(2);
    expect(of("weather", "tool", "get-*-not")).toBe(0);
    expect(of("weather", "prompt", "p")).toBe(0);
    expect(of("news", "tool", "get-a")).toBe(0);
    expect(usage.useOf(subjectOf({ issuer: "corp", subject: "alice" }), "weather", "tool", "get-a").count).toBe(0);
  });

  it.each<[string, Recorded, "prompt" | "resource", string, number]>([
    ["prompts", { entry: { target: { kind: "prompt", name: "p" } } }, "prompt", "p", 1],
    ["resources", { resource: "w://x" }, "resource", "w://*", 1],
    [
      "no templates, which are only listed",
      { entry: { target: { kind: "template", name: "w://x" } } },
      "resource",
      "w://*",
      0,
    ],
  ])("is of %s too", (_case, call, kind, pattern, count) => {
    expect(hear([on("03-02", call)]).useOf(alice, "weather", kind, pattern).count).toBe(count);
  });

  it.each<[string, Recorded]>([
    ["that names nothing", { entry: { target: { kind: "tool", name: null } } }],
    ["without a target", { entry: { target: null } }],
    ["of no server", { entry: { server: null } }],
  ])("counts a call of somebody %s, but no use", (_case, call) => {
    const usage = hear([on("03-02", { ...call, decision: { rule: "x" } })]);
    expect(usage.people().map(({ calls }) => calls)).toEqual([1]);
    expect(usage.useByRule("x", null)).toEqual({ count: 0, last: null });
    expect(usage.useOf(alice, "weather", "tool", "get-a")).toEqual({ count: 0, last: null });
  });

  it("begins with the period, and knows of what was before when it was", () => {
    const before = { time: "2026-02-28T23:59:59.999Z" };
    const usage = hear([on("03-01", { decision: { rule: "x" } }), on("", { ...before, decision: { rule: "x" } })]);
    const use = { count: 1, last: "2026-03-01T00:00:00.000Z" };
    expect(usage.useOf(alice, "weather", "tool", "get-a")).toEqual(use);
    expect(usage.useByRule("x", alice)).toEqual(use);
    expect(usage.useByRule("x", null)).toEqual(use);
    expect(usage.people().map(({ calls }) => calls)).toEqual([1]);
  });

  it("goes by the times of records, whatever their order", () => {
    const usage = hear([on("03-03", { groups: ["new"] }), on("03-02", { groups: ["old"] }), on("03-05"), on("03-04")]);
    expect(usage).toMatchObject({
      records: 4,
      beyond: 0,
      first: "2026-03-02T00:00:00.000Z",
      last: "2026-03-05T00:00:00.000Z",
    });
    expect(usage.people()).toMatchObject([{ lastSeen: "2026-03-05T00:00:00.000Z", calls: 4 }]);
    expect(usage.useOf(alice, "weather", "tool", "get-a").last).toBe("2026-03-05T00:00:00.000Z");
    expect(hear([on("03-03", { groups: ["new"] }), on("03-02", { groups: ["old"] })]).people()).toMatchObject([
      { subject: { groups: ["new"] } },
    ]);
  });

  it("takes of records of the same moment the last", () => {
    expect(hear([on("03-03", { groups: ["a"] }), on("03-03", { groups: ["b"] })]).people()).toMatchObject([
      { subject: { groups: ["b"] } },
    ]);
  });

  it("hears records of nobody, of whom nothing is kept", () => {
    const usage = hear([on("03-02", { entry: { identity: null } })]);
    expect(usage).toMatchObject({ records: 1, beyond: 0, first: "2026-03-02T00:00:00.000Z" });
    expect(usage.people()).toEqual([]);
  });

  it("counts what a rule decided for each, and for all", () => {
    const usage = hear([
      on("03-02", { decision: { rule: "x" } }),
      on("03-03", { decision: { rule: "x" }, subject: "bob" }),
      on("03-04", { decision: { rule: "y" } }),
      on("03-05"),
      on("03-06", { decision: { effect: "deny", reason: "policy_denied", rule: "x" } }),
    ]);
    expect(usage.useByRule("x", alice)).toEqual({ count: 1, last: "2026-03-02T00:00:00.000Z" });
    expect(usage.useByRule("x", null)).toEqual({ count: 2, last: "2026-03-03T00:00:00.000Z" });
    expect(usage.useByRule("z", null)).toEqual({ count: 0, last: null });
    expect(usage.useByRule("x", subjectOf({ issuer: "builtin", subject: "eve" }))).toEqual({ count: 0, last: null });
  });

  it.each([
    ["one person by any client", "{ roles: [r], groups: [a] }", [[null, 2]]],
    [
      "two by two clients",
      "{ roles: [r], groups: [a] }, { roles: [r], clients: [ci] }",
      [
        ["ci", 1],
        ["ide", 1],
      ],
    ],
  ] as const)("is of %s, as bindings look at clients", (_case, bindings, expected) => {
    const by = (client: string) =>
      on("03-02", { entry: { identity: { issuer: "builtin", subject: "alice", client, via: "jwt", groups: [] } } });
    const people = hear([by("ci"), by("ide")], bindings).people();
    expect(people.map(({ subject, calls }) => [subject.client, calls])).toEqual(expected);
  });
});
