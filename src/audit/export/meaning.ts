/** What a record says in words that all formats for other systems have. Pure. */
import { type AuditRecord, gatewayEvents } from "../record.ts";

export type Outcome = "success" | "failure" | "unknown";

/** How much somebody who watches should mind: a refusal more than a failure, and that more than what went well. */
export type Severity = "informational" | "low" | "medium";

/** The MCP method, or what else happened. */
export function actionOf({ method, event }: AuditRecord): string {
  return method ?? event;
}

/** Whose a record is: the caller's, or that of whom or which client a login was for, successful or not. */
export function personOf({ identity, event, note }: AuditRecord): { subject: string; issuer: string } | null {
  if (identity != null) return identity;
  if (event !== "auth") return null;
  if (typeof note?.user === "string") return { subject: note.user, issuer: "builtin" };
  const isMachine = note?.grant === "client_credentials" && typeof note.client === "string";
  return isMachine ? { subject: `client:${note.client}`, issuer: "builtin" } : null;
}

/** Whether a record is about the gateway itself, and not about what a caller sent. */
export function isOfGateway({ event }: AuditRecord): boolean {
  return ofGateway.has(event);
}

const ofGateway: ReadonlySet<string> = new Set(gatewayEvents);

/** Whether what the record tells of succeeded; `unknown` where nobody was answered. */
export function outcomeOf(record: AuditRecord): Outcome {
  const { event, decision, outcome, note } = record;
  // Nobody got in, by whosever fault.
  if (event === "connections") return "failure";
  if (isOfGateway(record)) return note?.successful === false ? "failure" : "success";
  const { http, rpc, tool_error } = outcome;
  const failed = decision.effect === "deny" || decision.reason !== null || rpc !== null || tool_error === true;
  if (failed || (http !== null && http >= 400)) return "failure";
  return http === null ? "unknown" : "success";
}

/** How much a record matters to whoever watches: refusals most, then failures. */
export function severityOf(record: AuditRecord): Severity {
  if (record.decision.effect === "deny") return "medium";
  return outcomeOf(record) === "failure" ? "low" : "informational";
}

/** One line for people: `tools/call forecast: deny (policy_denied)`. */
export function summarize(record: AuditRecord): string {
  const { target, decision } = record;
  const what = [actionOf(record), target?.name].filter((part) => part != null).join(" ");
  const how = [decision.effect, decision.reason === null ? null : `(${decision.reason})`].filter(
    (part) => part !== null,
  );
  return how.length === 0 ? what : `${what}: ${how.join(" ")}`;
}

/** JSON of what has members of any name: as a text, so that names that callers choose make no fields. */
export function asText(value: unknown): string | null {
  return value == null ? null : JSON.stringify(value);
}

/** An object without members that say nothing: null, undefined, and objects and lists of nothing else. */
export function compact(value: object): object {
  const kept: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const said = typeof member === "object" && member !== null && !Array.isArray(member) ? compact(member) : member;
    if (said != null && (typeof said !== "object" || Object.keys(said).length > 0)) kept[name] = said;
  }
  return kept;
}
