import { describe, expect, it } from "vitest";
import { Quantiles } from "../../../../src/audit/read/quantiles.ts";
import { StatsCounter } from "../../../../src/audit/read/stats.ts";
import { type AuditEntry, gatewayEntry } from "../../../../src/audit/record.ts";
import { at, linesOf } from "../lines.ts";

const none = { effect: null, rule: null, policy: null, policies: null, reason: null } as const;
const denied = { decision: { ...none, effect: "deny", reason: "policy_denied" } } as const;

function by(subject: string): Pick<AuditEntry, "identity"> {
  return { identity: { issuer: "corp", subject, client: null, via: "jwt", groups: [] } };
}

function count(entries: readonly Partial<AuditEntry>[], top = 10, maxRows?: number) {
  const counter = new StatsCounter(maxRows);
  for (const { record } of linesOf(...entries)) counter.hear(record);
  return counter.finish(top);
}

describe("statistics", () => {
  it("of nothing", () => {
    expect(count([])).toEqual({
      records: 0,
      from: null,
      to: null,
      decisions: { allow: 0, deny: 0, none: 0 },
      reasons: [],
      otherReasons: 0,
      people: { rows: [], others: null },
      tools: { rows: [], others: null },
      servers: { rows: [], others: null },
    });
  });

  it("count calls by decision, reason, person, tool and server", () => {
    const stats = count([
      gatewayEntry("start", at(0), {}),
      { time: at(9), ...by("ann"), ms: { total: 4, upstream: 3 } },
      {
        time: at(2),
        ...by("ann"),
        ms: { total: 4, upstream: 3 },
        outcome: { http: 200, rpc: null, tool_error: true, upstream: 200 },
      },
      { time: at(3), ...by("bob"), ...denied, ms: { total: 9_000, upstream: null } },
      { time: at(4), ...by("bob"), target: null, method: "tools/list" },
      { time: at(5), identity: null, server: "news", target: null, event: "discovery", decision: none },
      // Of calls that are counted already.
      {
        time: at(6),
        ...by("bob"),
        event: "server_request",
        decision: { ...none, effect: "deny", reason: "client_request_denied" },
      },
      {
        time: at(7),
        ...by("bob"),
        event: "stream_failure",
        decision: { ...none, effect: "allow", reason: "upstream_reset" },
      },
    ]);
    expect(stats).toMatchObject({
      records: 8,
      from: at(0),
      to: at(9),
      decisions: { allow: 3, deny: 1, none: 1 },
      reasons: [
        { reason: "client_request_denied", count: 1 },
        { reason: "policy_denied", count: 1 },
        { reason: "upstream_reset", count: 1 },
      ],
    });
    expect(stats.people.rows).toEqual([
      { issuer: "corp", subject: "ann", calls: 2, denials: 0, errors: 1, lastSeen: at(9) },
      { issuer: "corp", subject: "bob", calls: 2, denials: 1, errors: 0, lastSeen: at(4) },
    ]);
    // How long a denial took says nothing about the tool.
    expect(stats.tools.rows).toEqual([
      { server: "weather", tool: "forecast", calls: 3, denials: 1, errors: 1, lastSeen: at(9), medianMs: 4, p99Ms: 4 },
    ]);
    expect(stats.servers.rows.map(({ server, calls }) => [server, calls])).toEqual([
      ["weather", 4],
      ["news", 1],
    ]);
  });

  it("sum up what has no row: beyond those that are shown, and beyond those that are told apart", () => {
    const entries = ["ann", "ann", "ann", "bob", "bob", "eve", "zoe", "zoe"].map((subject, index) => ({
      time: at(index),
      ...by(subject),
      ...(subject === "eve" && denied),
    }));
    const stats = count(entries, 1, 3);
    expect(stats.people.rows.map(({ subject, calls }) => [subject, calls])).toEqual([["ann", 3]]);
    expect(stats.people.others).toEqual({ calls: 5, denials: 1, errors: 0, lastSeen: at(7) });
    expect(count(entries, 10, 3).people).toMatchObject({
      rows: [{ subject: "ann" }, { subject: "bob" }, { subject: "eve" }],
      others: { calls: 2, lastSeen: at(7) },
    });
  });

  it("keep the most frequent reasons, and say how many others there are", () => {
    const reasons = [
      "tool_busy",
      "token_expired",
      "token_expired",
      "tool_busy",
      "token_expired",
      "batch_refused",
    ] as const;
    const stats = count(
      reasons.map((reason) => ({ decision: { ...none, effect: "deny", reason } })),
      1,
    );
    expect([stats.reasons, stats.otherReasons]).toEqual([[{ reason: "token_expired", count: 3 }], 3]);
  });
});

describe("quantiles", () => {
  it.each([
    [[], 0.5, null],
    [[7], 0.99, 7],
    [[1, 2, 3, 4, 100], 0.5, 3],
    [[1, 2, 3, 4, 100], 0.99, 100],
    [[0, 0, 0], 0.5, 0.001],
    [Array.from({ length: 10_000 }, (_, index) => index + 1), 0.99, 9_900],
  ] as const)("of %j at %d: %s", (values, share, expected) => {
    const quantiles = new Quantiles();
    for (const ms of values) quantiles.add(ms);
    const found = quantiles.at(share);
    if (expected === null || found === null) expect(found).toBe(expected);
    else expect(Math.abs(found / expected - 1)).toBeLessThan(0.1);
  });
});
