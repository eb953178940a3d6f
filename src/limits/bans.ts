/** Addresses that go on asking behind their refusals. */
export interface Bans {
  /**
   * Counts a refusal of an address that has used up its limit.
   *
   * @param leftMs milliseconds until it may ask again
   */
  note(address: string, leftMs: number): void;
  /** Whether it has been told often enough, so that until then its connections are not worth an answer. */
  has(address: string): boolean;
}

/** An address hears this often why it is refused; a client that waits as it is told hears it once. */
export const mostAnswers = 30;

interface Ban {
  answers: number;
  endsAtMs: number;
}

/**
 * In the memory of this process, for the time of a limit's window. Each refusal costs a handshake, a request and a record, so that whoever
 * ignores them would take from everybody else what the limit is to save.
 *
 * @param now monotonic milliseconds
 */
export function createBans(now: () => number): Bans {
  const bans = new Map<string, Ban>();
  return {
    note(address, leftMs) {
      const nowMs = now();
      const known = bans.get(address);
      const isOver = known === undefined || nowMs >= known.endsAtMs;
      // In the order in which they end, or nearly: limits of other windows are of another configuration.
      if (isOver) drop(bans, nowMs);
      bans.delete(address);
      bans.set(address, { answers: isOver ? 1 : known.answers + 1, endsAtMs: nowMs + leftMs });
    },
    has(address) {
      const ban = bans.get(address);
      return ban !== undefined && ban.answers >= mostAnswers && now() < ban.endsAtMs;
    },
  };
}

function drop(bans: Map<string, Ban>, nowMs: number): void {
  for (const [address, { endsAtMs }] of bans) {
    if (endsAtMs > nowMs) return;
    bans.delete(address);
  }
}
