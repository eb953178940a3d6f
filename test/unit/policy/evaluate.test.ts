import { describe, expect, it } from "vitest";
import type { Target } from "../../../src/mcp/methods.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { judge as judgeUnder, type View, viewOf } from "../../../src/policy/evaluate.ts";
import type { PolicySubject } from "../../../src/policy/facts.ts";
import { plainly, sourcesOf, subjectOf } from "../../fixtures/policy.ts";
import { programOf } from "./sources.ts";

const judge = (view: View, target: Target) => judgeUnder(view, target, plainly);

const alice = subjectOf({ issuer: "corp", subject: "alice", client: "cli", groups: ["staff", "analysts"] });

const policy = `version: 1
roles:
  reader:
    allow:
      - { id: read-tools, server: weather, tools: [forecast, "get-*"] }
      - { server: weather, resources: ["weather://*"], prompts: [daily] }
  operator:
    inherits: [reader]
    allow:
      - { server: "*", tools: ["*"] }
    deny:
      - { id: never-drop, server: "*", tools: ["drop-*"] }
      - { server: weather, resources: ["weather://secret/*"] }
bindings:
  - { roles: [reader], groups: [analysts] }
  - { roles: [operator], subjects: [olga], issuers: [corp] }
`;

function effectOf(text: string, identity: PolicySubject, server: string, target: Target): string {
  const verdict = judge(viewOf(programOf(text), identity, server), target);
  return verdict.effect === "allow" ? `allow ${verdict.rule}` : `deny ${verdict.rule}`;
}

describe("verdicts", () => {
  const olga = { ...alice, subject: "olga" };

  it.each<[PolicySubject, string, Target, string]>([
    [alice, "weather", { kind: "tool", name: "forecast" }, "allow read-tools"],
    [alice, "weather", { kind: "tool", name: "get-alerts" }, "allow read-tools"],
    [alice, "weather", { kind: "tool", name: "Forecast" }, "deny null"],
    [alice, "weather", { kind: "tool", name: "forecasts" }, "deny null"],
    [alice, "weather", { kind: "tool", name: "constructor" }, "deny null"],
    [alice, "weather", { kind: "tool", name: "__proto__" }, "deny null"],
    [alice, "weather", { kind: "prompt", name: "daily" }, "allow reader.allow[1]"],
    [alice, "weather", { kind: "prompt", name: "forecast" }, "deny null"],
    [alice, "weather", { kind: "resource", name: "weather://a/b" }, "allow reader.allow[1]"],
    [alice, "weather", { kind: "resource", name: "forecast" }, "deny null"],
    [alice, "weather", { kind: "server" }, "allow read-tools"],
    [alice, "news", { kind: "server" }, "deny null"],
    [alice, "news", { kind: "tool", name: "forecast" }, "deny null"],
    [alice, "unknown", { kind: "tool", name: "forecast" }, "deny null"],
    [olga, "news", { kind: "tool", name: "anything" }, "allow operator.allow[0]"],
    [olga, "news", { kind: "tool", name: "drop-all" }, "deny never-drop"],
    [olga, "weather", { kind: "resource", name: "weather://secret/a" }, "deny operator.deny[1]"],
    [olga, "weather", { kind: "resource", name: "weather://open/a" }, "allow reader.allow[1]"],
  ])("%j on %s, %j: %s", (identity, server, target, expected) => {
    expect(effectOf(policy, identity, server, target)).toBe(expected);
  });

  it("name the place of the rule and the reason", () => {
    const view = viewOf(programOf(policy), olga, "weather");
    expect(judge(view, { kind: "tool", name: "forecast" })).toEqual({
      effect: "allow",
      rule: "read-tools",
      policy: "policies/0.yaml:5",
      reason: "allowed",
      missing: null,
      limit: null,
      certain: true,
    });
    expect(judge(view, { kind: "tool", name: "drop-it" })).toMatchObject({
      policy: "policies/0.yaml:12",
      reason: "denied_by_rule",
    });
    expect(judge(view, { kind: "prompt", name: "x" })).toEqual({
      effect: "deny",
      rule: null,
      policy: null,
      reason: "no_rule",
      missing: null,
      limit: null,
      certain: true,
    });
  });

  it("name the same rule whatever the order of the files", () => {
    const sources = sourcesOf(policy, policy.replaceAll(/reader|operator/g, "$&-2").replaceAll(/id: /g, "id: z-"));
    const name = (order: typeof sources) =>
      judge(viewOf(compilePolicy(order, ["weather"]), alice, "weather"), { kind: "tool", name: "forecast" }).rule;
    expect(name(sources)).toBe("read-tools");
    expect(name(sources.toReversed())).toBe("read-tools");
  });
});

