/** What the records of a trail add up to. Pure; memory grows with people, servers and tools up to a cap, never with calls. */

import { type AuditRecord, callerEvents } from "../record.ts";
import { Quantiles } from "./quantiles.ts";

/** Calls of one person, tool or server. */
export interface Tally {
  /** Messages of callers, refused ones included. */
  readonly calls: number;
  /** Refused by the gateway before they went on. */
  readonly denials: number;
  /** Went on and failed. */
  readonly errors: number;
  /** ISO 8601. */
  readonly lastSeen: string;
}

export interface PersonTally extends Tally {
  readonly issuer: string;
  readonly subject: string;
}

export interface ServerTally extends Tally {
  readonly server: string;
  /** Milliseconds of the calls that were not denied, to five percent. */
  readonly medianMs: number | null;
  readonly p99Ms: number | null;
}

export interface ToolTally extends ServerTally {
  readonly tool: string;
}

/** The rows with the most calls; `others` is the sum of all that have none, null where each has one. */
export interface TallyTable<Row extends Tally> {
  readonly rows: readonly Row[];
  readonly others: Tally | null;
}

export interface AuditStats {
  readonly records: number;
  /** Times of the first and the last record; ISO 8601, null where there is none. */
  readonly from: string | null;
  readonly to: string | null;
  readonly decisions: { readonly allow: number; readonly deny: number; readonly none: number };
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
  /** Records with reasons that are not among those. */
  readonly otherReasons: number;
  readonly people: TallyTable<PersonTally>;
  readonly tools: TallyTable<ToolTally>;
  readonly servers: TallyTable<ServerTally>;
}

/** A server's question and the end of a stream belong to a call that is counted already. */
const ofCallers: ReadonlySet<string> = new Set(callerEvents);

const maxKeys = 10_000;

/** Counts records. */
export class StatsCounter {
  readonly #people: Table<{ issuer: string; subject: string }>;
  readonly #tools: Table<{ server: string; tool: string }>;
  readonly #servers: Table<{ server: string }>;
  readonly #reasons = new Map<string, number>();
  readonly #decisions = { allow: 0, deny: 0, none: 0 };
  #records = 0;
  #from: string | null = null;
  #to: string | null = null;

  /** @param maxRows most people, tools and servers that are told apart */
  constructor(maxRows = maxKeys) {
    this.#people = new Table(maxRows);
    this.#tools = new Table(maxRows);
    this.#servers = new Table(maxRows);
  }

  hear(record: AuditRecord): void {
    const { time, event, identity, server, target, decision } = record;
    this.#records += 1;
    if (this.#from === null || time < this.#from) this.#from = time;
    if (this.#to === null || time > this.#to) this.#to = time;
    if (decision.reason !== null) this.#reasons.set(decision.reason, (this.#reasons.get(decision.reason) ?? 0) + 1);
    if (!ofCallers.has(event)) return;
    const { effect } = decision;
    this.#decisions[effect === "allow" || effect === "deny" ? effect : "none"] += 1;
    if (identity !== null) this.#people.count({ issuer: identity.issuer, subject: identity.subject }, record);
    if (server === null) return;
    this.#servers.count({ server }, record);
    if (target?.kind === "tool" && target.name !== null) this.#tools.count({ server, tool: target.name }, record);
  }

  /** @param top most rows of each table */
  finish(top: number): AuditStats {
    const reasons = [...this.#reasons].map(([reason, count]) => ({ reason, count }));
    const sorted = reasons.toSorted((a, b) => b.count - a.count || compareText(a.reason, b.reason));
    return {
      records: this.#records,
      from: this.#from,
      to: this.#to,
      decisions: { ...this.#decisions },
      reasons: sorted.slice(0, top),
      otherReasons: sorted.slice(top).reduce((sum, { count }) => sum + count, 0),
      people: this.#people.finish(top, (key, row) => ({ ...key, ...row.tally() })),
      tools: this.#tools.finish(top, (key, row) => ({ ...key, ...row.tally(), ...row.durations() })),
      servers: this.#servers.finish(top, (key, row) => ({ ...key, ...row.tally(), ...row.durations() })),
    };
  }
}

/** Rows by key; what comes when all places are taken is counted together. */
class Table<Key extends object> {
  readonly #maxRows: number;
  readonly #rows = new Map<string, { key: Key; row: Row }>();
  readonly #beyond = new Row();

  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  count(key: Key, record: AuditRecord): void {
    const text = JSON.stringify(Object.values(key));
    let found = this.#rows.get(text);
    if (found === undefined && this.#rows.size < this.#maxRows) {
      found = { key, row: new Row() };
      this.#rows.set(text, found);
    }
    (found?.row ?? this.#beyond).count(record);
  }

  finish<Shown extends Tally>(top: number, show: (key: Key, row: Row) => Shown): TallyTable<Shown> {
    const sorted = [...this.#rows.values()].toSorted(
      (a, b) => b.row.calls - a.row.calls || compareText(JSON.stringify(a.key), JSON.stringify(b.key)),
    );
    const others = [...sorted.slice(top).map(({ row }) => row), this.#beyond].filter(({ calls }) => calls > 0);
    return {
      rows: sorted.slice(0, top).map(({ key, row }) => show(key, row)),
      others: others.length === 0 ? null : others.map((row) => row.tally()).reduce(addTallies),
    };
  }
}

class Row {
  calls = 0;
  #denials = 0;
  #errors = 0;
  #lastSeen = "";
  readonly #quantiles = new Quantiles();

  count({ time, decision, outcome, ms }: AuditRecord): void {
    this.calls += 1;
    if (time > this.#lastSeen) this.#lastSeen = time;
    if (decision.effect === "deny") {
      this.#denials += 1;
      return;
    }
    if (decision.reason !== null || outcome.rpc !== null || outcome.tool_error === true) this.#errors += 1;
    this.#quantiles.add(ms.total);
  }

  tally(): Tally {
    return { calls: this.calls, denials: this.#denials, errors: this.#errors, lastSeen: this.#lastSeen };
  }

  durations(): { medianMs: number | null; p99Ms: number | null } {
    return { medianMs: this.#quantiles.at(0.5), p99Ms: this.#quantiles.at(0.99) };
  }
}

function addTallies(a: Tally, b: Tally): Tally {
  return {
    calls: a.calls + b.calls,
    denials: a.denials + b.denials,
    errors: a.errors + b.errors,
    lastSeen: compareText(a.lastSeen, b.lastSeen) < 0 ? b.lastSeen : a.lastSeen,
  };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
