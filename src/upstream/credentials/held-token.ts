import type { Grant } from "./token-answer.ts";

/** Gets a new token. Rejects with a TokenFailure. */
export type FetchToken = () => Promise<Grant>;

interface Held {
  readonly token: string;
  readonly renewAtMs: number;
  readonly untilMs: number;
}

/** The rest of its life in which a token is renewed while the old one still serves. */
const renewalShare = 0.2;
/** What is not used of its life: clocks differ, and the message has to get there. The least of the two. */
const unusedShare = 0.1;
const unusedMs = 10_000;
/** A server that refuses whatever it is shown must not make the gateway fetch a token for every call. */
const rejectedAgainAfterMs = 10_000;

/** One token: fetched once for all who wait, renewed before it expires, let go of when a server refuses it. */
export class HeldToken {
  readonly #now: () => number;
  #held: Held | null = null;
  #fetching: Promise<string> | null = null;
  #rejectedAtMs = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether it is worth keeping. */
  get isGood(): boolean {
    return this.#fetching !== null || (this.#held !== null && this.#now() < this.#held.untilMs);
  }

  /**
   * The token, at once where there is a good one.
   *
   * @param mostMs when it is over at the latest, in milliseconds since the epoch
   * @throws TokenFailure
   */
  obtain(fetch: FetchToken, mostMs = Number.POSITIVE_INFINITY): string | Promise<string> {
    const nowMs = this.#now();
    const held = this.#held;
    if (held === null || nowMs >= held.untilMs) return this.#fetch(fetch, mostMs);
    // Whoever fetches says why it failed; the old one is still good.
    if (nowMs >= held.renewAtMs) this.#fetch(fetch, mostMs).catch(() => {});
    return held.token;
  }

  /** Lets go of a token that the server has refused; false where the one before was refused just now. */
  reject(token: string): boolean {
    if (this.#held?.token !== token) return true;
    const nowMs = this.#now();
    // A clock that was set back must not make the pause longer.
    if (nowMs >= this.#rejectedAtMs && nowMs - this.#rejectedAtMs < rejectedAgainAfterMs) return false;
    this.#rejectedAtMs = nowMs;
    this.#held = null;
    return true;
  }

  #fetch(fetch: FetchToken, mostMs: number): Promise<string> {
    this.#fetching ??= this.#replace(fetch, mostMs).finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  async #replace(fetch: FetchToken, mostMs: number): Promise<string> {
    // Its life began before it arrived.
    const obtainedAtMs = this.#now();
    const { token, lifetimeMs } = await fetch();
    this.#held = {
      token,
      renewAtMs: obtainedAtMs + lifetimeMs * (1 - renewalShare),
      untilMs: Math.min(obtainedAtMs + lifetimeMs - Math.min(lifetimeMs * unusedShare, unusedMs), mostMs),
    };
    return token;
  }
}
