import { describe, expect, it } from "vitest";
import type { AuditEntry, AuditRecord } from "../../../src/audit/record.ts";
import { Rehearsal } from "../../../src/policy/compare/rehearsal.ts";
import {
  asRecorded,
  byPolicy,
  type Decider,
  type Effect,
  Replay,
  type ReplayReport,
  recallDecision,
} from "../../../src/policy/compare/replay.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { recallQuestion } from "../../../src/policy/question.ts";
import { sourcesOf } from "../../fixtures/policy.ts";
import { type Recorded, trailOf } from "../commands/policies.ts";

function recordsOf(...calls: readonly Recorded[]): AuditRecord[] {
  return trailOf(...calls)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as AuditRecord);
}

function decider(rules: string, bindings = "{ roles: [r], groups: [analysts] }"): Decider {
  const sources = sourcesOf(`version: 1\nroles: { r: ${rules} }\nbindings: [${bindings}]\n`);
  return byPolicy((server) => compilePolicy(sources, [server]));
}

function replay(before: Decider, after: Decider, ...calls: readonly Recorded[]): ReplayReport {
  const put = new Replay(before, after);
  for (const record of recordsOf(...calls)) put.hear(record);
  return put.finish();
}

/** What turns, one line each. */
function turns({ turns }: ReplayReport): string[] {
  return turns.map(({ what, count, examples }) => {
    const { certain, certainBefore, certainAfter, possibleBefore, possibleAfter, subject, server, kind, name } = what;
    expect(certain).toBe(certainBefore && certainAfter);
    return `${possibleBefore.join("|")}->${possibleAfter.join("|")} ${subject} ${server} ${kind} ${name} x${count} ${examples.join(",")}`;
  });
}

const allow = (rule: string) => decider(`{ allow: [{ server: weather, ${rule} }] }`);
const forecast = allow("tools: [forecast]");
const nothing = allow("tools: [other]");
/** A call with these arguments as its record has them; undefined for a record that does not have them. */
const called = (view: unknown, more: Recorded = {}): Recorded => ({ entry: { args: { digest: "d", view } }, ...more });
const small = allow("tools: [forecast], when: mcp.tool.arguments.n < 10");
const forecasts = "{ allow: [{ server: weather, tools: [forecast] }] }";
/** A call whose record says that it came by an API key, and not by which. */
const byKey: Recorded = {
  entry: {
    identity: { issuer: "api-keys", subject: "alice", client: null, via: "api-key", groups: ["analysts"] },
  } as Partial<AuditEntry>,
};
const denied = { effect: "deny", reason: "policy_denied" } as const;

