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

function review(calls: readonly Recorded[], maxPeople?: number) {
  const usage = new Usage(program, sinceMs, maxPeople);
  if (calls.length > 0) {
    for (const line of trailOf(...calls)
      .trimEnd()
      .split("\n"))
      usage.hear(JSON.parse(line) as AuditRecord);
  }
  return { usage, ...reviewAccess(program, usage) };
}

/** One line a grant. */
function lines(calls: readonly Recorded[]): string[] {
  return review(calls).grants.map(({ who, server, kind, pattern, uses, lastUsed, except, terms }) =>
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
