import { describe, expect, it } from "vitest";
import { measureCoverage } from "../../../src/policy/suite/coverage.ts";
import { countAnswers, findFailures } from "../../../src/policy/suite/run.ts";
import { programOf } from "./sources.ts";
import { failuresOf, runOf, suiteOf } from "./suites.ts";

const policy = `version: 1
roles:
  reader:
    allow:
      - { id: read, server: weather, tools: [forecast] }
      - { id: refund, server: billing, tools: [refund], when: mcp.tool.arguments.amount <= 100 }
      - { id: pay, server: billing, tools: [pay], require: { scopes: [money], acr: [mfa], maxAge: 5m } }
      - { id: open, server: weather, tools: [at-night], hours: { timeZone: UTC, from: "22:00", to: "06:00" } }
      - { id: safe, server: weather, tools: ["safe-*"], when: mcp.tool.annotations.readOnlyHint == true }
    deny:
      - { id: never, server: weather, tools: [drop, safe-from-here], when: 'peer.ip != "10.0.0.1"' }
bindings: [{ roles: [reader], groups: [analysts] }]
`;
const identities = `version: 1
identities: { ann: { subject: ann, groups: [analysts] }, eve: { subject: eve } }
`;

/** What is not as expected of one request by ann; what eve asks is in no test. */
function ask(request: string, test: string, more = ""): string[] {
  const text = `${identities}requests: { it: ${request} }\n${more}tests:\n  - { name: a, identities: [ann], requests: [it], ${test} }\n`;
  return failuresOf(runOf(policy, text));
}

const forecast = "{ server: weather, tool: forecast }";
const pay = "{ server: billing, tool: pay }";

describe("an answer", () => {
  it.each<[string, string, string[]]>([
    ["is as expected", "expect: allow", []],
    ["is as expected, by the rule", "expect: allow, rule: read", []],
    ["is another", "expect: deny", ["ann × it: expected deny, got allow by read at policies/0.yaml:5"]],
    [
      "is another one yet",
      "expect: challenge",
      ["ann × it: expected challenge, got allow by read at policies/0.yaml:5"],
    ],
    [
      "comes by another rule",
      "expect: allow, rule: pay",
      ["ann × it: expected allow by pay, got allow by read at policies/0.yaml:5"],
    ],
  ])("%s", (_case, test, failures) => {
    expect(ask(forecast, test)).toEqual(failures);
  });

  it.each<[string, string, string, string[]]>([
    ["no rule", "{ server: weather, tool: other }", "expect: allow", ["expected allow, got deny: no rule allows it"]],
    [
      "no rule, though one should",
      "{ server: weather, tool: other }",
      "expect: deny, rule: never",
      ["expected deny by never, got deny: no rule allows it"],
    ],
    [
      "a condition that fails",
      "{ server: billing, tool: refund }",
      "expect: allow",
      ["expected allow, got deny: the condition of refund at policies/0.yaml:6 fails"],
    ],
    ["arguments", "{ server: billing, tool: refund, arguments: { amount: 5 } }", "expect: allow", []],
    [
      "a deny",
      "{ server: weather, tool: drop }",
      "expect: allow, ip: 10.0.0.2",
      ["expected allow, got deny by never at policies/0.yaml:11"],
    ],
    ["a challenge", pay, "expect: challenge, rule: pay, at: 2026-01-01", []],
    [
      "a challenge that was no allow",
      pay,
      "expect: allow, at: 2026-01-01",
      [
        "expected allow, got challenge by pay at policies/0.yaml:7, which wants scope money; acr mfa; a login at most 300 s ago",
      ],
    ],
    ["the time", "{ server: weather, tool: at-night }", 'expect: allow, at: "2026-01-01T23:00:00Z"', []],
    [
      "another time",
      "{ server: weather, tool: at-night }",
      "expect: allow, at: 2026-01-01T12:00:00Z",
      ["expected allow, got deny: no rule allows it"],
    ],
    ["annotations", "{ server: weather, tool: safe-a, annotations: { readOnlyHint: true } }", "expect: allow", []],
    [
      "a name of two readings",
      '{ server: weather, tool: "forecast " }',
      "expect: allow",
      ["expected allow, got deny: the name could be read in more than one way"],
    ],
    ["a name of two readings, denied", '{ server: weather, tool: "forecast " }', "expect: deny", []],
    [
      "a URI of two readings",
      '{ server: weather, resource: "file:///a/%2e%2e/b" }',
      "expect: deny, rule: never",
      ["expected deny by never, got deny: the URI could be read in more than one way"],
    ],
  ])("rests on %s", (_case, request, test, failures) => {
    expect(ask(request, test)).toEqual(failures.map((failure) => `ann × it: ${failure}`));
  });
});