describe("calls put to two policies", () => {
  it.each<[string, Decider, Decider, Recorded, string[]]>([
    ["that say the same", forecast, forecast, {}, []],
    ["of which one denies", forecast, nothing, {}, ["allow->deny alice weather tool forecast x1 1"]],
    ["of which one allows", nothing, forecast, {}, ["deny->allow alice weather tool forecast x1 1"]],
    [
      "of which one wants more proof, which is not recorded",
      forecast,
      allow("tools: [forecast], require: { scopes: [s] }"),
      {},
      ["allow->allow|challenge alice weather tool forecast x1 1"],
    ],
    [
      "which both rest on the same condition",
      allow("id: a, tools: [forecast], when: mcp.tool.arguments.n == 1 && jwt.a == 2"),
      allow("id: b, tools: [x, forecast], when: jwt.a == 2 && mcp.tool.arguments.n==1"),
      {},
      [],
    ],
    [
      "which rest on two conditions",
      allow("tools: [forecast], when: mcp.tool.arguments.n == 1"),
      allow("tools: [forecast], when: mcp.tool.arguments.n == 2"),
      called(undefined),
      ["allow|deny->allow|deny alice weather tool forecast x1 1"],
    ],
    [
      "which both rest on the same claim",
      decider("{ allow: [{ server: weather, tools: [forecast] }] }", "{ roles: [r], claims: { t: [a] } }"),
      decider("{ allow: [{ server: weather, tools: [forecast] }] }", "{ roles: [r], claims: { t: [a] } }"),
      {},
      [],
    ],
    [
      "which rest on two claims",
      decider("{ allow: [{ server: weather, tools: [forecast] }] }", "{ roles: [r], claims: { t: [a] } }"),
      decider("{ allow: [{ server: weather, tools: [forecast] }] }", "{ roles: [r], claims: { t: [b] } }"),
      {},
      ["allow|deny->allow|deny alice weather tool forecast x1 1"],
    ],
    [
      "which rest on the names of two API keys",
      decider(forecasts, "{ roles: [r], apiKeys: [a] }"),
      decider(forecasts, "{ roles: [r], apiKeys: [b] }"),
      byKey,
      ["allow|deny->allow|deny alice weather tool forecast x1 1"],
    ],
    [
      "which both rest on the name of the same API key",
      decider(forecasts, "{ roles: [r], apiKeys: [a] }"),
      decider(forecasts, "{ roles: [r], apiKeys: [a], groups: [analysts] }"),
      byKey,
      [],
    ],
    ["about something else", forecast, nothing, { tool: "third" }, []],
    ["by somebody else", forecast, nothing, { groups: [] }, []],
    ["of a server that no rule names", forecast, nothing, { server: "news" }, []],
    [
      "that no policy was asked about",
      forecast,
      nothing,
      { decision: { effect: "deny", reason: "token_expired" } },
      [],
    ],
    ["of servers, which clients answer", forecast, nothing, { entry: { event: "server_request" } }, []],
    [
      "of which one holds until noon only",
      forecast,
      allow("tools: [forecast], until: '2026-03-02T12:00:00Z'"),
      { time: "2026-03-02T12:00:01.000Z" },
      ["allow->deny alice weather tool forecast x1 1"],
    ],
    [
      "that had not ended yet",
      forecast,
      allow("tools: [forecast], until: '2026-03-02T12:00:00Z'"),
      { time: "2026-03-02T11:59:59.000Z" },
      [],
    ],
  ])("%s", (_case, before, after, call, expected) => {
    expect(turns(replay(before, after, call))).toEqual(expected);
  });

  it("are counted by caller and target, with some of their ids", () => {
    const calls: Recorded[] = [{}, {}, {}, {}, { subject: "bob" }, { tool: "third" }];
    const report = replay(forecast, nothing, ...calls, {
      entry: { identity: null },
      decision: { effect: "deny", reason: "token_missing" },
    });
    expect(turns(report)).toEqual([
      "allow->deny alice weather tool forecast x4 1,2,3",
      "allow->deny bob weather tool forecast x1 5",
    ]);
    expect(report).toMatchObject({ records: 7, asked: 6, changed: 5, open: 0, unrecalled: 0, unlisted: 0 });
  });

  it("are told with the rules of both sides, and whose they are", () => {
    const client = { issuer: "corp", subject: "alice", client: null, via: "jwt", groups: ["analysts"] };
    const report = replay(forecast, nothing, { entry: { identity: client } });
    expect(report.turns).toMatchObject([
      {
        what: {
          from: "allow",
          to: "deny",
          ruleBefore: "r.allow[0] (policies/0.yaml:2)",
          ruleAfter: null,
          issuer: "corp",
          subject: "alice",
          server: "weather",
          kind: "tool",
          name: "forecast",
        },
        first: "2026-03-02T12:00:00.000Z",
        last: "2026-03-02T12:00:00.000Z",
      },
    ]);
    expect(
      replay(forecast, decider("{}"), { entry: { target: { kind: "server", name: null }, method: "ping" } }),
    ).toMatchObject({
      turns: [{ what: { kind: "server", name: null } }],
    });
  });

  it("lists what is certain first, and counts the rest apart", () => {
    const claimed = decider("{ allow: [{ server: weather, tools: [forecast], when: jwt.a == 1 }] }");
    const report = replay(
      decider("{ allow: [{ server: weather, tools: ['*'] }] }"),
      claimed,
      {},
      {},
      { tool: "third" },
    );
    expect(turns(report)).toEqual([
      "allow->deny alice weather tool third x1 3",
      "allow->allow|deny alice weather tool forecast x2 1,2",
    ]);
    expect(report).toMatchObject({ changed: 1, open: 2 });
  });

  it("are counted apart where their names are not recorded whole", () => {
    expect(replay(forecast, nothing, { subject: "[redacted]" })).toMatchObject({ asked: 1, unrecalled: 1, changed: 0 });
  });

  it("are told apart by time where a policy tells them apart", () => {
    const morning = allow("tools: [forecast], hours: { timeZone: UTC, to: '12:00' }");
    const at = (time: string) => ({ time: `2026-03-02T${time}:00.000Z` });
    expect(turns(replay(forecast, morning, at("11:00"), at("13:00"), at("09:00")))).toEqual([
      "allow->deny alice weather tool forecast x1 2",
    ]);
  });
});

