import type { Counters } from "../limits/counters.ts";
import type { Limit } from "../limits/leases.ts";
import type { Recall } from "../limits/recall.ts";

/** Proofs of possession that were used. */
export interface UsedProofs {
  /** False when it was used before, or there is no room to remember it. */
  add(key: string): boolean | Promise<boolean>;
}

/**
 * A memory whose keys are counted together with other processes, where the counters do: of several processes that are sent the same at the same
 * moment one takes it. Where nobody answers for the others, as in limits, each goes on with what it remembers itself.
 *
 * @param memory as {@link createProofMemory} makes it: it bounds what one process can have counted
 */
export function shareProofs(
  memory: Pick<Recall, "add">,
  { count }: Pick<Counters, "count">,
  keepMs: number,
): UsedProofs {
  const once: Limit = { requests: 1, windowMs: keepMs, onFailure: "local" };
  return {
    async add(key) {
      return memory.add(key) && (await count("proof", once, key)) === null;
    },
  };
}

/**
 * Remembers keys for a time, and takes no more than it can remember: unlike a memory that forgets the oldest, it cannot be
 * made to forget.
 *
 * @param now milliseconds since the epoch
 */
export function createProofMemory(maxKeys: number, keepMs: number, now: () => number): Recall {
  // In the order in which they end.
  const endings = new Map<string, number>();
  const forget = (nowMs: number) => {
    for (const [key, endMs] of endings) {
      if (endMs > nowMs) return;
      endings.delete(key);
    }
  };
  return {
    add(key) {
      const nowMs = now();
      forget(nowMs);
      if (endings.has(key) || endings.size >= maxKeys) return false;
      endings.set(key, nowMs + keepMs);
      return true;
    },
    has: (key) => endings.has(key),
    delete: (key) => void endings.delete(key),
  };
}
