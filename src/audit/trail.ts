import { Denial, type DenialCode } from "../denial.ts";
import type { Arrival } from "../facts.ts";
import type { Fingerprint } from "../mcp/handles.ts";
import { describeVisit, type Facts, type Outcome } from "./describe.ts";
import type { AuditEntry } from "./record.ts";

declare const recorded: unique symbol;

/** Proof that the record of a visit is in the file. Only a trail gives one, and an answer cannot be sent without. */
export interface Receipt {
  readonly [recorded]: true;
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
  /** False while writing fails. */
  readonly healthy: boolean;
  /** Keyed, for joining records without knowing what was said. */
  readonly fingerprint: Fingerprint;
  /** Resolves when the entry is in the file. */
  append(entry: AuditEntry): Promise<void>;
  /** Monotonic milliseconds. */
  monotonicMs(): number;
  wallTime(): Date;
  visitClosed(visit: ClosedVisit): void;
  /** Counts a refusal that is not how a visit closed. */
  refused(code: DenialCode): void;
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
  /**
   * Makes sure that a record could be written, before something happens that one must be written of.
   *
   * @throws Denial `audit_unavailable`
   */
  assure(): void;
  /** Records a request of the server to the client, which is a message of its own. */
  ask(method: string, passed: boolean): Promise<void>;
  /** Records that a stream, which was on record from its beginning, has failed. */
  fail(denial: Denial): Promise<void>;
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
      const upstreamMs = rooms.get("answer") ?? null;
      await write(book, describeVisit({ arrival, time, facts, outcome, totalMs, upstreamMs }, book.fingerprint));
      closed = true;
      book.visitClosed({ facts, outcome, totalMs, rooms });
      return proof;
    },
    assure() {
      if (!book.healthy) throw new Denial("audit_unavailable");
    },
    async ask(method, passed) {
      const outcome = passed ? { http: 200 } : { http: 200, denial: new Denial("client_request_denied") };
      const totalMs = book.monotonicMs() - startedMs;
      const visit = { arrival, time: book.wallTime(), facts, outcome, totalMs, upstreamMs: null };
      const entry = describeVisit(visit, book.fingerprint);
      const decision = { ...entry.decision, effect: passed ? "allow" : "deny" } as const;
      await write(book, { ...entry, event: "server_request", method, target: null, args: null, decision });
      if (!passed) book.refused("client_request_denied");
    },
    async fail(denial) {
      const totalMs = book.monotonicMs() - startedMs;
      const outcome = { http: 200, upstream: facts.answer?.statusCode, denial };
      const visit = { arrival, time: book.wallTime(), facts, outcome, totalMs, upstreamMs: null };
      await write(book, { ...describeVisit(visit, book.fingerprint), event: "stream_failure", args: null });
      book.refused(denial.code);
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