describe("what may come of a call, by what is not recorded", () => {
  const scopes = "require: { scopes: [s] }";
  const claim = (value: number) => `when: jwt.a == ${value}`;
  const held = "{ roles: [r], groups: [analysts] }";
  const rule = (words: string) => `{ server: weather, tools: [forecast]${words === "" ? "" : `, ${words}`} }`;

  it.each<[string, string[], string[], string, string]>([
    ["one allow", [""], [], held, "allow"],
    ["no rule", [], [], held, "deny"],
    ["a condition", [claim(1)], [], held, "allow|deny"],
    ["a condition besides an allow", [claim(1), ""], [], held, "allow"],
    ["proof", [scopes], [], held, "allow|challenge"],
    ["proof besides an allow", [scopes, ""], [], held, "allow"],
    ["proof, or a condition", [scopes, claim(1)], [], held, "allow|challenge"],
    ["proof under a condition", [`${scopes}, ${claim(1)}`], [], held, "allow|challenge|deny"],
    ["a condition of a deny", [""], [claim(1)], held, "allow|deny"],
    ["a condition of a deny, and proof", [scopes], [claim(1)], held, "allow|challenge|deny"],
    ["a condition of a deny, where nothing is allowed", [], [claim(1)], held, "deny"],
    ["a condition that is false, besides", ["", "when: 'server.name == \"x\"'"], [claim(1)], held, "allow|deny"],
    ["a condition that fails, besides", [claim(1), "when: mcp.tool.arguments.n == 1"], [], held, "allow|deny"],
    ["proof besides an allow, and a condition of a deny", [scopes, ""], [claim(1)], held, "allow|deny"],
    ["shadow", ["", "mode: shadow"], [`${claim(1)}, mode: shadow`], held, "allow"],
    ["a binding", [""], [], "{ roles: [r], claims: { t: [a] } }", "allow|deny"],
    ["a binding, and proof", [scopes], [], "{ roles: [r], claims: { t: [a] } }", "allow|challenge|deny"],
    ["a binding besides one that holds", [""], [], `${held}, { roles: [r], claims: { t: [a] } }`, "allow"],
  ])("%s", (_case, allow, deny, bindings, expected) => {
    const policy = decider(
      `{ allow: [${allow.map(rule).join(", ")}], deny: [${deny.map(rule).join(", ")}] }`,
      bindings,
    );
    const [record] = recordsOf({});
    const question = record && recallQuestion(record);
    if (record === undefined || question == null) throw new Error("there is no question");
    expect(policy.decide(question, record).possible.join("|")).toBe(expected);
  });

  it.each<[string, string, string, string, boolean]>([
    ["the order of rules", `${rule(claim(1))}, ${rule(claim(2))}`, `${rule(claim(2))}, ${rule(claim(1))}`, held, false],
    ["one condition more", rule(claim(1)), `${rule(claim(1))}, ${rule(claim(2))}`, held, true],
    [
      "a condition that does not hold in any case",
      rule(claim(1)),
      `${rule(claim(1))}, ${rule("until: 2020-01-01")}`,
      held,
      false,
    ],
    ["the order of bindings", rule(""), rule(""), "", false],
    [
      "another binding that gives it for certain",
      rule(claim(1)),
      rule(claim(1)),
      `${held}, { roles: [r], subjects: [alice] }`,
      false,
    ],
  ])("is told apart by what it rests on, but not by %s", (_case, before, after, bindings, differs) => {
    const [a, b] = ["{ roles: [r], claims: { t: [a] } }", "{ roles: [r], claims: { t: [b] } }"];
    const [one, other] = bindings === "" ? [`${a}, ${b}`, `${b}, ${a}`] : [held, bindings];
    const report = replay(decider(`{ allow: [${before}] }`, one), decider(`{ allow: [${after}] }`, other), {});
    expect(report.turns).toHaveLength(differs ? 1 : 0);
  });
});

