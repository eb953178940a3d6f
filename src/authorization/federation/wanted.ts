/** What a login at a provider has to be like, how that is asked for, and whether it was. Pure. */
import type { Demand } from "../demands.ts";
import { FederationFailure } from "./failure.ts";
import type { Profile } from "./profiles.ts";

/** What is asked of a login; kept while the person is away. */
export interface Wanted extends Demand {
  /** A login now, whatever session there is at the provider. */
  readonly again: boolean;
}

/** What proves a second factor. */
export interface FactorRule {
  readonly amr: readonly string[];
  readonly acr: readonly string[];
  readonly always: boolean;
}

/** Asked for where any age will do: `auth_time` is said only where some age was asked for (OpenID Connect Core section 2). */
const longestSeconds = 31_536_000;
/** Tolerance for clocks that disagree. */
const skewMs = 30_000;

/** Whether such a login can be had there at all, as far as can be known beforehand. */
export function canGive(wanted: Wanted, { asksContext, asksAge, asksAgain }: Profile, rule: FactorRule): boolean {
  const canProve = rule.always || rule.amr.length > 0 || (asksContext !== null && rule.acr.length > 0);
  // One of whose `amr` no profile knows anything says none.
  const canTell = wanted.hardware === undefined || rule.amr.length > 0;
  return (!wanted.mfa || canProve) && canTell && (!isFresh(wanted) || asksAge || asksAgain);
}

/**
 * What is left to want, for a page of one's own account, where a provider does not say when somebody logged in because it knows no
 * `max_age`: that they come back from it. One that knows it has to say `auth_time` (OpenID Connect Core section 3.1.2.1).
 */
export function settleForReturn(wanted: Wanted, { asksAge }: Profile): Wanted {
  return asksAge ? wanted : { ...wanted, maxAgeMs: null };
}

/** Whether the time of the login matters. */
function isFresh({ again, maxAgeMs }: Wanted): boolean {
  return again || maxAgeMs !== null;
}

/** Parameters of the authorization request. What a provider cannot be asked for by age, it is asked for anew. */
export function renderWanted(wanted: Wanted, profile: Profile, { acr }: FactorRule): Readonly<Record<string, string>> {
  const { again, maxAgeMs } = wanted;
  const isAnew = profile.asksAgain && (again || (maxAgeMs !== null && !profile.asksAge));
  const age = again ? 0 : maxAgeMs === null ? longestSeconds : Math.floor(maxAgeMs / 1_000);
  const isContext = wanted.mfa && acr.length > 0;
  return {
    ...(isAnew && { prompt: "login" }),
    ...(profile.asksAge && { max_age: String(age) }),
    ...(isContext && profile.asksContext === "acr_values" && { acr_values: acr.join(" ") }),
    ...(isContext && profile.asksContext === "claims" && { claims: renderContexts(profile, acr) }),
  };
}

/** OpenID Connect Core section 5.5, as Entra documents it for authentication contexts. */
function renderContexts({ contextClaim }: Profile, acr: readonly string[]): string {
  const [only, ...others] = acr;
  const wanted = others.length === 0 ? { value: only } : { values: acr };
  return JSON.stringify({ id_token: { [contextClaim]: { essential: true, ...wanted } } });
}

/**
 * Checks that the login is as recent as was asked for. A provider that overlooks what it is asked must not pass for one that did it.
 *
 * @param authTime seconds since the epoch, as the provider says it; null where it does not
 * @param startedMs when the person was sent there
 * @throws FederationFailure `auth_time_missing`, `login_old`
 */
export function checkRecent(wanted: Wanted, authTime: number | null, startedMs: number, nowMs: number): void {
  if (!isFresh(wanted)) return;
  if (authTime === null) {
    throw new FederationFailure("auth_time_missing", "the ID token has no auth_time; let the provider put it there");
  }
  const { again, maxAgeMs } = wanted;
  const earliestMs = Math.max(again ? startedMs : 0, maxAgeMs === null ? 0 : nowMs - maxAgeMs) - skewMs;
  if (authTime * 1_000 + 999 < earliestMs) {
    throw new FederationFailure("login_old", "the provider had nobody log in anew, though it was asked to");
  }
}
