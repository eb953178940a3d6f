import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { Denial } from "../denial.ts";

/** Requests allowed in a window. */
export interface Rate {
  readonly requests: number;
  readonly windowMs: number;
}

/** A place among those in flight; disposing of it gives it back, once. */
export type Lease = Disposable;

/**
 * The counters behind every limit. They belong to the process and not to a configuration, so that a reload forgives
 * nobody and a request that began under the old one is counted out under the new one.
 */
export interface Counters {
  /**
   * Counts one more request; resolves to milliseconds to wait when that is one too many, else null.
   *
   * @throws Denial `limit_unavailable`
   */
  count(name: string, rate: Rate, key: string): Promise<number | null>;
  /** Takes a place among at most `most`, or null when all are taken. */
  enter(name: string, key: string, most: number): Lease | null;
}

export function createCounters(): Counters {
  const limiters = new Map<string, RateLimiterMemory>();
  const inFlight = new Map<string, number>();
  return {
    async count(name, { requests, windowMs }, key) {
      const keyPrefix = `${name}:${requests}/${windowMs}`;
      let limiter = limiters.get(keyPrefix);
      if (limiter === undefined) {
        limiter = new RateLimiterMemory({ keyPrefix, points: requests, duration: windowMs / 1_000 });
        limiters.set(keyPrefix, limiter);
      }
      try {
        await limiter.consume(key);
        return null;
      } catch (refusal) {
        if (refusal instanceof RateLimiterRes) return Math.max(refusal.msBeforeNext, 1);
        // Anything but a refusal is a fault, and a limit that cannot be evaluated must not let the request pass.
        throw new Denial("limit_unavailable", { cause: refusal, detail: name });
      }
    },
    enter(name, key, most) {
      const place = `${name}:${key}`;
      const taken = inFlight.get(place) ?? 0;
      if (taken >= most) return null;
      inFlight.set(place, taken + 1);
      let held = true;
      return {
        [Symbol.dispose]() {
          if (!held) return;
          held = false;
          const left = (inFlight.get(place) ?? 1) - 1;
          if (left === 0) inFlight.delete(place);
          else inFlight.set(place, left);
        },
      };
    },
  };
}
