/** What a login has to be like for a scope to be granted. Pure. */
import type { Requirement } from "../policy/require.ts";

/** What tokens say of a login with a second factor (`acr`); of one without they say nothing. */
export const mfaContext = "mfa";

/** What tokens say of a login by a key that stays in one piece of hardware (`amr`, RFC 8176). */
export const hardwareMethod = "hwk";

/**
 * When somebody logged in of whom nobody says when, in seconds: as long ago as can be, so that it never passes for recent. Tokens do not
 * say it.
 */
export const undatedSeconds = 1;

export interface Demand {
  /** With a second factor. */
  readonly mfa: boolean;
  /** Milliseconds since the login, at most; null for any. */
  readonly maxAgeMs: number | null;
  /** There where nothing but a key in hardware will do. */
  readonly hardware?: true;
}

/** A login as sessions and tokens keep it. */
export interface Login {
  readonly acr?: string | undefined;
  readonly amr?: readonly string[] | undefined;
  /** Seconds since the epoch. */
  readonly authTime?: number | undefined;
}

/**
 * Scopes that rules require, and what they require of the login besides: clients pass on the scopes of a challenge and not the rest of it,
 * which would be asked of them in vain. Where one rule is content with the scope alone, so is the scope.
 *
 * @param requirements of the rules about one server
 */
export function findDemands(requirements: readonly Requirement[]): ReadonlyMap<string, Demand> {
  const scopes = new Set(requirements.flatMap((required) => required.scopes ?? []));
  return new Map(
    [...scopes].toSorted().map((scope) => {
      const about = requirements.filter((required) => required.scopes?.includes(scope));
      const ages = about.map(({ maxAge }) => maxAge ?? Number.POSITIVE_INFINITY);
      const longest = Math.max(...ages);
      const mfa = about.every(({ acr }) => acr?.includes(mfaContext));
      const isHardware = about.every(({ amr }) => amr?.includes(hardwareMethod));
      const maxAgeMs = Number.isFinite(longest) ? longest : null;
      return [scope, { mfa, maxAgeMs, ...(isHardware && { hardware: true }) }];
    }),
  );
}

/** The demand that meets all of them. */
export function joinDemands(demands: readonly Demand[]): Demand {
  const ages = demands.flatMap(({ maxAgeMs }) => maxAgeMs ?? []);
  const isHardware = demands.some(({ hardware }) => hardware);
  const maxAgeMs = ages.length === 0 ? null : Math.min(...ages);
  return { mfa: demands.some(({ mfa }) => mfa), maxAgeMs, ...(isHardware && { hardware: true }) };
}

/** @param nowMs milliseconds since the epoch */
export function isMet(demand: Demand, login: Login, nowMs: number): boolean {
  return (!demand.mfa || login.acr === mfaContext) && isByKey(demand, login) && isRecent(demand, login, nowMs);
}

/** Whether the login was by a key in hardware, where it has to be. */
export function isByKey({ hardware }: Demand, { amr }: Pick<Login, "amr">): boolean {
  return hardware === undefined || amr?.includes(hardwareMethod) === true;
}

/** Whether the login was late enough. */
export function isRecent({ maxAgeMs }: Demand, { authTime }: Login, nowMs: number): boolean {
  return maxAgeMs === null || (authTime !== undefined && nowMs - authTime * 1_000 <= maxAgeMs);
}
