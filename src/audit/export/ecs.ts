/** Records in the Elastic Common Schema 8.17 (https://www.elastic.co/guide/en/ecs/8.17/ecs-field-reference.html). Pure. */
import type { AuditRecord } from "../record.ts";
import { actionOf, asText, compact, isOfGateway, outcomeOf, summarize } from "./meaning.ts";

/** `event.type` of what callers send, beside `allowed` and `denied`; `access` for what is not here. */
const types: ReadonlyMap<string, string> = new Map([
  ["stream", "start"],
  ["end", "end"],
  ["stream_failure", "end"],
  ["stream_end", "end"],
  ["discovery", "info"],
]);

const verdicts: ReadonlyMap<string, string> = new Map([
  ["allow", "allowed"],
  ["deny", "denied"],
]);

/** `event.category` and `event.type` of what happens to the gateway; what is not here is information. */
const ofGateway: Readonly<Record<string, { readonly category: string; readonly type: string }>> = {
  start: { category: "process", type: "start" },
  stop: { category: "process", type: "end" },
  reload: { category: "configuration", type: "change" },
  admin: { category: "configuration", type: "change" },
  expired: { category: "file", type: "deletion" },
  connections: { category: "network", type: "connection" },
  shredded: { category: "file", type: "deletion" },
};

/** One JSON object on one line, with its newline. */
export function renderEcs(record: AuditRecord, version: string): string {
  const { peer, identity, server, target, args, decision, outcome, bytes, ms, note } = record;
  const { category, type } = classify(record);
  return `${JSON.stringify(
    compact({
      "@timestamp": record.time,
      ecs: { version: "8.17.0" },
      message: summarize(record),
      event: {
        kind: "event",
        module: "sallyport",
        dataset: "sallyport.audit",
        category: [category],
        type,
        action: actionOf(record),
        code: record.event,
        outcome: outcomeOf(record),
        reason: decision.reason,
        // Nanoseconds.
        duration: isOfGateway(record) ? null : Math.round(ms.total * 1e6),
        sequence: record.seq,
        hash: record.hash,
      },
      observer: { vendor: "Sallyport", product: "Sallyport", type: "gateway", version },
      source: { ip: peer?.ip, address: peer?.ip },
      user: { name: identity?.subject, domain: identity?.issuer, hash: record.person },
      related: { ip: peer === null ? [] : [peer.ip], user: identity === null ? [] : [identity.subject] },
      http: {
        request: { id: record.id, body: isOfGateway(record) ? null : { bytes: bytes.in } },
        response: { status_code: outcome.http, body: isOfGateway(record) ? null : { bytes: bytes.out } },
      },
      rule: { id: decision.rule, ruleset: decision.policy?.replace(/:\d+$/, ""), version: decision.policies },
      error: { code: outcome.rpc === null ? null : String(outcome.rpc), message: decision.detail },
      sallyport: {
        trail: record.trail,
        server,
        era: record.era,
        session: record.session,
        method: record.method,
        proxied: peer?.proxied,
        identity: { client: identity?.client, via: identity?.via, groups: identity?.groups },
        target,
        args: { digest: args?.digest, view: asText(args?.view) },
        decision: { effect: decision.effect, policy: decision.policy, shadow: decision.shadow },
        outcome: { tool_error: outcome.tool_error, upstream: outcome.upstream },
        upstream_ms: ms.upstream,
        note: asText(note),
        checkpoint: record.checkpoint,
        prev: record.prev,
      },
    }),
  )}\n`;
}

function classify(record: AuditRecord): { category: string; type: string[] } {
  if (isOfGateway(record)) {
    const { category, type } = ofGateway[record.event] ?? { category: "process", type: "info" };
    return { category, type: [type] };
  }
  if (record.event === "auth") return { category: "authentication", type: ["info"] };
  const verdict = verdicts.get(record.decision.effect ?? "");
  const type = types.get(record.event) ?? "access";
  return { category: "api", type: verdict === undefined ? [type] : [type, verdict] };
}
