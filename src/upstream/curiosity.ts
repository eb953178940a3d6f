/** Something that is found out by asking the server, when somebody needs it and it is not known. */
export interface Curiosity {
  /** Resolves when the server was asked, one question for all who wait; at once, where it was asked just before. Never rejects. */
  satisfy(): Promise<void>;
}

/** Whoever makes up names of tools must not make the gateway ask for each. */
const againAfterMs = 5_000;

/** @param ask asks the server; @param now milliseconds, of any origin */
export function createCuriosity(ask: () => Promise<void>, now: () => number): Curiosity {
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> = Promise.resolve();
  return {
    satisfy() {
      if (now() - askedAtMs < againAfterMs) return asking;
      askedAtMs = now();
      // What stays unknown is said by the condition that needs it.
      asking = ask().catch(() => {});
      return asking;
    },
  };
}
