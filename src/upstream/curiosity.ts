/** Something that is found out by asking the server, when somebody needs it and it is not known. */
export interface Curiosity {
  /** Resolves when the server was asked, one question for all who wait; at once, where it was asked just before. Never rejects. */
  satisfy(): Promise<void>;
}

/** From the end of one question to the next: whoever makes up names of tools must not make the gateway ask for each. */
const againAfterMs = 5_000;

/** @param ask asks the server; @param now milliseconds, of any origin */
export function createCuriosity(ask: () => Promise<void>, now: () => number): Curiosity {
  let endedAtMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | null = null;
  const end = () => {
    endedAtMs = now();
    asking = null;
  };
  /** A clock that was set back must not make the pause longer. */
  const isPausing = () => now() >= endedAtMs && now() - endedAtMs < againAfterMs;
  return {
    satisfy() {
      if (asking === null && isPausing()) return Promise.resolve();
      // What stays unknown is said by the condition that needs it.
      asking ??= ask().then(end, end);
      return asking;
    },
  };
}
