import { readRecords } from "../../src/audit/read/records.ts";
import { findTrails, verifyTrail } from "../../src/audit/verify/verify.ts";
import type { Ledger } from "./ledger.ts";

/** What the audit says of the load, beside what the load says of itself. */
export interface Accounts {
  /** Verified, and closed by its `stop`. */
  readonly sound: boolean;
  readonly records: number;
  /** Records that close a visit. */
  readonly visits: number;
  /** Records of visits by event, and by reason where they were refused. */
  readonly events: Readonly<Record<string, number>>;
  readonly reasons: Readonly<Record<string, number>>;
  /** Request ids of answers that have no closing record. */
  readonly missing: readonly string[];
  /** Request ids with more than one closing record. */
  readonly repeated: readonly string[];
  /** Closing records whose id was in no answer. */
  readonly unheard: number;
  readonly failedReloads: number;
}

/** A message has one closing record; these stand beside it, with the same request id. */
const asides: ReadonlySet<string> = new Set(["server_request", "stream_failure", "stream_end"]);

/**
 * Reads the audit of a gateway that has stopped.
 *
 * @param directory of its one trail, which within an hour is closed files as well
 */
export async function readAccounts(directory: string, { ids }: Ledger): Promise<Accounts> {
  const [trail] = await findTrails(directory);
  if (trail === undefined) throw new Error(`there is no audit trail in ${directory}`);
  const { ok, stopped, records } = await verifyTrail(directory, trail, {});
  const closed = new Set<string>();
  const repeated: string[] = [];
  const events: Record<string, number> = {};
  const reasons: Record<string, number> = {};
  let visits = 0;
  let failedReloads = 0;
  for await (const { id, event, decision, note } of readRecords(directory)) {
    if (event === "reload" && note?.successful !== true) failedReloads += 1;
    if (id === null || asides.has(event)) continue;
    visits += 1;
    events[event] = (events[event] ?? 0) + 1;
    if (decision.reason !== null) reasons[decision.reason] = (reasons[decision.reason] ?? 0) + 1;
    if (closed.has(id)) repeated.push(id);
    closed.add(id);
  }
  const missing = [...ids].filter((id) => !closed.has(id));
  const unheard = visits - repeated.length - (ids.size - missing.length);
  return { sound: ok && stopped, records, visits, events, reasons, missing, repeated, unheard, failedReloads };
}
