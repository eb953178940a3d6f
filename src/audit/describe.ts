import type { DeskNote } from "../authorization/desk.ts";
import type { Fingerprint } from "../crypto/fingerprint.ts";
import type { Denial, DenialCode } from "../denial.ts";
import type { Answer, Arrival, Decision, Identity, Message, Peer, Route, Session } from "../facts.ts";
import { targetsOf } from "../mcp/asked.ts";
import type { Target } from "../mcp/methods.ts";
import type { AuditEntry } from "./record.ts";
import type { Recording } from "./recording.ts";
import { redactWith } from "./sanitize/keyed-mark.ts";
import { sanitize } from "./sanitize/sanitize.ts";

/** What the rooms found out, under the name of the room. */
export interface Facts {
  peer: Peer;
  route: Route;
  identity: Identity;
  message: Message;
  session: Session;
  decision: Decision;
  answer: Answer;
  /** What came of a request to the authorization server. */
  desk: DeskNote;
}

/** How a visit ended. */
export interface Outcome {
  /** HTTP status the client gets; null where the connection is closed without one. */
  readonly http: number | null;
  /** JSON-RPC error code, if the answer is an error. */
  readonly rpc?: number | null;
  readonly toolError?: boolean | null;
  /** HTTP status of the server. */
  readonly upstream?: number | undefined;
  readonly bytesOut?: number;
  readonly denial?: Denial;
}

const events = {
  request: "request",
  notification: "notification",
  response: "response",
  listen: "stream",
  end: "end",
} as const satisfies Record<Message["kind"], AuditEntry["event"]>;

/** Limits that are looked at behind the decision, and are part of it. */
const countedBehind: ReadonlySet<DenialCode> = new Set(["rule_limited", "tool_limited", "tool_busy"]);

/** A visit at the moment its record is made. */
export interface RecordedVisit {
  readonly arrival: Pick<Arrival, "requestId" | "remoteAddress">;
  /** When it began. */
  readonly time: Date;
  /** Of the configuration that it is judged by; null for what never was to be judged. */
  readonly recording: Recording | null;
  readonly facts: Readonly<Partial<Facts>>;
  /** What is shown of the arguments: {@link describeArguments}. */
  readonly args: AuditEntry["args"];
  readonly outcome: Outcome;
  readonly totalMs: number;
  readonly upstreamMs: number | null;
}

/** The record of a visit, from what its rooms found out and how it ended. */
export function describeVisit(visit: RecordedVisit, fingerprint: Fingerprint): AuditEntry {
  const { arrival, time, recording, args, outcome, totalMs, upstreamMs } = visit;
  const { peer, route, identity, message, session, decision, desk } = visit.facts;
  const { denial } = outcome;
  const about = message?.kind === "listen" ? session?.resume?.pending : message;
  const [target] = findTargets(visit.facts);
  const refused = denial !== undefined && (decision === undefined || countedBehind.has(denial.code));
  const server = route?.kind === "mcp" ? route.server : null;
  const shadow = denial?.extra.shadow ?? decision?.shadow;
  return {
    time: renderTime(time),
    id: arrival.requestId,
    event: findEvent(visit.facts, denial),
    peer: peer ?? { ip: arrival.remoteAddress, proxied: false },
    // Itself and no copy: what a record says of it is rendered once for each.
    identity: identity ?? null,
    server,
    era: message?.era ?? null,
    session: session?.fingerprint ?? findBegun(visit, fingerprint),
    method: about !== undefined && about !== null && "method" in about ? about.method : null,
    target: target === undefined || target.kind === "server" ? null : { kind: target.kind, name: target.name },
    args,
    decision: {
      effect: refused ? "deny" : decision === undefined ? null : "allow",
      rule: denial?.extra.rule?.id ?? decision?.rule ?? null,
      policy: denial?.extra.rule?.policy ?? decision?.policy ?? null,
      policies: recording?.policies ?? null,
      reason: denial?.code ?? null,
      detail: denial?.extra.detail ?? null,
      ...(shadow && { shadow: { effect: shadow.effect, rule: shadow.rule, policy: shadow.policy } }),
    },
    outcome: {
      http: outcome.http,
      rpc: outcome.rpc ?? null,
      tool_error: outcome.toolError ?? null,
      upstream: outcome.upstream ?? null,
    },
    bytes: { in: message !== undefined && "bytes" in message ? message.bytes.length : 0, out: outcome.bytesOut ?? 0 },
    ms: { total: round(totalMs), upstream: upstreamMs === null ? null : round(upstreamMs) },
    ...(desk && { note: { ...desk } }),
  };
}

/** What policy judges by, or would have where nobody came so far. */
function findTargets({ message, session }: Readonly<Partial<Facts>>): readonly Target[] {
  if (message === undefined) return [];
  if (session !== undefined) return targetsOf(message, session);
  return message.kind === "request" ? message.targets : [];
}

function findEvent({ message, route }: Readonly<Partial<Facts>>, denial: Denial | undefined): AuditEntry["event"] {
  if (message !== undefined) return events[message.kind];
  if (route === undefined || denial !== undefined) return "refusal";
  return route.kind === "authorization" ? "auth" : "discovery";
}

/** The session that an answer begins, under the name that it has in the records of its messages. */
function findBegun({ facts: { message, answer }, outcome }: RecordedVisit, fingerprint: Fingerprint): string | null {
  if (message?.kind !== "request" || message.method !== "initialize" || outcome.denial !== undefined) return null;
  const id = answer?.headers["mcp-session-id"];
  return typeof id === "string" ? fingerprint("mcp-session", id) : null;
}

/**
 * What a record shows of a request's arguments; null where there are none. The digest is keyed: equal arguments can be found again, but a
 * short secret among them cannot be guessed from it.
 */
export function describeArguments(
  { message, route }: Readonly<Partial<Facts>>,
  recording: Recording | null,
  fingerprint: Fingerprint,
): AuditEntry["args"] {
  if (message?.kind !== "request" || message.args === undefined) return null;
  const rules = route?.kind === "mcp" ? recording?.args.get(route.server) : undefined;
  const digest = fingerprint("audit-args", JSON.stringify(message.args));
  if (rules?.digestOnly) return { digest };
  return { digest, view: sanitize(message.args, { own: rules?.own ?? null, redact: redactWith(fingerprint) }) };
}

/** Visits of one millisecond share its text, which takes 0.4 µs to be made. */
function renderTime(time: Date): string {
  const ms = time.getTime();
  if (ms !== lastTime.ms) lastTime = { ms, text: time.toISOString() };
  return lastTime.text;
}

let lastTime = { ms: Number.NaN, text: "" };

/** Microseconds are as fine as anybody reads. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
