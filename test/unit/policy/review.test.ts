import { describe, expect, it } from "vitest";
import type { AuditRecord } from "../../../src/audit/record.ts";
import { reviewAccess } from "../../../src/policy/review/review.ts";
import { Usage } from "../../../src/policy/review/usage.ts";
import { type Recorded, trailOf } from "../commands/policies.ts";
import { programOf } from "./sources.ts";

const program = programOf(`version: 1
roles:
  reader:
    allow:
      - { id: read, server: weather, tools: [forecast, "get-*"] }
      - { id: order, server: weather, tools: [order], when: mcp.tool.arguments.amount < 10 }
      - { id: tried, server: weather, tools: [tried], mode: shadow }
    deny:
      - { id: never, server: weather, tools: ["get-secret*", order-all] }
  admin:
    allow: [{ id: all, server: news, tools: ["*"], prompts: [daily] }]
    deny: [{ id: none, server: news, prompts: ["*"] }]
bindings:
  - { roles: [reader], groups: [analysts, guests] }
  - { roles: [admin], claims: { tenant: [acme] } }
  - { roles: [admin], subjects: [root], issuers: [corp] }
`);

const sinceMs = Date.parse("2026-01-01T00:00:00Z");

function review(calls: readonly Recorded[], maxPeople?: number, of = program) {
  const usage = new Usage(of, sinceMs, maxPeople);
  if (calls.length > 0) {
    for (const line of trailOf(...calls)
      .trimEnd()
      .split("\n"))
      usage.hear(JSON.parse(line) as AuditRecord);
  }
  return { usage, ...reviewAccess(of, usage) };
}

/** One line a grant. */
function lines(calls: readonly Recorded[], of = program): string[] {
  return review(calls, undefined, of).grants.map(({ who, server, kind, pattern, uses, lastUsed, except, terms }) =>
    [
      `${who}: ${server} ${kind} ${pattern} ${uses}x ${lastUsed?.slice(0, 10) ?? "never"}`,
      ...(terms === "always" ? [] : [terms]),
      ...(except.length === 0 ? [] : [`except ${except.join(" ")}`]),
    ].join(", "),
  );
}

const reader = (who: string, forecast: string, get = "0x never") => [
  `${who}: weather tool forecast ${forecast}`,
  `${who}: weather tool get-* ${get}, except get-secret*`,
  `${who}: weather tool order 0x never, when mcp.tool.arguments.amount < 10`,
];
const guests = reader("group guests", "0x never");
const analysts = reader("group analysts", "0x never");
const tenant = (use = "0x never") => [`claim tenant = acme: news tool * ${use}`];
const root = ["subject root, issuer corp: news tool * 0x never"];