describe("an answer that rests on what is not said", () => {
  it.each<[string, string, string, string]>([
    [
      "the time",
      "{ server: weather, tool: at-night }",
      "expect: allow",
      "open at policies/0.yaml:8 does: say at (when it is asked)",
    ],
    ["the age of a login", pay, "expect: challenge", "pay at policies/0.yaml:7 does: say at (when it is asked)"],
    [
      "annotations",
      "{ server: weather, tool: safe-a }",
      "expect: allow",
      "safe at policies/0.yaml:9 does: say annotations (what the server says of the tool)",
    ],
    [
      "the address, by a deny",
      "{ server: weather, tool: safe-from-here, annotations: { readOnlyHint: true } }",
      "expect: allow",
      "never at policies/0.yaml:11 does: say ip (where it is asked from)",
    ],
  ])("fails, whatever is expected: %s", (_case, request, test, what) => {
    const failure = `ann × it: the answer rests on what is not said, since ${what}`;
    expect(ask(request, test)).toEqual([failure]);
    expect(ask(request, "expect: deny")).toEqual([failure]);
  });

  it("names everything that has to be said", () => {
    const both = policy.replace("[forecast]", '[forecast], until: 2030-01-01, when: peer.ip == "10.0.0.1"');
    const text = `${identities}requests: { it: ${forecast} }\n`;
    expect(failuresOf(runOf(both, text))).toEqual([
      "ann × it: the answer rests on what is not said, since read at policies/0.yaml:5 does: say at (when it is asked) and ip (where it is asked from)",
    ]);
    expect(failuresOf(runOf(both, `${text}ip: 10.0.0.2\nat: 2026-01-01\n`))).toEqual([]);
  });

  it("is none where nothing could be said: whether anything may be asked of a server", () => {
    expect(ask("{ server: billing }", "expect: allow", "at: 2026-01-01\n")).toEqual([]);
    expect(ask("{ server: billing }", "expect: deny", "at: 2026-01-01\n")).toEqual([
      "ann × it: expected deny, got allow by refund at policies/0.yaml:6",
    ]);
  });

  const template = "{ server: weather, template: 'w://{place}' }";
  const dated = "until: 2030-01-01";
  const fromHere = "when: 'peer.ip == \"10.0.0.1\"'";

  it.each<[string, string, string, string, string]>([
    ["a grant, of a server", `tools: [x], ${dated}`, `tools: [x], ${fromHere}`, "{ server: weather }", "allowed:4"],
    [
      "a grant, of a template",
      `resources: ["w://a"], ${dated}`,
      `resources: ["w://b"], ${fromHere}`,
      template,
      "allowed:4",
    ],
    ["a deny, of a template", 'resources: ["w://*"]', `resources: ["w://*"], ${dated}`, template, "denied:5"],
  ])("names only what has a part in it: %s", (_case, grant, deny, request, by) => {
    const text = `version: 1
roles:
  reader:
    allow: [{ id: allowed, server: weather, ${grant} }]
    deny: [{ id: denied, server: weather, ${deny} }]
bindings: [{ roles: [reader], groups: [analysts] }]
`;
    const [rule, line] = by.split(":");
    expect(failuresOf(runOf(text, `${identities}requests: { it: ${request} }\n`))).toEqual([
      `ann × it: the answer rests on what is not said, since ${rule} at policies/0.yaml:${line} does: say at (when it is asked)`,
    ]);
  });
});

describe("what no test names", () => {
  it("must be denied", () => {
    const text = `${identities}at: 2026-01-01\nrequests: { read: ${forecast}, pay: ${pay}, other: { server: news } }\n`;
    const run = runOf(policy, text);
    expect(failuresOf(run)).toEqual([
      "ann × read: no test names it, so it must be denied; got allow by read at policies/0.yaml:5",
      "ann × pay: no test names it, so it must be denied; got challenge by pay at policies/0.yaml:7, which wants scope money; acr mfa; a login at most 300 s ago",
    ]);
    expect(countAnswers([run])).toEqual({ tests: 0, answers: 6, failed: 2 });
    expect(run.tests.map(({ name, line }) => [name, line])).toEqual([
      [null, 2],
      [null, 2],
    ]);
  });

  it("is not asked again of what a test names, at whatever time", () => {
    const text = `${identities}requests: { read: ${forecast} }\ntests:\n  - { name: a, identities: [ann, ann], requests: [read], expect: allow, at: 2026-01-01 }\n`;
    const run = runOf(policy, text);
    expect(countAnswers([run])).toEqual({ tests: 1, answers: 2, failed: 0 });
    expect(run.tests.map(({ name, path }) => [name, path])).toEqual([
      ["a", ["tests", 0]],
      [null, ["identities", "eve"]],
    ]);
  });
});

describe("an identity", () => {
  it("has its groups in the claim that its issuer's tokens have them in", () => {
    const bound = policy.replace("groups: [analysts]", "claims: { memberOf: [analysts] }");
    const text = `${identities}requests: { read: ${forecast} }\ntests:\n  - { name: a, identities: [ann], requests: [read], expect: allow }\n`;
    expect(failuresOf(runOf(bound, text, "memberOf"))).toEqual([]);
    expect(failuresOf(runOf(bound, text))).toHaveLength(1);
  });
});

