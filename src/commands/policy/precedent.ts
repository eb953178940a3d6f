import type { AuditRecord } from "../../audit/record.ts";
import { type Effect, recallDecision } from "../../policy/compare/replay.ts";
import type { AskingOptions } from "./asking.ts";

/** What makes of a recorded request another one, or says more of it than its record. */
const supposing = [
  "claim",
  "scopes",
  "apiKey",
  "certificate",
  "proof",
  "arguments",
  "annotations",
  "at",
  "ip",
] as const;

/**
 * What was decided then, where the same policies decided it that are asked now: then no guess about what is not recorded is needed.
 *
 * @returns null where other policies did, or options say more than the record
 */
export function findPrecedent(record: AuditRecord | null, hash: string, options: AskingOptions): Effect | null {
  if (record === null || record.decision.policies !== hash) return null;
  return supposing.some((name) => options[name] !== undefined) ? null : recallDecision(record);
}
