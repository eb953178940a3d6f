import type { Fingerprint } from "../crypto/fingerprint.ts";
import { Denial, type DenialCode } from "../denial.ts";
import type { Arrival } from "../facts.ts";
import { describeArguments, describeVisit, type Facts, type Outcome } from "./describe.ts";
import type { AuditEntry, AuditIdentity } from "./record.ts";
import type { Recording } from "./recording.ts";

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

/** What was said on a stream. */
export interface Spoken {
  /** Events that came from the server, or were told for it. */
  readonly events: number;
  readonly bytes: number;
}

/** Where trails end up. */
export interface AuditBook {
  /** False while writing fails. */
  readonly healthy: boolean;
  /** Keyed, for joining records without knowing what was said. */
  readonly fingerprint: Fingerprint;
  /**
   * Resolves when the entry is in the file.
   *
   * @param again whether it stands for one that could not be written
   * @throws AuditFault
   */
  append(entry: AuditEntry, again?: boolean): Promise<void>;
  /** Sees to it that records of somebody can be written; null where nothing is left to do. */
  prepare(identity: AuditIdentity | null): Promise<void> | null;
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
  /** Does what can be done of the record while a server works: nobody waits for it then. Hands on what the server says. */
  during<Answer>(work: Promise<Answer>): Promise<Answer>;
  /**
   * Writes the record.
   *
   * @throws Denial `audit_unavailable` when it cannot be written: no record, no call
   */
  close(outcome: Outcome): Promise<Receipt>;
  /**
   * Writes the record of a stream that may stay for days, when it opens; the `end` will have a record of its own.
   *
   * @throws Denial `audit_unavailable`
   */
  open(outcome: Outcome): Promise<Receipt>;
  /**
   * Makes sure that a record could be written, before something happens that one must be written of.
   *
   * @throws Denial `audit_unavailable`
   */
  assure(): Promise<void> | undefined;
  /** Records a request of the server to the client, which is a message of its own. */
  ask(method: string, passed: boolean): Promise<void>;
  /**
   * Records how a stream ended that was on record from its beginning; nothing where there is none.
   *
   * @param reason null where the server ended it
   * @throws Denial `audit_unavailable`
   */
  end(reason: Denial | null, spoken: Spoken): Promise<void>;
}

const proof = {} as Receipt;
const noRooms = new Map<keyof Facts, number>();

/** The receipt for the one answer that goes out without a record: that the record cannot be written. */
export function receiptForFailure(denial: Denial): Receipt {
  if (denial.code !== "audit_unavailable") throw new Error("only a missing record excuses a missing record");
  return proof;
}

/**
 * Opens the record of a visit.
 *
 * @param recording of the configuration that it is judged by
 */
export function openTrail(book: AuditBook, arrival: Arrival, recording: Recording): Trail {
  return new VisitTrail(book, arrival, recording);
}

/** A class, as everything is that each visit makes and that has accessors: in object literals they cost half a kilobyte. */
class VisitTrail implements Trail {
  readonly facts: Partial<Facts> = {};
  closed = false;
  /** A stream is open that has its beginning on record, and not its end. */
  #standing = false;
  /** The record could not be written. That of the refusal stands for it, so that the visit is not missing twice. */
  #missing = false;
  readonly #book: AuditBook;
  readonly #arrival: Arrival;
  readonly #recording: Recording;
  #rooms = new Map<keyof Facts, number>();
  readonly #startedMs: number;
  readonly #time: Date;
  #markMs: number;
  /** What the record shows of the arguments; undefined while that is not made. */
  #args: AuditEntry["args"] | undefined;

  constructor(book: AuditBook, arrival: Arrival, recording: Recording) {
    this.#book = book;
    this.#arrival = arrival;
    this.#recording = recording;
    this.#startedMs = book.monotonicMs();
    this.#time = book.wallTime();
    this.#markMs = this.#startedMs;
  }

