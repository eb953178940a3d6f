import { readFileSync } from "node:fs";
import { sealRecord } from "../../../../src/audit/chain.ts";
import { type AuditEntry, gatewayEntry } from "../../../../src/audit/record.ts";

/** Lines of a trail, one of each kind there is. */
export const goldenLines: readonly string[] = readFileSync(
  new URL("../../../golden/audit/records.jsonl", import.meta.url),
  "utf8",
)
  .trimEnd()
  .split("\n");

/** A line as a gateway writes it; what is given replaces members of a `start` record. */
export function lineOf(seq: number, members: Partial<AuditEntry> = {}): string {
  const entry = { ...gatewayEntry("start", "2026-10-01T08:00:00.250Z"), ...members };
  return sealRecord(entry, { trail: "0123456789ab", seq, prev: "0".repeat(64) }).line;
}
