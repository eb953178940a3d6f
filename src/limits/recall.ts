/** What happened lately, by key: bounded, the oldest forgotten first. */
export interface Recall {
  /** False when it is known already. */
  add(key: string): boolean;
  has(key: string): boolean;
  delete(key: string): void;
}

/** @param maxKeys how many are remembered */
export function createRecall(maxKeys: number): Recall {
  const keys = new Set<string>();
  return {
    add(key) {
      if (keys.has(key)) return false;
      keys.add(key);
      if (keys.size > maxKeys) {
        const [oldest = ""] = keys;
        keys.delete(oldest);
      }
      return true;
    },
    has: (key) => keys.has(key),
    delete: (key) => void keys.delete(key),
  };
}
