import { backoffMs } from "../../network/backoff.ts";
import { TokenFailure } from "./token-failure.ts";

/** An authorization server in trouble is not asked for each call, but again after a while. */
export interface Pause {
  /** Why it is not asked now; null where it may be. */
  check(): TokenFailure | null;
  /** It has failed. Of several who asked at the same time, the first to hear so makes the pause. */
  fail(failure: TokenFailure): void;
  /** It has answered. */
  recover(): void;
}

/**
 * @param now milliseconds since the epoch
 * @param chance from 0 up to 1
 */
export function createPause(now: () => number, chance: () => number): Pause {
  let failures = 0;
  let pause: { readonly fromMs: number; readonly untilMs: number; readonly after: TokenFailure } | null = null;

  function check(): TokenFailure | null {
    const nowMs = now();
    // A clock that was set back must not make the pause longer.
    if (pause === null || nowMs < pause.fromMs || nowMs >= pause.untilMs) return null;
    const { after, untilMs } = pause;
    return new TokenFailure(after.fault, `${after.message}, and is not asked again yet`, untilMs - nowMs);
  }

  return {
    check,
    fail(failure) {
      if (check() !== null) return;
      failures += 1;
      const fromMs = now();
      pause = { fromMs, untilMs: fromMs + backoffMs(failures, chance(), failure.retryAfterMs), after: failure };
    },
    recover() {
      failures = 0;
      pause = null;
    },
  };
}
