import type { AuditEntry } from "./audit/record.ts";
import type { AuditBook } from "./audit/trail.ts";
import type { AuditFile } from "./audit/write/audit-file.ts";
import type { Metrics } from "./observe/metrics.ts";

/**
 * Where the trails of visits and the gateway's own records end up: in the audit file, and counted.
 *
 * @param isLax whether what happens goes on without its record; how many are missing is recorded when writing works again
 */
export function createAuditBook(
  file: AuditFile,
  metrics: Metrics,
  fingerprint: AuditBook["fingerprint"],
  isLax: boolean,
): AuditBook {
  const append = (entry: AuditEntry, again?: boolean) => {
    const failed = (error: unknown) => {
      metrics.auditFailed();
      if (!isLax) throw error;
    };
    return file.append(entry, again).then(() => metrics.auditWritten(entry.event), failed);
  };
  return {
    fingerprint,
    get healthy() {
      return isLax || file.healthy;
    },
    monotonicMs: () => performance.now(),
    wallTime: () => new Date(),
    visitClosed: metrics.visitClosed,
    refused: metrics.refused,
    append,
    prepare: (identity) => (isLax ? null : file.prepare(identity)),
  };
}