describe("templates", () => {
  const rules = (allow: string, deny: string) => `version: 1
roles: { r: { allow: [{ server: weather, resources: ${allow} }], deny: [{ server: weather, resources: ${deny} }] } }
bindings: [{ roles: [r], subjects: [alice] }]
`;

  it.each([
    ['["weather://*"]', '["none://x"]', "weather://{city}", "allow"],
    ['["weather://oslo/*"]', '["none://x"]', "weather://{city}/now", "allow"],
    ['["weather://oslo"]', '["none://x"]', "weather://{city}", "allow"],
    ['["news://*"]', '["none://x"]', "weather://{city}", "deny"],
    ['["weather://*"]', '["weather://*"]', "weather://{city}", "deny"],
    ['["weather://*"]', '["weather://oslo/*"]', "weather://{city}/now", "allow"],
    ['["weather://*"]', '["*"]', "weather://{city}", "deny"],
  ])("allow %s, deny %s, %s: %s", (allow, deny, name, effect) => {
    const view = viewOf(programOf(rules(allow, deny)), alice, "weather");
    expect(judge(view, { kind: "template", name }).effect).toBe(effect);
  });
});

describe("bindings", () => {
  const bound = (selectors: string) => `version: 1
roles: { r: { allow: [{ server: weather, tools: [forecast] }] } }
bindings: [{ roles: [r], ${selectors} }]
`;

  it.each<[string, Partial<PolicySubject>, boolean]>([
    ["groups: [a, analysts]", {}, true],
    ["groups: [a, b]", {}, false],
    ["groups: ['*']", {}, false],
    ["groups: [analysts]", { groups: [] }, false],
    ["groups: [analysts]", { groups: ["Analysts"] }, false],
    ["subjects: [alice]", {}, true],
    ["subjects: [alice]", { subject: "alice " }, false],
    ["subjects: [alice], issuers: [corp]", {}, true],
    ["subjects: [alice], issuers: [corp]", { issuer: "builtin" }, false],
    ["subjects: [bob], issuers: [corp]", {}, false],
    ["issuers: [builtin, corp]", {}, true],
    ["clients: [cli]", {}, true],
    ["clients: [cli]", { client: null }, false],
    ["clients: ['null']", { client: null }, false],
    ["groups: [analysts], clients: [cli], subjects: [alice], issuers: [corp]", {}, true],
    ["groups: [analysts], clients: [gui], subjects: [alice], issuers: [corp]", {}, false],
  ])("%s for %j: %s", (selectors, change, expected) => {
    const view = viewOf(programOf(bound(selectors)), { ...alice, ...change }, "weather");
    expect(judge(view, { kind: "tool", name: "forecast" }).effect === "allow").toBe(expected);
  });
});

describe("inheritance", () => {
  it("crosses files, both ways of a diamond, and takes denies along", () => {
    const program = programOf(
      "version: 1\nroles: { top: { inherits: [left, right] } }\nbindings: [{ roles: [top], subjects: [alice] }]\n",
      "version: 1\nroles: { left: { inherits: [base] }, right: { inherits: [base], deny: [{ server: weather, tools: [b] }] } }\n",
      "version: 1\nroles: { base: { allow: [{ server: weather, tools: [a, b] }] } }\n",
    );
    const view = viewOf(program, alice, "weather");
    expect(judge(view, { kind: "tool", name: "a" }).effect).toBe("allow");
    expect(judge(view, { kind: "tool", name: "b" }).effect).toBe("deny");
  });

  it("does not compile what was not checked: a lost role could be a lost deny", () => {
    expect(() =>
      programOf("version: 1\nroles: { r: { inherits: [gone] } }\nbindings: [{ roles: [r], subjects: [a] }]\n"),
    ).toThrow();
    expect(() => programOf("version: 1\nroles: { r: {} }\n", "version: 1\nroles: { r: {} }\n")).toThrow();
  });
});

describe("the server itself, which shows nothing", () => {
  const only = (rule: string) => `version: 1
roles: { r: { allow: [{ server: weather, tools: [a], ${rule} }] } }
bindings: [{ roles: [r], subjects: [alice] }]
`;

  it.each([
    ["limit: { requests: 1 }", "allow"],
    ["require: { scopes: [more] }", "allow"],
    ["when: mcp.tool.arguments.amount < 1", "allow"],
    ['when: identity.subject == "bob"', "deny"],
    ["until: 2026-01-01", "deny"],
  ])("is there for whoever may do something, as often as they like: %s", (rule, effect) => {
    const verdict = judge(viewOf(programOf(only(rule)), alice, "weather"), { kind: "server" });
    expect(verdict).toMatchObject({ effect, limit: null, missing: null });
  });
});
