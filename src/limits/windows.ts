/** Requests allowed in a window. */
export interface Rate {
  readonly requests: number;
  readonly windowMs: number;
}

/** What was had of a window. */
export interface Taken {
  /** How many requests may be let through; 0 when the window is used up. */
  readonly granted: number;
  /** Milliseconds until the window ends, and the next request begins a new one. */
  readonly resetMs: number;
}

/** Requests counted in windows that begin with a key's first request. */
export interface Windows {
  /**
   * Takes up to `want` of what is left of a key's window.
   *
   * @param name keeps the keys of different limits apart
   */
  take(name: string, rate: Rate, key: string, want: number): Taken;
}

interface Window {
  used: number;
  readonly endsAtMs: number;
}

/**
 * Windows in the memory of this process. An attacker may come from very many addresses, so a window goes as soon as it is over.
 *
 * @param now monotonic milliseconds
 */
export function createWindows(now: () => number): Windows {
  const limits = new Map<string, Map<string, Window>>();
  return {
    take(name, { requests, windowMs }, key, want) {
      const nowMs = now();
      // All windows of one map are of one length: they end in the order in which they were put there.
      const limit = `${name}:${requests}/${windowMs}`;
      const windows = limits.get(limit) ?? new Map<string, Window>();
      limits.set(limit, windows);
      let window = windows.get(key);
      if (window === undefined || nowMs >= window.endsAtMs) {
        drop(windows, nowMs);
        window = { used: 0, endsAtMs: nowMs + windowMs };
        windows.delete(key);
        windows.set(key, window);
      }
      const granted = Math.min(want, requests - window.used);
      window.used += granted;
      return { granted, resetMs: window.endsAtMs - nowMs };
    },
  };
}

function drop(windows: Map<string, Window>, nowMs: number): void {
  for (const [key, { endsAtMs }] of windows) {
    if (endsAtMs > nowMs) return;
    windows.delete(key);
  }
}
