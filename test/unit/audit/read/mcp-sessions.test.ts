import { describe, expect, it } from "vitest";
import { McpSessions } from "../../../../src/audit/read/mcp-sessions.ts";
import { type AuditEntry, gatewayEntry } from "../../../../src/audit/record.ts";
import { at, linesOf } from "../lines.ts";

const none = { effect: null, rule: null, policy: null, policies: null, reason: null } as const;
const allowed = { ...none, effect: "allow" } as const;
const outcome = { http: 200, rpc: null, tool_error: null, upstream: 200 };
const ann = { issuer: "corp", subject: "ann", client: "editor", via: "jwt", groups: [] };

const begins = {
  session: "s-1",
  method: "initialize",
  target: null,
  decision: allowed,
  outcome,
  identity: ann,
  time: at(1),
};
const goesOn = { ...begins, method: "tools/call", time: at(2) };

function hear(entries: readonly Partial<AuditEntry>[], most?: number) {
  const sessions = new McpSessions(most);
  for (const { record } of linesOf(...entries)) sessions.hear(record);
  return sessions.finish();
}

const named = (entries: readonly Partial<AuditEntry>[], most?: number) =>
  hear(entries, most).sessions.map(({ fingerprint }) => fingerprint);

describe("MCP sessions of a trail", () => {
  it("are whose, where, since when and how much used their records say", () => {
    expect(hear([begins, goesOn])).toEqual({
      sessions: [
        {
          fingerprint: "s-1",
          server: "weather",
          issuer: "corp",
          subject: "ann",
          client: "editor",
          ip: "10.0.0.1",
          since: at(1),
          used: at(2),
          messages: 2,
        },
      ],
      left: 0,
    });
  });

  it("that began before the records, or elsewhere, are there as well", () => {
    expect(hear([goesOn]).sessions).toMatchObject([{ fingerprint: "s-1", since: null, messages: 1 }]);
  });

  it.each<[string, Partial<AuditEntry>]>([
    ["their client ends them", { event: "end", method: null }],
    ["their server knows them no more", { outcome: { ...outcome, http: 404, upstream: 404 } }],
    [
      "the gateway knows them no more",
      { decision: { ...none, effect: "deny", reason: "session_revoked" }, outcome: { ...outcome, http: 404 } },
    ],
  ])("are gone when %s", (_how, last) => {
    expect(named([begins, { ...goesOn, ...last }])).toEqual([]);
  });

  it.each<[string, Partial<AuditEntry>]>([
    [
      "the end is refused",
      { event: "end", method: null, decision: { ...none, effect: "deny", reason: "policy_denied" } },
    ],
    [
      "a method is not known",
      { decision: { ...allowed, reason: "method_unknown" }, outcome: { ...outcome, http: 404 } },
    ],
    ["a stream of them ends", { event: "stream_end", method: null }],
  ])("stay when %s", (_how, last) => {
    expect(named([begins, { ...goesOn, ...last }])).toEqual(["s-1"]);
  });

  it("are none of the gateway's own records, nor of messages without one", () => {
    expect(named([gatewayEntry("start", at(0)), { ...goesOn, session: null }])).toEqual([]);
  });

  it("come with those used last first, and leave out whoever was not used for longest", () => {
    const entries = ["s-1", "s-2", "s-1", "s-3"].map((session, second) => ({ ...begins, session, time: at(second) }));
    expect(named(entries)).toEqual(["s-3", "s-1", "s-2"]);
    expect(hear(entries, 2)).toMatchObject({ sessions: [{ fingerprint: "s-3" }, { fingerprint: "s-1" }], left: 1 });
  });
});