describe("whether more counts of a call than whose it is and what of", () => {
  const timed = "hours: { timeZone: UTC }";
  const byArguments = "when: mcp.tool.arguments.n < 10";

  it.each<[string, string, Recorded, boolean]>([
    ["no terms", "tools: [forecast]", {}, false],
    ["a period", "tools: [forecast], until: 2030-01-01", {}, true],
    ["hours", `tools: [forecast], ${timed}`, {}, true],
    ["the age of a login", "tools: [forecast], require: { maxAge: 5m }", {}, true],
    ["another proof", "tools: [forecast], require: { scopes: [s] }", {}, false],
    ["the time in a condition", "tools: [forecast], when: 'now > timestamp(\"2020-01-01T00:00:00Z\")'", {}, true],
    ["another condition", "tools: [forecast], when: jwt.a == 1", {}, false],
    ["arguments", `tools: [forecast], ${byArguments}`, {}, true],
    ["arguments that are not recorded", `tools: [forecast], ${byArguments}`, called(undefined), false],
    ["hours of another name", `tools: [other], ${timed}`, {}, false],
    ["hours at another server", `tools: [forecast], ${timed}`, { server: "news" }, false],
    ["hours of one of two rules", `tools: [forecast] }, { server: weather, tools: [forecast], ${timed}`, {}, true],
  ])("%s", (_case, words, call, expected) => {
    const policy = allow(words);
    const [record] = recordsOf(call);
    const question = record && recallQuestion(record);
    if (question == null) throw new Error("there is no question");
    expect(policy.isSingular(question)).toBe(expected);
  });

  it("is never so of what was decided then", () => {
    const [record] = recordsOf({});
    const question = record && recallQuestion(record);
    if (record === undefined || question == null) throw new Error("there is no question");
    expect(asRecorded.isSingular(question)).toBe(false);
    expect(asRecorded.decide(question, record)).toMatchObject({ effect: "allow", certain: true, possible: ["allow"] });
  });
});

describe("calls put to a policy, against what was decided", () => {
  it.each<[string, Decider, Recorded, string[]]>([
    ["as it was allowed", forecast, {}, []],
    ["as it was denied", nothing, { decision: denied }, []],
    [
      "as an API key allowed it",
      decider(forecasts, "{ roles: [r], apiKeys: [a] }"),
      byKey,
      ["allow->allow|deny alice weather tool forecast x1 1"],
    ],
    ["denied now", nothing, {}, ["allow->deny alice weather tool forecast x1 1"]],
    ["allowed now", forecast, { decision: denied }, ["deny->allow alice weather tool forecast x1 1"]],
    [
      "limited then, which the policy had allowed",
      forecast,
      { decision: { effect: "deny", reason: "rule_limited" } },
      [],
    ],
    [
      "limited then, and denied now",
      nothing,
      { decision: { effect: "deny", reason: "rule_limited" } },
      ["allow->deny alice weather tool forecast x1 1"],
    ],
    [
      "answered with a step-up then",
      forecast,
      { decision: { effect: "deny", reason: "step_up_required" } },
      ["challenge->allow alice weather tool forecast x1 1"],
    ],
    [
      "allowed, and then stopped by the server's absence",
      nothing,
      { decision: { effect: "allow", reason: "upstream_unreachable" } },
      ["allow->deny alice weather tool forecast x1 1"],
    ],
    [
      "that rests on arguments now, which are not recorded",
      small,
      called(undefined),
      ["allow->allow|deny alice weather tool forecast x1 1"],
    ],
    [
      "that rests on arguments now, which are recorded with a secret left out",
      small,
      called({ n: 5, password: "[redacted]" }),
      ["allow->allow|deny alice weather tool forecast x1 1"],
    ],
    [
      "that rests on arguments now, which are recorded cut",
      small,
      called({ n: 5, text: "xxx…(4000 characters)" }),
      ["allow->allow|deny alice weather tool forecast x1 1"],
    ],
    ["allowed now by arguments that are recorded", small, called({ n: 5 }), []],
    [
      "denied now by arguments that are recorded",
      small,
      called({ n: 50 }),
      ["allow->deny alice weather tool forecast x1 1"],
    ],
    ["denied now for want of any arguments", small, {}, ["allow->deny alice weather tool forecast x1 1"]],
    [
      "whose condition rests on a claim as well",
      allow("tools: [forecast], when: mcp.tool.arguments.n < 10 && jwt.a == 1"),
      called({ n: 5 }),
      ["allow->allow|deny alice weather tool forecast x1 1"],
    ],
  ])("%s", (_case, policy, call, expected) => {
    expect(turns(replay(asRecorded, policy, call))).toEqual(expected);
  });

  it("are told apart by their arguments where a policy tells them apart", () => {
    const calls = [{ n: 1 }, { n: 20 }, undefined, { n: 2 }, { n: 30 }, undefined].map((view) => called(view));
    expect(turns(replay(asRecorded, small, ...calls))).toEqual([
      "allow->deny alice weather tool forecast x2 2,5",
      "allow->allow|deny alice weather tool forecast x2 3,6",
    ]);
  });

  it("are told apart by the policies that decided then", () => {
    const tenants = allow("tools: [forecast], when: jwt.a == 1");
    const [record] = recordsOf({});
    const question = record && recallQuestion(record);
    if (record === undefined || question == null) throw new Error("there is no question");
    const { policies } = tenants.decide(question, record);
    for (const hashes of [
      [policies, "other"],
      ["other", policies],
    ]) {
      const calls = hashes.map((hash) => ({ id: hash ?? "", decision: { policies: hash } }));
      expect(turns(replay(asRecorded, tenants, ...calls))).toEqual([
        "allow->allow|deny alice weather tool forecast x1 other",
      ]);
    }
  });
});

