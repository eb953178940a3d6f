import { firstPrev } from "../../../src/audit/chain.ts";
import type { AuditEntry, ChainPlace } from "../../../src/audit/record.ts";

/** A whole entry, with what a test cares about put in its place. */
export function callEntry(changes: Partial<AuditEntry> = {}): AuditEntry {
  return {
    time: "2026-08-01T10:00:00.000Z",
    id: "request-1",
    event: "request",
    peer: { ip: "10.0.0.1", proxied: false },
    identity: { issuer: "corp", subject: "ann", client: "cli", via: "jwt", groups: ["analysts"] },
    server: "weather",
    era: "modern",
    session: null,
    method: "tools/call",
    target: { kind: "tool", name: "forecast" },
    args: { digest: "sha256:00", view: { city: "Berlin" } },
    decision: {
      effect: "allow",
      rule: "read-tools",
      policy: "policies/a.yaml:4",
      policies: "00112233aabbccdd",
      reason: null,
    },
    outcome: { http: 200, rpc: null, tool_error: false, upstream: 200 },
    bytes: { in: 120, out: 340 },
    ms: { total: 2.5, upstream: 1.5 },
    ...changes,
  };
}

export const trail = "0a1b2c3d4e5f";

/** A place in the chain of the tests. */
export function placeOf(seq = 1, prev = firstPrev): ChainPlace {
  return { trail, seq, prev };
}
