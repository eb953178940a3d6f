/** How often somebody may try to log in, so that passwords and codes cannot be tried out and nobody is locked out by others. */
import type { Counters } from "../../limits/counters.ts";
import type { Limit } from "../../limits/leases.ts";
import { limitKey } from "../../network/cidr.ts";

/**
 * Milliseconds to wait before a user name may be tried; null for now, and then it is counted.
 *
 * @param browser the id of one that this user has logged in with before; null for any other
 */
export type Delay = (user: string, ip: string, browser: string | null) => Promise<number | null>;

const minute = 60_000;
const limitOf = (requests: number, windowMs: number): Limit => ({ requests, windowMs, onFailure: "local" });

/** How often any user name may be tried from an address, and one of them. */
const perAddress = limitOf(50, 5 * minute);
const perUserAndAddress = limitOf(10, 5 * minute);
/** How often somebody at an address may be sent to a provider: each time the provider is asked something, and something is kept. */
const awayPerAddress = limitOf(50, 5 * minute);
/** The longer it goes on, the longer the wait: whoever comes from ever other addresses gets no further than the last of these. */
const growing = [limitOf(20, 5 * minute), limitOf(60, 60 * minute), limitOf(200, 1_440 * minute)];

/** Counts together with other processes, where the counters do. */
export function createDelay({ count }: Pick<Counters, "count">): Delay {
  return async (user, ip, browser) => {
    const place = limitKey(ip);
    const counted: (readonly [name: string, limit: Limit, key: string])[] =
      browser === null
        ? [
            ["login-address", perAddress, place],
            ["login-user", perUserAndAddress, JSON.stringify([user, place])],
            ...growing.map((limit) => ["login-anywhere", limit, user] as const),
          ]
        : // Others at the same address, or with the same user name, are no reason to refuse it.
          growing.map((limit) => ["login-browser", limit, JSON.stringify([user, browser])] as const);
    for (const [name, limit, key] of counted) {
      const waitMs = await count(name, limit, key);
      if (waitMs !== null) return waitMs;
    }
    return null;
  };
}

/** Milliseconds to wait before somebody at an address may go to a provider; null for now, and then it is counted. */
export function createAwayCount({ count }: Pick<Counters, "count">): (ip: string) => Promise<number | null> {
  return async (ip) => count("login-away", awayPerAddress, limitKey(ip));
}
