import type { Recall } from "../limits/recall.ts";

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