  note<Room extends keyof Facts>(room: Room, fact: Facts[Room]): Facts[Room] {
    this.facts[room] = fact;
    const nowMs = this.#book.monotonicMs();
    this.#rooms.set(room, nowMs - this.#markMs);
    this.#markMs = nowMs;
    return fact;
  }

  during<Answer>(work: Promise<Answer>): Promise<Answer> {
    this.#args = this.#describeArguments();
    return work;
  }

  async close(outcome: Outcome): Promise<Receipt> {
    if (this.closed) throw new Error("a trail is closed once");
    const totalMs = this.#book.monotonicMs() - this.#startedMs;
    const entry = this.#describe(outcome, this.#time, totalMs, this.#rooms.get("answer") ?? null);
    await this.#append(entry, this.#missing).catch((error: Denial) => {
      this.#missing = true;
      throw error;
    });
    this.closed = true;
    this.#book.visitClosed({ facts: this.facts, outcome, totalMs, rooms: this.#rooms });
    // A stream may stay for days after that, and its further records show no arguments.
    this.#rooms = noRooms;
    this.#args = null;
    return proof;
  }

  async open(outcome: Outcome): Promise<Receipt> {
    const receipt = await this.close(outcome);
    this.#standing = true;
    return receipt;
  }

  assure(): Promise<void> | undefined {
    if (!this.#book.healthy) throw new Denial("audit_unavailable");
    const { identity = null } = this.facts;
    return this.#book.prepare(identity)?.catch(refuseUnwritten);
  }

  async ask(method: string, passed: boolean): Promise<void> {
    const outcome = passed ? { http: 200 } : { http: 200, denial: new Denial("client_request_denied") };
    const entry = this.#describe(outcome);
    const decision = { ...entry.decision, effect: passed ? "allow" : "deny" } as const;
    await this.#append({ ...entry, event: "server_request", method, target: null, args: null, decision });
    if (!passed) this.#book.refused("client_request_denied");
  }

  async end(reason: Denial | null, { events, bytes }: Spoken): Promise<void> {
    if (!this.#standing) return;
    this.#standing = false;
    const told = { http: 200, upstream: this.facts.answer?.statusCode, bytesOut: bytes };
    if (reason !== null && isFailure(reason)) {
      const entry = this.#describe({ ...told, denial: reason });
      await this.#append({ ...entry, event: "stream_failure", args: null, note: { events } });
      this.#book.refused(reason.code);
      return;
    }
    // That somebody had enough is no refusal, so its reason stands elsewhere.
    const note = { events, cause: reason?.code ?? "server" };
    await this.#append({ ...this.#describe(told), event: "stream_end", args: null, note });
  }

  #append(entry: AuditEntry, again = false): Promise<void> {
    return this.#book.append(entry, again).catch(refuseUnwritten);
  }

  /** What happened, at this time and so long after the beginning; by now, unless told otherwise. */
  #describe(
    outcome: Outcome,
    time = this.#book.wallTime(),
    totalMs = this.#book.monotonicMs() - this.#startedMs,
    upstreamMs: number | null = null,
  ): AuditEntry {
    const args = this.#args === undefined ? this.#describeArguments() : this.#args;
    const about = { arrival: this.#arrival, recording: this.#recording, facts: this.facts, args };
    const visit = { ...about, time, outcome, totalMs, upstreamMs };
    return describeVisit(visit, this.#book.fingerprint);
  }

  #describeArguments(): AuditEntry["args"] {
    return describeArguments(this.facts, this.#recording, this.#book.fingerprint);
  }
}

/** Whether the server failed, or did what it may not, rather than that somebody had enough. */
function isFailure({ code }: Denial): boolean {
  return code.startsWith("upstream_") || code === "client_request_denied";
}

function refuseUnwritten(cause: unknown): never {
  throw new Denial("audit_unavailable", { cause });
}
