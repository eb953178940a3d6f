import { Denial } from "../denial.ts";
import type { Answer, Arrival, Decision, Identity, Message, Peer, Route, Session } from "../facts.ts";
import type { AuditEntry } from "./record.ts";
import { digestOf, sanitize } from "./sanitize.ts";

declare const recorded: unique symbol;

/** Proof that the record of a visit is in the file. Only a trail gives one, and an answer cannot be sent without. */
export interface Receipt {
  readonly [recorded]: true;
}

/** What the rooms found out, under the name of the room. */
export interface Facts {
  peer: Peer;
  route: Route;
  identity: Identity;
  message: Message;
  session: Session;
  decision: Decision;
  answer: Answer;
}

/** How a visit ended. */
export interface Outcome {
  /** HTTP status the client gets. */
  readonly http: number;
  /** JSON-RPC error code, if the answer is an error. */
  readonly rpc?: number | null;
  readonly toolError?: boolean | null;
  /** HTTP status of the server. */
  readonly upstream?: number;
  readonly bytesOut?: number;
  readonly denial?: Denial;
}

/** A visit that is over, for those who count. */
export interface ClosedVisit {
  readonly facts: Readonly<Partial<Facts>>;
  readonly outcome: Outcome;
  readonly totalMs: number;
  /** Milliseconds that each room took, in walking order. */
  readonly rooms: ReadonlyMap<keyof Facts, number>;
}

/** Where trails end up. */
export interface AuditBook {
  /** Resolves when the entry is in the file. */
  append(entry: AuditEntry): Promise<void>;
  /** Monotonic milliseconds. */
  monotonicMs(): number;
  wallTime(): Date;
  visitClosed(visit: ClosedVisit): void;
}

/**
 * The record of one visit: opened before anything is looked at, told every fact on the way, closed exactly once, before
 * the client has its answer.
 */
export interface Trail {
  readonly facts: Readonly<Partial<Facts>>;
  readonly closed: boolean;
  /** Keeps what a room found out, and hands it on. */
  note<Room extends keyof Facts>(room: Room, fact: Facts[Room]): Facts[Room];
  /**
   * Writes the record.
   *
   * @throws Denial `audit_unavailable` when it cannot be written: no record, no call
   */
  close(outcome: Outcome): Promise<Receipt>;
  /** Records a request of the server to the client, which is a message of its own. */
  ask(method: string, passed: boolean): Promise<void>;
}

const proof = {} as Receipt;

/** The receipt for the one answer that goes out without a record: that the record cannot be written. */
export function receiptForFailure(denial: Denial): Receipt {
  if (denial.code !== "audit_unavailable") throw new Error("only a missing record excuses a missing record");
  return proof;
}

/** Opens the record of a visit. */
export function openTrail(book: AuditBook, arrival: Arrival): Trail {
  const facts: Partial<Facts> = {};
  const rooms = new Map<keyof Facts, number>();
  const startedMs = book.monotonicMs();
  const time = book.wallTime();
  let markMs = startedMs;
  let closed = false;
  return {
    facts,
    get closed() {
      return closed;
    },
    note(room, fact) {
      facts[room] = fact;
      const nowMs = book.monotonicMs();
      rooms.set(room, nowMs - markMs);
      markMs = nowMs;
      return fact;
    },
    async close(outcome) {
      if (closed) throw new Error("a trail is closed once");
      const totalMs = book.monotonicMs() - startedMs;
      const entry = describe(arrival, time, facts, outcome, totalMs, rooms.get("answer") ?? null);
      await write(book, entry);
      closed = true;
      book.visitClosed({ facts, outcome, totalMs, rooms });
      return proof;
    },
    async ask(method, passed) {
      const denial = passed ? {} : { denial: new Denial("client_request_denied") };
      const entry = describe(
        arrival,
        book.wallTime(),
        facts,
        { http: 200, ...denial },
        book.monotonicMs() - startedMs,
        null,
      );
      await write(book, { ...entry, event: "server_request", method, target: null, args: null });
    },
  };
}

async function write(book: AuditBook, entry: AuditEntry): Promise<void> {
  try {
    await book.append(entry);
  } catch (cause) {
    throw new Denial("audit_unavailable", { cause });
  }
}

const events = {
  request: "request",
  notification: "notification",
  response: "response",
  listen: "stream",
  end: "end",
} as const satisfies Record<Message["kind"], AuditEntry["event"]>;

function describe(
  arrival: Arrival,
  time: Date,
  { peer, route, identity, message, session, decision }: Partial<Facts>,
  outcome: Outcome,
  totalMs: number,
  upstreamMs: number | null,
): AuditEntry {
  const { denial } = outcome;
  const targets = message?.kind === "request" ? message.targets : [];
  const [target] = targets;
  const refused = denial !== undefined && (decision === undefined || denial.code.startsWith("tool_"));
  return {
    time: time.toISOString(),
    id: arrival.requestId,
    event: message !== undefined ? events[message.kind] : route === undefined || denial ? "refusal" : "discovery",
    peer: peer === undefined ? { ip: arrival.remoteAddress, proxied: false } : { ip: peer.ip, proxied: peer.proxied },
    identity:
      identity === undefined
        ? null
        : {
            issuer: identity.issuer,
            subject: identity.subject,
            client: identity.client,
            via: identity.via,
            groups: [...identity.groups],
          },
    server: route?.kind === "mcp" ? route.server : null,
    era: message?.era ?? null,
    session: session?.fingerprint ?? null,
    method: message !== undefined && "method" in message ? message.method : null,
    target: target === undefined || target.kind === "server" ? null : { kind: target.kind, name: target.name },
    args: message?.kind === "request" && message.args !== undefined ? describeArguments(message.args) : null,
    decision: {
      effect: refused ? "deny" : decision === undefined ? null : "allow",
      rule: denial?.extra.rule?.id ?? decision?.rule ?? null,
      policy: denial?.extra.rule?.policy ?? decision?.policy ?? null,
      reason: denial?.code ?? null,
      detail: denial?.extra.detail ?? null,
    },
    outcome: {
      http: outcome.http,
      rpc: outcome.rpc ?? null,
      tool_error: outcome.toolError ?? null,
      upstream: outcome.upstream ?? null,
    },
    bytes: { in: message !== undefined && "bytes" in message ? message.bytes.length : 0, out: outcome.bytesOut ?? 0 },
    ms: { total: round(totalMs), upstream: upstreamMs === null ? null : round(upstreamMs) },
  };
}

function describeArguments(args: unknown): AuditEntry["args"] {
  return { digest: digestOf(Buffer.from(JSON.stringify(args))), view: sanitize(args) };
}

/** Microseconds are as fine as anybody reads. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