describe("what a gateway made of a call", () => {
  it.each<[AuditRecord["event"], Effect | null]>([
    ["request", "allow"],
    ["notification", "allow"],
    ["response", "allow"],
    ["stream", "allow"],
    ["server_request", null],
    ["start", null],
  ])("is told of %s by what was decided: %s", (event, expected) => {
    const [record] = recordsOf({ entry: { event } });
    expect(record && recallDecision(record)).toBe(expected);
  });

  it.each<[string, Effect | null]>([
    ["policy_denied", "deny"],
    ["condition_failed", "deny"],
    ["step_up_required", "challenge"],
    ["rule_limited", "allow"],
    ["tool_limited", "allow"],
    ["tool_busy", "allow"],
    ["token_expired", null],
    ["toString", null],
  ])("is told of a call that was denied with %s: %s", (reason, expected) => {
    const [record] = recordsOf({});
    const decision = { ...record?.decision, effect: "deny", reason };
    expect(recallDecision({ ...record, decision } as AuditRecord)).toBe(expected);
  });
});

describe("a rehearsal", () => {
  it("counts what rules in shadow would have done, rule by rule", () => {
    const rehearsal = new Rehearsal();
    const shadow = { effect: "deny", rule: "try-out", policy: "a.yaml:3" } as const;
    const calls: Recorded[] = [
      { decision: { shadow } },
      { decision: { shadow }, time: "2026-03-01T12:00:00.000Z" },
      { decision: { ...denied, shadow: { ...shadow, effect: "allow", rule: "more" } } },
      {},
    ];
    for (const record of recordsOf(...calls)) rehearsal.hear(record);
    expect(rehearsal.finish()).toMatchObject({
      records: 4,
      would: { deny: 2, allow: 1, challenge: 0 },
      turns: [
        {
          what: { rule: "try-out", policy: "a.yaml:3", from: "allow", to: "deny", subject: "alice", name: "forecast" },
          count: 2,
          first: "2026-03-01T12:00:00.000Z",
          last: "2026-03-02T12:00:00.000Z",
          examples: ["1", "2"],
        },
        { what: { rule: "more", from: "deny", to: "allow" }, count: 1 },
      ],
    });
  });

  const shadow = { effect: "challenge", rule: "try-out", policy: "a.yaml:3" } as const;

  it.each<[string, Recorded, object]>([
    [
      "whose it is and what of",
      { resource: "w://x" },
      { from: "allow", issuer: "builtin", subject: "alice", server: "weather", kind: "resource", name: "w://x" },
    ],
    [
      "nothing where nothing is recorded",
      { entry: { event: "start", identity: null, server: null, target: null } },
      { from: null, issuer: null, subject: null, server: null, kind: null, name: null },
    ],
  ])("tells of each call %s", (_case, call, expected) => {
    const rehearsal = new Rehearsal();
    const [record] = recordsOf(call);
    if (record === undefined) throw new Error("there is no record");
    rehearsal.hear({ ...record, decision: { ...record.decision, shadow } });
    expect(rehearsal.finish()).toMatchObject({
      would: { deny: 0, allow: 0, challenge: 1 },
      unlisted: 0,
      turns: [{ what: { ...expected, rule: "try-out", policy: "a.yaml:3", to: "challenge" } }],
    });
  });

  it("leaves out what a later gateway may call an effect", () => {
    const rehearsal = new Rehearsal();
    const [record] = recordsOf({});
    const decision = { ...record?.decision, shadow: { ...shadow, effect: "toString" } };
    rehearsal.hear({ ...record, decision } as unknown as AuditRecord);
    expect(rehearsal.finish()).toEqual({
      records: 1,
      unread: 0,
      would: { deny: 0, allow: 0, challenge: 0 },
      unlisted: 0,
      turns: [],
    });
  });
});
