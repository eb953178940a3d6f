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

/** When it was reached, and up to when it is remembered. */
interface Verdict {
  readonly fromMs: number;
  readonly untilMs: number;
}

interface Admission extends Verdict {
  readonly token: VerifiedToken;
}

interface Refused extends Verdict {
  readonly code: DenialCode;
  readonly detail: string;
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
      const fromMs = now();
      const untilMs = Math.min(verified.expiresAtMs, verified.recheckAtMs, fromMs + maxAgeMs);
      remember(mine.admissions, key, { token: verified, fromMs, untilMs }, maxEntries);
      return verified;
    } catch (error) {
      if (error instanceof Denial && error.code.startsWith("token_")) {
        const { code, extra } = error;
        const fromMs = now();
        const refused = { code, detail: extra.detail ?? "", fromMs, untilMs: fromMs + refusalMs };
        remember(mine.refusals, key, refused, maxEntries);
      }
      throw error;
    } finally {
      inFlight -= 1;
    }
  }

  function findVerdict(key: string): VerifiedToken | undefined {
    const nowMs = now();
    const admission = admissions.get(key);
    if (admission !== undefined && isRemembered(admission, nowMs)) return admission.token;
    const refusal = refusals.get(key);
    if (refusal !== undefined && isRemembered(refusal, nowMs))
      throw new Denial(refusal.code, { detail: refusal.detail });
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

/** A clock that was set back must not make a verdict last longer: its issuer may have revoked the token. */
function isRemembered({ fromMs, untilMs }: Verdict, nowMs: number): boolean {
  return fromMs <= nowMs && nowMs < untilMs;
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
