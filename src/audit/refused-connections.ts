import { type AuditEntry, gatewayEntry } from "./record.ts";

/** Connections that ended before a request came, and have no record of their own. */
export interface RefusedConnections {
  /**
   * @param ip empty where it is not known any more
   * @param cause `handshake`, or the code of a refusal
   */
  count(ip: string, cause: string): void;
  /** Writes what was counted and is not written yet. */
  flush(): void;
}

/** Whoever counts gets no more records than these, however many connections he opens. */
const everyMs = 10_000;
const maxRows = 32;

interface Row {
  readonly ip: string | null;
  readonly cause: string;
  readonly firstMs: number;
  count: number;
}

/**
 * Sums up refused connections by address and cause, so that a flood of them does not become a flood of records: one for each
 * in ten seconds, and no more than 32 addresses told apart.
 *
 * @param write of an entry; it must not throw
 * @param now milliseconds since the epoch
 */
export function createRefusedConnections(write: (entry: AuditEntry) => void, now: () => number): RefusedConnections {
  const rows = new Map<string, Row>();
  let timer: NodeJS.Timeout | undefined;
  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const due = [...rows.values()];
    rows.clear();
    for (const row of due) write(describe(row, now()));
  }
  return {
    flush,
    count(ip, cause) {
      const own = `${cause} ${ip}`;
      const others = !rows.has(own) && rows.size >= maxRows;
      const key = others ? cause : own;
      const row = rows.get(key) ?? { ip: others || ip === "" ? null : ip, cause, firstMs: now(), count: 0 };
      row.count += 1;
      rows.set(key, row);
      timer ??= setTimeout(flush, everyMs).unref();
    },
  };
}

function describe({ ip, cause, firstMs, count }: Row, nowMs: number): AuditEntry {
  const note = { cause, count, from: new Date(firstMs).toISOString() };
  const entry = gatewayEntry("connections", new Date(nowMs).toISOString(), note);
  return ip === null ? entry : { ...entry, peer: { ip, proxied: false } };
}
