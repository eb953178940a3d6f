import { Denial } from "../denial.ts";
import { answeredWithin } from "../patience.ts";
import type { Rate, Taken, Windows } from "./windows.ts";

/** A rate that may be shared, and what holds while nobody knows what the others have counted. */
export interface Limit extends Rate {
  /** `local`: this process counts alone. `refuse`: nothing is let through. */
  readonly onFailure: "local" | "refuse";
}

/** Windows that several processes share. */
export interface PermitStore {
  /** The longest that a request waits for it, in milliseconds. */
  readonly patienceMs: number;
  /**
   * As {@link Windows.take}, atomically among all who ask.
   *
   * @throws Error when there is no answer in that time
   */
  take(name: string, rate: Rate, key: string, want: number): Promise<Taken>;
}

/** The part of a limit that a process takes at once, and the most. */
const shareOfLimit = 1 / 20;
const mostPermits = 64;

/** What of a window has been taken for this process. */
interface Lease {
  left: number;
  /** There was no more to be had: behind these the window is used up. */
  readonly last: boolean;
  readonly endsAtMs: number;
}

/** What has been taken of one limit, by key, and who is being asked for. */
interface Lent {
  readonly leases: Map<string, Lease>;
  readonly asking: Map<string, Promise<Lease>>;
  /** How many requests wait for an answer. */
  readonly waiting: Map<string, number>;
}

/** What a caller is told to wait while nobody counts, in milliseconds. */
const tryAgainMs = 1_000;

/** Counts against windows that others count against too. */
export interface Leases {
  /**
   * Counts one more request; resolves to milliseconds to wait when that is one too many, else null.
   *
   * @throws Denial `limit_unavailable` where the store does not answer and the limit says `refuse`
   */
  count(name: string, limit: Limit, key: string): number | null | Promise<number | null>;
}

/**
 * Counts in the store, though not each request: a process takes a twentieth of the limit at once (64 at most) and uses it up
 * before it asks again. So never more requests pass than the limit says, and each further process may leave up to a twentieth
 * of it unused; a limit of less than forty requests is exact.
 *
 * @param fallback counts for this process alone while the store does not answer
 * @param now monotonic milliseconds
 * @param failed told of each time that the store did not answer
 */
export function createLeases(store: PermitStore, fallback: Windows, now: () => number, failed: () => void): Leases {
  const limits = new Map<string, Lent>();

  function lentOf(name: string, { requests, windowMs }: Limit): Lent {
    const limit = `${name}:${requests}/${windowMs}`;
    const lent = limits.get(limit) ?? { leases: new Map(), asking: new Map(), waiting: new Map() };
    limits.set(limit, lent);
    return lent;
  }

  async function ask({ leases, waiting }: Lent, name: string, limit: Limit, key: string): Promise<Lease> {
    const askedAtMs = now();
    const share = Math.min(Math.floor(limit.requests * shareOfLimit), mostPermits);
    // A burst is served with one or two questions, not with one for each part.
    const want = Math.max(share, waiting.get(key) ?? 0, 1);
    const { granted, resetMs } = await store.take(name, limit, key, want);
    // Counted from before the question: a lease must not outlive the window that it is part of.
    const lease = { left: granted, last: granted < want, endsAtMs: askedAtMs + resetMs };
    drop(leases, now());
    leases.delete(key);
    leases.set(key, lease);
    return lease;
  }

  /** Whoever comes while the store is being asked waits for the same answer. */
  function askOnce(lent: Lent, name: string, limit: Limit, key: string): Promise<Lease> {
    const asked = lent.asking.get(key) ?? ask(lent, name, limit, key).finally(() => lent.asking.delete(key));
    lent.asking.set(key, asked);
    return asked;
  }

  async function countShared(lent: Lent, name: string, limit: Limit, key: string): Promise<number | null> {
    const giveUpAtMs = now() + store.patienceMs;
    lent.waiting.set(key, (lent.waiting.get(key) ?? 0) + 1);
    try {
      while (now() < giveUpAtMs) {
        const lease = await answeredWithin(giveUpAtMs - now(), askOnce(lent, name, limit, key));
        const verdict = use(lease, now());
        if (verdict !== undefined) return verdict;
      }
    } catch {
      // Below, it is all one whether there was no answer or none in time.
    } finally {
      const others = (lent.waiting.get(key) ?? 1) - 1;
      if (others === 0) lent.waiting.delete(key);
      else lent.waiting.set(key, others);
    }
    failed();
    if (limit.onFailure === "refuse") throw new Denial("limit_unavailable", { detail: name, retryAfterMs: tryAgainMs });
    const { granted, resetMs } = fallback.take(name, limit, key, 1);
    return granted === 0 ? resetMs : null;
  }

  return {
    count(name, limit, key) {
      const lent = lentOf(name, limit);
      const lease = lent.leases.get(key);
      const verdict = lease === undefined ? undefined : use(lease, now());
      return verdict === undefined ? countShared(lent, name, limit, key) : verdict;
    },
  };
}

/** Uses one permit. Undefined when the lease does not tell. */
function use(lease: Lease, nowMs: number): number | null | undefined {
  if (nowMs >= lease.endsAtMs) return undefined;
  if (lease.left === 0) return lease.last ? lease.endsAtMs - nowMs : undefined;
  lease.left -= 1;
  return null;
}

/** Leases that are over, as far as they are the oldest: one goes at most a window late. */
function drop(leases: Map<string, Lease>, nowMs: number): void {
  for (const [key, { endsAtMs }] of leases) {
    if (endsAtMs > nowMs) return;
    leases.delete(key);
  }
}
