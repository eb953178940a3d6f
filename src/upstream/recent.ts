/** The values used most recently, by key: bounded in number and characters, those not used for longest given up first. */
export interface Recent<Value> {
  /** The value, which counts as used. */
  use(key: string): Value | undefined;
  /** @param chars what the value takes of the bound, its key included; one that takes more than all of it is not kept */
  put(key: string, value: Value, chars: number): void;
  remove(key: string): void;
  removeWhere(test: (value: Value) => boolean): void;
}

/** Holds nothing yet. */
export function createRecent<Value>(maxEntries: number, maxChars: number): Recent<Value> {
  // A Map keeps the order of insertion, and a use inserts anew: what was not used for longest stands first.
  const entries = new Map<string, { value: Value; chars: number }>();
  let totalChars = 0;
  const remove = (key: string) => {
    totalChars -= entries.get(key)?.chars ?? 0;
    entries.delete(key);
  };
  return {
    use(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    put(key, value, chars) {
      remove(key);
      // One that is too large would push out all others, and then not fit either.
      if (chars > maxChars) return;
      entries.set(key, { value, chars });
      totalChars += chars;
      for (const oldest of entries.keys()) {
        if (entries.size <= maxEntries && totalChars <= maxChars) return;
        remove(oldest);
      }
    },
    remove,
    removeWhere(test) {
      for (const [key, { value }] of entries) if (test(value)) remove(key);
    },
  };
}