describe("what is told of an answer", () => {
  const shadowed = policy.replace(
    "[drop, safe-from-here], when: 'peer.ip != \"10.0.0.1\"'",
    "[forecast], mode: shadow",
  );
  const read = { rule: "read", policy: "policies/0.yaml:5" };
  const none = { rule: null, policy: null, decided: [] };

  it.each<[string, string, string, object]>([
    ["the rule that decided", policy, forecast, { got: "allow", ...read, decided: ["read"] }],
    ["one in shadow that would have", shadowed, forecast, { got: "allow", ...read, decided: ["read", "never"] }],
    [
      "one once, where rules in shadow change nothing",
      shadowed,
      "{ server: weather, tool: safe-a, annotations: { readOnlyHint: true } }",
      { got: "allow", rule: "safe", policy: "policies/0.yaml:9", decided: ["safe"] },
    ],
    ["none", policy, "{ server: news, tool: x }", { got: "deny", ...none }],
    ["none of a name of two readings", policy, '{ server: weather, tool: "forecast " }', { got: "deny", ...none }],
  ])("%s", (_case, text, request, expected) => {
    const [run] = runOf(text, `${identities}requests: { it: ${request} }\n`).tests;
    expect(run?.answers).toMatchObject([{ identity: "ann", request: "it", ...expected }]);
  });
});

describe("failures as problems", () => {
  it("are one for each test, where it stands", () => {
    const text = `${identities}requests: { read: ${forecast}, other: { server: weather, tool: other } }
tests:
  - { name: fine, identities: [ann], requests: [read], expect: allow }
  - { name: wrong, identities: [ann, eve], requests: [other], expect: allow }
`;
    const source = suiteOf(text);
    expect(findFailures(runOf(policy, text), source)).toMatchObject([
      {
        file: "a_test.yaml",
        line: 6,
        path: "tests[1]",
        message: '"wrong" fails: ann × other: expected allow, got deny: no rule allows it (and 1 more)',
      },
    ]);
    const implied = `${identities}requests: { read: ${forecast} }\n`;
    expect(findFailures(runOf(policy, implied), suiteOf(implied))).toMatchObject([
      {
        line: 2,
        column: 15,
        path: "identities.ann",
        message: "ann × read: no test names it, so it must be denied; got allow by read at policies/0.yaml:5",
      },
    ]);
  });
});

describe("coverage", () => {
  const covered = (policyText: string, text: string) => {
    const program = programOf(policyText);
    const { rules, percent } = measureCoverage(program, [runOf(program, text)]);
    return { percent, rules: rules.filter(({ answers }) => answers > 0).map(({ rule }) => rule) };
  };
  const asking = (...requests: string[]) =>
    `${identities}requests:\n${requests.map((request, index) => `  r${index}: ${request}\n`).join("")}`;

  it("is of rules that decided an answer, whatever it was", () => {
    expect(
      covered(policy, `${asking(forecast, pay, "{ server: weather, tool: drop }")}at: 2026-01-01\nip: 10.0.0.9\n`),
    ).toEqual({
      percent: 50,
      rules: ["read", "pay", "never"],
    });
  });

  it("counts every answer of a rule", () => {
    const program = programOf(policy);
    const { rules } = measureCoverage(program, [runOf(program, asking(forecast, forecast))]);
    expect(rules.map(({ answers }) => answers)).toEqual([2, 0, 0, 0, 0, 0]);
  });

  it.each<[string, string]>([
    ["a condition that fails", "{ server: billing, tool: refund }"],
    ["an answer that rests on what is not said", "{ server: weather, tool: at-night }"],
    ["a name that no rule is asked about", '{ server: weather, tool: "forecast " }'],
  ])("is none by %s", (_case, request) => {
    expect(covered(policy, asking(request))).toEqual({ percent: 0, rules: [] });
  });

  it("counts a rule in shadow apart, also where it would have decided", () => {
    const shadowed = policy.replace(
      "tools: [drop, safe-from-here], when: 'peer.ip != \"10.0.0.1\"'",
      "tools: [forecast], mode: shadow",
    );
    expect(covered(shadowed, asking(forecast))).toEqual({ percent: 20, rules: ["read", "never"] });
  });

  it("is none of an enforced rule that a rule in shadow is tested in the place of", () => {
    const shadowed =
      "version: 1\nroles: { r: { allow: [{ id: a, server: weather, tools: [x] }], deny: [{ id: s, server: weather, tools: [forecast], mode: shadow }] } }\nbindings: [{ roles: [r], groups: [analysts] }]\n";
    const program = programOf(shadowed);
    const found = measureCoverage(program, [runOf(program, asking(forecast))]);
    expect(found).toMatchObject({ counted: 1, covered: 0, shadows: 1, percent: 0 });
  });

  it("is whole of a policy without rules, and only where every rule decided something", () => {
    expect(covered("version: 1\n", asking(forecast)).percent).toBe(100);
    const many = Array.from({ length: 300 }, (_, index) => `      - { server: weather, tools: [t${index}] }\n`).join(
      "",
    );
    const large = `version: 1\nroles:\n  reader:\n    allow:\n${many}bindings: [{ roles: [reader], groups: [analysts] }]\n`;
    const all = Array.from({ length: 299 }, (_, index) => `{ server: weather, tool: t${index} }`);
    expect(covered(large, asking(...all)).percent).toBe(99);
  });
});