describe("a review", () => {
  it("says who else may, seen or not", () => {
    const { grants, usables } = review([{}]);
    const others = (name: string) => grants.filter(({ who }) => who === name).map((grant) => grant.others);
    expect(others("alice (builtin)")).toEqual([["group analysts"], ["group analysts"], ["group analysts"]]);
    expect(others("group guests").flat()).toEqual([]);
    expect(usables.find(({ pattern }) => pattern === "order")?.who).toContain("group analysts");
  });

  it.each<[string, Recorded[], string[]]>([
    ["lists what bindings describe where nobody was seen", [], [...tenant(), ...analysts, ...guests, ...root]],
    [
      "lists people by what they used, what is not used first",
      [{}, { time: "2026-03-03T12:00:00.000Z" }, { tool: "get-x" }, { subject: "bob", tool: "other" }],
      [
        ...reader("alice (builtin)", "").slice(2),
        ...reader("bob (builtin)", "0x never"),
        ...tenant(),
        ...guests,
        ...root,
        "alice (builtin): weather tool get-* 1x 2026-03-02, except get-secret*",
        "alice (builtin): weather tool forecast 2x 2026-03-03",
      ],
    ],
    [
      "does not count what was used before the period, and says when",
      [{ time: "2025-12-31T23:59:59.999Z" }],
      [
        ...reader("alice (builtin)", "").slice(1),
        ...tenant(),
        ...guests,
        ...root,
        "alice (builtin): weather tool forecast 0x 2025-12-31",
      ],
    ],
    [
      "does not count what was denied",
      [{ decision: { effect: "deny", reason: "policy_denied" } }],
      [...reader("alice (builtin)", "0x never"), ...tenant(), ...guests, ...root],
    ],
    [
      "goes by the groups of the last record",
      [{ groups: ["guests"] }, { groups: ["analysts"], time: "2026-03-01T12:00:00.000Z" }],
      [
        ...reader("alice (builtin)", "").slice(1),
        ...tenant(),
        ...analysts,
        ...root,
        "alice (builtin): weather tool forecast 2x 2026-03-02",
      ],
    ],
    [
      "takes a rule that decided for a binding that records do not tell of",
      [{ subject: "eve", groups: [], server: "news", tool: "x", decision: { rule: "all" } }],
      [...analysts, ...guests, ...root, ...tenant("1x 2026-03-02"), "eve (builtin): news tool * 1x 2026-03-02"],
    ],
    [
      "knows people by issuer and subject",
      [
        { subject: "root", groups: [] },
        {
          subject: "root",
          groups: [],
          entry: { identity: { issuer: "corp", subject: "root", client: null, via: "jwt", groups: [] } },
          server: "news",
          tool: "x",
        },
      ],
      [...tenant(), ...analysts, ...guests, "root (corp): news tool * 1x 2026-03-02"],
    ],
  ])("%s", (_case, calls, expected) => {
    expect(lines(calls)).toEqual(expected);
  });

  it("says of each thing who may use it", () => {
    const { usables } = review([{}, { subject: "bob", time: "2026-03-04T12:00:00.000Z" }]);
    expect(usables.find(({ pattern }) => pattern === "forecast")).toEqual({
      server: "weather",
      kind: "tool",
      pattern: "forecast",
      who: ["group guests", "alice (builtin)", "bob (builtin)", "group analysts"],
      uses: 2,
      lastUsed: "2026-03-04T12:00:00.000Z",
    });
  });

  it("keeps so many people, and counts the records of the rest", () => {
    const { usage } = review([{}, { subject: "bob" }, { subject: "eve" }, {}, { subject: "eve" }], 2);
    expect(usage.people().map(({ subject, calls }) => [subject.subject, calls])).toEqual([
      ["alice", 2],
      ["bob", 1],
    ]);
    expect(usage).toMatchObject({ beyond: 2, records: 5 });
  });

  it("names others of the same kind only, and nobody whom a binding names", () => {
    const corp = { issuer: "corp", subject: "root", client: null, via: "jwt", groups: ["guests"] };
    const { grants } = review([{ entry: { identity: corp } }]);
    const others = grants.filter(({ who }) => who === "root (corp)").map((grant) => [grant.pattern, grant.others]);
    expect(others).toEqual([
      ["*", []],
      ["get-*", ["group guests"]],
      ["order", ["group guests"]],
      ["forecast", ["group guests"]],
    ]);
  });

  it("does not take a rule that decided for a binding that records tell of", () => {
    const used = lines([{ decision: { rule: "read" } }]);
    for (const line of guests) expect(used).toContain(line);
  });

  it("says where each grant stands", () => {
    const { grants } = review([{}]);
    expect(grants.find(({ who, pattern }) => who === "alice (builtin)" && pattern === "forecast")).toMatchObject({
      rule: "read",
      role: "reader",
      policy: "policies/0.yaml:5",
      person: { subject: { subject: "alice", groups: ["analysts"] }, lastSeen: "2026-03-02T12:00:00.000Z", calls: 1 },
    });
    expect(grants.find(({ who }) => who === "group guests")?.person).toBeNull();
  });

  const role = (allow: string, bindings: string, deny = "") =>
    programOf(`version: 1\nroles: { r: { allow: [${allow}], deny: [${deny}] } }\nbindings: [${bindings}]\n`);
  const byRule = (subject: string, groups: readonly string[], time = "2026-03-02T12:00:00.000Z"): Recorded => ({
    subject,
    groups,
    time,
    decision: { rule: "a" },
  });
  const rule = "{ id: a, server: weather, tools: [forecast] }";

  it.each<[string, string, Recorded[], string[]]>([
    [
      "an API key",
      "{ roles: [r], apiKeys: [nightly] }",
      [byRule("bot", [])],
      ["API key nightly: weather tool forecast 1x 2026-03-02", "bot (builtin): weather tool forecast 1x 2026-03-02"],
    ],
    [
      "a certificate",
      "{ roles: [r], certificates: [ci] }",
      [byRule("bot", [])],
      ["bot (builtin): weather tool forecast 1x 2026-03-02", "certificate ci: weather tool forecast 1x 2026-03-02"],
    ],
    [
      "a claim and a group that somebody is not in any more",
      "{ roles: [r], claims: { tenant: [acme] }, groups: [ops] }",
      [byRule("bot", ["ops"]), byRule("bot", [], "2026-03-03T12:00:00.000Z")],
      ["group ops, claim tenant = acme: weather tool forecast 2x 2026-03-03"],
    ],
    [
      "a claim, where another binding gives the rule anyway",
      "{ roles: [r], claims: { tenant: [acme] } }, { roles: [r], groups: [ops] }",
      [byRule("bot", ["ops"])],
      [
        "bot (builtin): weather tool forecast 1x 2026-03-02",
        "claim tenant = acme: weather tool forecast 1x 2026-03-02",
      ],
    ],
  ])("goes by the rule that decided where a binding is by %s", (_case, bindings, calls, expected) => {
    expect(lines(calls, role(rule, bindings))).toEqual(expected);
  });

  it("says on which terms a deny takes something away", () => {
    const denied = role(
      rule.replace("forecast", '"get-*"'),
      "{ roles: [r], groups: [a] }",
      '{ server: weather, tools: ["get-x*", "set-*"], when: jwt.a == 1 }, { server: weather, tools: ["*-secret"] }',
    );
    expect(lines([], denied)).toEqual(["group a: weather tool get-* 0x never, except get-x* when jwt.a == 1 *-secret"]);
  });

  it("lists who did not use something in the order of names, servers, kinds and patterns", () => {
    const many = role(
      '{ server: weather, tools: [b, a], prompts: [p], resources: ["w://x"] }, { server: news, tools: [z] }',
      "{ roles: [r], groups: [g, f] }",
    );
    const things = ["news tool z", "weather prompt p", "weather resource w://x", "weather tool a", "weather tool b"];
    expect(lines([], many)).toEqual(
      ["group f", "group g"].flatMap((who) => things.map((thing) => `${who}: ${thing} 0x never`)),
    );
    expect(
      review([], undefined, many).usables.map(({ server, kind, pattern, who, uses, lastUsed }) => [
        `${server} ${kind} ${pattern}`,
        who,
        uses,
        lastUsed,
      ]),
    ).toEqual(things.map((thing) => [thing, ["group f", "group g"], 0, null]));
  });

  it.each<[string, string, object]>([
    ["subjects: [bob]", "subject bob", {}],
    ["subjects: [alice], issuers: [corp]", "subject alice, issuer corp", {}],
    ["issuers: [corp]", "issuer corp", {}],
    ["groups: [analysts], clients: [ci]", "group analysts, client ci", { client: "ide" }],
    ["groups: [analysts], apiKeys: [k]", "group analysts, API key k", {}],
  ])("lists a caller whom nobody is wholly like: %s", (selectors, who, more) => {
    const identity = { issuer: "builtin", subject: "alice", client: null, via: "jwt", groups: ["analysts"], ...more };
    expect(lines([{ entry: { identity } }], role(rule, `{ roles: [r], ${selectors} }`))).toEqual([
      `${who}: weather tool forecast 0x never`,
    ]);
  });

  it.each<[string, string]>([
    ["subjects: [alice]", "alice (builtin)"],
    ["issuers: [builtin], groups: [analysts]", "alice (builtin)"],
    ["clients: [ci]", "alice (builtin, client ci)"],
  ])("lists somebody who is like that instead: %s", (selectors, who) => {
    const identity = { issuer: "builtin", subject: "alice", client: "ci", via: "jwt", groups: ["analysts"] };
    expect(lines([{ entry: { identity } }], role(rule, `{ roles: [r], ${selectors} }`))).toEqual([
      `${who}: weather tool forecast 1x 2026-03-02`,
    ]);
  });

  it("does not take a rule that decided for a binding that does not hold any more", () => {
    const calls = [byRule("bot", ["ops"]), byRule("bot", [], "2026-03-03T12:00:00.000Z")];
    expect(lines(calls, role(rule, "{ roles: [r], groups: [ops] }"))).toEqual([
      "group ops: weather tool forecast 0x never",
    ]);
  });

  it("lists what two rules give in the order of the rules", () => {
    const words = ["when: jwt.b == 1", "when: jwt.a == 1", "when: jwt.c == 1"];
    const given = words.map((when) => `{ server: weather, tools: [x], ${when} }`).join(", ");
    expect(lines([], role(given, "{ roles: [r], groups: [a] }"))).toEqual(
      words.map((when) => `group a: weather tool x 0x never, ${when.replace(":", "")}`),
    );
  });

  it("lists things by their names, and when they were used last", () => {
    const used = role("{ server: weather, tools: [b, a, c] }", "{ roles: [r], groups: [analysts] }");
    const on = (tool: string, day: number, subject = "alice"): Recorded => ({
      tool,
      subject,
      time: `2026-03-0${day}T12:00:00.000Z`,
    });
    const { usables } = review([on("a", 5), on("b", 2), on("b", 4, "bob"), on("b", 3, "bob")], undefined, used);
    expect(usables.map(({ pattern, uses, lastUsed }) => [pattern, uses, lastUsed?.slice(0, 10)])).toEqual([
      ["a", 1, "2026-03-05"],
      ["b", 3, "2026-03-04"],
      ["c", 0, undefined],
    ]);
  });

  it("lists what was used longest ago before what was used lately", () => {
    const calls = [
      { subject: "cy", time: "2026-03-01T12:00:00.000Z" },
      { subject: "ann", time: "2026-03-03T12:00:00.000Z" },
      { subject: "old", time: "2025-03-03T12:00:00.000Z" },
      { subject: "bob", time: "2026-03-02T12:00:00.000Z" },
      { subject: "bob", time: "2026-02-02T12:00:00.000Z" },
    ];
    const { grants, usables } = review(calls, undefined, role(rule, "{ roles: [r], groups: [analysts, guests] }"));
    expect(grants.map(({ who, uses }) => `${who} ${uses}`)).toEqual([
      "group guests 0",
      "old (builtin) 0",
      "cy (builtin) 1",
      "bob (builtin) 2",
      "ann (builtin) 1",
    ]);
    expect(usables).toMatchObject([{ uses: 4, lastUsed: "2026-03-03T12:00:00.000Z" }]);
  });

  it("tells people by their clients where bindings do", () => {
    const byClient = programOf(
      "version: 1\nroles: { r: { allow: [{ server: weather, tools: [forecast] }] } }\nbindings: [{ roles: [r], clients: [ci] }]\n",
    );
    const usage = new Usage(byClient, sinceMs);
    const by = (client: string) => ({
      entry: { identity: { issuer: "corp", subject: "s", client, via: "jwt", groups: [] } },
    });
    for (const line of trailOf(by("ci"), by("ide")).trimEnd().split("\n")) usage.hear(JSON.parse(line) as AuditRecord);
    expect(reviewAccess(byClient, usage).grants).toMatchObject([{ who: "s (corp, client ci)", uses: 1 }]);
  });
});
