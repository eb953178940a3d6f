/**
 * Verdicts on tokens, remembered: a signature costs more than all the rest of a request. Bounded in number and time, one
 * verification at a time for each token, and refusals apart from admissions, so that a flood of bad tokens cannot push the
 * good ones out.
 */
import { hash } from "node:crypto";
import { Denial, type DenialCode } from "../denial.ts";
import type { VerifiedToken } from "./claims.ts";
import type { Verify } from "./jwt.ts";

/** What {@link createTokenCache} needs to know. */
export interface TokenCacheOptions {
  readonly verify: Verify;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Of admissions, and of refusals, each. */
  readonly maxEntries: number;
  /** How many different tokens may be in verification at once. */
  readonly maxConcurrentMisses: number;
  /** Milliseconds; a token is verified again after this, so that a key which its issuer withdrew stops counting. */
  readonly maxAgeMs: number;
}

/** Verifies tokens and remembers the outcome. */
export interface TokenCache {
  /**
   * Same token and resource, same object, until it expires or is to be asked about again, `maxAgeMs` have passed, or the cache is cleared.
   *
   * @throws Denial what the verifier throws; `verification_busy` when too many other tokens are being verified
   */
  readonly verify: Verify;
  /** Forgets everything, and does not keep what is still being verified: keys or configuration have changed. */
  clear(): void;
}

interface Admission {
  readonly token: VerifiedToken;
  readonly untilMs: number;
}

interface Refused {
  readonly code: DenialCode;
  readonly detail: string;
  readonly untilMs: number;
}

/** Milliseconds; short, because a token may become valid (`nbf`) and a key may become known. */
const refusalMs = 5_000;

/** An empty cache in front of a verifier. */
export function createTokenCache(options: TokenCacheOptions): TokenCache {
  const { verify, now, maxEntries, maxConcurrentMisses, maxAgeMs } = options;
  let admissions = new Map<string, Admission>();
  let refusals = new Map<string, Refused>();
  let running = new Map<string, Promise<VerifiedToken>>();
  let inFlight = 0;

  async function miss(key: string, token: string, resource: string): Promise<VerifiedToken> {
    // What was begun before a clear() is kept in maps that nobody reads any more.
    const mine = { admissions, refusals };
    inFlight += 1;
    try {
      const verified = await verify(token, resource);
      const untilMs = Math.min(verified.expiresAtMs, verified.recheckAtMs, now() + maxAgeMs);
      remember(mine.admissions, key, { token: verified, untilMs }, maxEntries);
      return verified;
    } catch (error) {
      if (error instanceof Denial && error.code.startsWith("token_")) {
        const { code, extra } = error;
        remember(mine.refusals, key, { code, detail: extra.detail ?? "", untilMs: now() + refusalMs }, maxEntries);
      }
      throw error;
    } finally {
      inFlight -= 1;
    }
  }

  function findVerdict(key: string): VerifiedToken | undefined {
    const nowMs = now();
    const admission = admissions.get(key);
    if (admission !== undefined && nowMs < admission.untilMs) return admission.token;
    const refusal = refusals.get(key);
    if (refusal !== undefined && nowMs < refusal.untilMs) throw new Denial(refusal.code, { detail: refusal.detail });
    return undefined;
  }

  return {
    async verify(token, resource) {
      const key = hash("sha256", `${token}\0${resource}`, "base64");
      const known = findVerdict(key);
      if (known !== undefined) return known;
      let verdict = running.get(key);
      if (verdict === undefined) {
        if (inFlight >= maxConcurrentMisses) {
          throw new Denial("verification_busy", {
            detail: `${inFlight} tokens are being verified`,
            retryAfterMs: 1_000,
          });
        }
        const mine = running;
        verdict = miss(key, token, resource).finally(() => mine.delete(key));
        mine.set(key, verdict);
      }
      return verdict.catch(rethrow);
    },
    clear() {
      admissions = new Map();
      refusals = new Map();
      running = new Map();
    },
  };
}

/** Callers add to a refusal what only they know, so each gets one of its own. */
function rethrow(error: unknown): never {
  throw error instanceof Denial ? new Denial(error.code, error.extra) : error;
}

/** A Map iterates in the order of insertion, so the first key is the oldest. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value, maxEntries: number): void {
  map.delete(key);
  const oldest = map.size >= maxEntries ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
  map.set(key, value);
}
