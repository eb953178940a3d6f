/** Counts what was seen lately, in bounded memory: when it is full, what was seen longest ago is forgotten first. */
export interface Recency {
  touch(group: string, key: string, nowMs: number): void;
  /** How many keys of the group were seen within the window. */
  count(group: string, nowMs: number): number;
}

/**
 * @param windowMs how long somebody counts as seen
 * @param maxKeys of all groups together
 */
export function createRecency(windowMs: number, maxKeys: number): Recency {
  // A Map keeps the order of insertion, and a touch inserts anew: the oldest stands first.
  const seen = new Map<string, { group: string; atMs: number }>();
  const forget = (nowMs: number) => {
    for (const [key, { atMs }] of seen) {
      if (nowMs - atMs <= windowMs && seen.size <= maxKeys) return;
      seen.delete(key);
    }
  };
  return {
    touch(group, key, nowMs) {
      seen.delete(key);
      seen.set(key, { group, atMs: nowMs });
      forget(nowMs);
    },
    count(group, nowMs) {
      forget(nowMs);
      let total = 0;
      for (const entry of seen.values()) if (entry.group === group) total += 1;
      return total;
    },
  };
}
