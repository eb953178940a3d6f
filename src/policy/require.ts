/** What a rule asks the caller to prove besides who it is, and what of that is missing (RFC 6750, RFC 8176, RFC 9449, RFC 9470). */
import type { PolicySubject } from "./facts.ts";

/** Of `acr` one is enough, of scopes and `amr` every one is needed. */
export interface Requirement {
  readonly scopes?: readonly string[] | undefined;
  readonly acr?: readonly string[] | undefined;
  readonly amr?: readonly string[] | undefined;
  /** Milliseconds since the login. */
  readonly maxAge?: number | undefined;
  readonly certificate?: true | undefined;
  readonly proof?: true | undefined;
}

/** What the caller has to come back with. Empty lists and null: nothing of that kind. */
export interface Missing {
  readonly scopes: readonly string[];
  /** One of them. */
  readonly acr: readonly string[];
  readonly amr: readonly string[];
  /** Seconds. */
  readonly maxAge: number | null;
  readonly certificate: boolean;
  readonly proof: boolean;
}

/** @returns null where nothing is missing */
export function findMissing(required: Requirement, subject: PolicySubject, nowMs: number): Missing | null {
  const { claims } = subject;
  const missing: Missing = {
    scopes: (required.scopes ?? []).filter((scope) => !subject.scopes.includes(scope)),
    acr: required.acr?.some((acr) => claims.acr === acr) === false ? required.acr : [],
    amr: (required.amr ?? []).filter((method) => !(Array.isArray(claims.amr) && claims.amr.includes(method))),
    maxAge: isStale(required.maxAge, claims.auth_time, nowMs) ? Math.floor(required.maxAge / 1_000) : null,
    certificate: required.certificate === true && subject.certificate === null,
    proof: required.proof === true && !subject.proof,
  };
  return countMissing(missing) === 0 ? null : missing;
}

/** How much is missing: of several rules that could be met, the nearest is the one to ask for. */
export function countMissing({ scopes, acr, amr, maxAge, certificate, proof }: Missing): number {
  const others = [acr.length > 0, maxAge !== null, certificate, proof];
  return scopes.length + amr.length + others.filter((isMissing) => isMissing).length;
}

/** A token that does not say when its person logged in proves nothing about it, nor does one that says it will be. */
function isStale(maxAge: number | undefined, authTime: unknown, nowMs: number): maxAge is number {
  if (maxAge === undefined) return false;
  if (typeof authTime !== "number") return true;
  const ageMs = nowMs - authTime * 1_000;
  return !(ageMs <= maxAge && ageMs >= -maxSkewMs);
}

/** How far the clock of an issuer may be ahead, in milliseconds. */
const maxSkewMs = 60_000;
