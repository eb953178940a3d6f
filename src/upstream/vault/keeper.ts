/** Tokens of users for one server: kept in the store, renewed once at a time for each user, on all replicas together. */
import { answeredForCall } from "../../state/patience.ts";
import type { Store } from "../../state/store.ts";
import { createPause } from "../credentials/pause.ts";
import type { Issued } from "../credentials/token-answer.ts";
import type { TokenOutcome } from "../credentials/token-endpoint.ts";
import { TokenFailure } from "../credentials/token-failure.ts";
import { readScopes } from "./challenge.ts";
import { bidFarewell, endLogin, type Login, type LoginKey, loginKey, logins } from "./logins.ts";

/** Of whom, at the server that the keeper is for. */
export type User = Pick<LoginKey, "issuer" | "subject">;

/** How a login was renewed, or ended without its user. */
export interface Renewal {
  readonly user: User;
  readonly successful: boolean;
  /** Why not, in the gateway's own words. */
  readonly detail: string | null;
}

/** What {@link createKeeper} needs. */
export interface KeeperKit {
  readonly server: string;
  readonly store: Pick<Store, "get" | "put" | "delete">;
  /** Milliseconds since the epoch. */
  now(): number;
  /** From 0 up to 1. */
  chance(): number;
  /** Waits so many milliseconds. */
  delay(ms: number): Promise<unknown>;
  /** Whether a login is still one for this server and this configuration. */
  fits(login: Login): boolean;
  /**
   * Asks for the next token.
   *
   * @returns null where the client that the login was made with is none any more
   * @throws TokenFailure
   */
  renew(login: Login, refreshToken: string): Promise<Issued | null>;
  /** The authorization server refuses the gateway itself. @returns whether its users can help that, by logging in anew */
  disowned(login: Login): Promise<boolean>;
  /** Told of each question to an authorization server; the detail is for the log. */
  tokenFetched(outcome: TokenOutcome, detail: string): void;
  /** Puts on record what became of a login. */
  record(renewal: Renewal): Promise<void>;
}

/** @throws StoreError from each of its methods */
export interface Keeper {
  /**
   * The token of a user.
   *
   * @returns null where the user has to log in
   * @throws TokenFailure where it cannot be renewed at the moment
   */
  obtain(user: User): Promise<string | null>;
  /**
   * The server has refused it. Another one is had by the next {@link obtain}, if there is a way to get one.
   */
  reject(user: User, token: string): Promise<void>;
}

/** What is not used of a token's life: clocks differ, and the message has to get there. The least of the two. */
const unusedShare = 0.1;
const unusedMs = 10_000;
/** Longer than a token endpoint may take to answer: then the one who asked it is gone. */
const leaseMs = 15_000;
/** How often a process looks whether another one is done. */
const lookMs = 100;
/** A server that refuses a token that was got just now would refuse the next one too. */
const rejectedAgainAfterMs = 10_000;

/** Keeps the tokens of all users at one server. Of several processes one renews a token, and the others wait for it. */
export function createKeeper(kit: KeeperKit): Keeper {
  const { store, now, chance } = kit;
  const renewing = new Map<string, Promise<string | null>>();
  const pause = createPause(now, chance);

  async function find(key: string) {
    const found = await store.get(logins, key);
    return found === null || !kit.fits(found.value) ? null : found;
  }

  function isGood({ isRejected, atMs, untilMs }: Login): boolean {
    if (isRejected) return false;
    return untilMs === null || now() < untilMs - Math.min((untilMs - atMs) * unusedShare, unusedMs);
  }

  /** Whether the server may still take it, to the last moment. */
  function serves({ isRejected, untilMs }: Login): boolean {
    return !isRejected && (untilMs === null || now() < untilMs);
  }

  /** Of several processes one gets the next token; the others wait for it. */
  async function renew(user: User, key: string): Promise<string | null> {
    for (;;) {
      const found = await find(key);
      if (found === null) return null;
      const { value: login, revision } = found;
      if (isGood(login)) return login.token;
      const { refreshToken, renewingUntilMs } = login;
      if (refreshToken === null) {
        if (!(await endLogin(store, key, login, revision))) continue;
        await kit.record({ user, successful: false, detail: "the token is over, and there is no refresh token" });
        return null;
      }
      const nowMs = now();
      // A clock that was set back must not make the wait longer.
      if (renewingUntilMs !== null && nowMs < renewingUntilMs && renewingUntilMs - nowMs <= leaseMs) {
        await kit.delay(lookMs);
        continue;
      }
      const paused = pause.check();
      if (paused !== null && serves(login)) return login.token;
      if (paused !== null) throw paused;
      const leased = { ...login, renewingUntilMs: nowMs + leaseMs };
      const lease = await store.put(logins, key, leased, { expected: revision });
      if (lease === null) continue;
      const token = await renewLeased(user, key, login, refreshToken, lease);
      if (token !== undefined) return token;
    }
  }

  /** @returns undefined where the login has become another one meanwhile */
  async function renewLeased(user: User, key: string, login: Login, refreshToken: string, lease: number) {
    const atMs = now();
    try {
      const issued = await kit.renew(login, refreshToken);
      kit.tokenFetched(issued === null ? "refused" : "ok", issued === null ? "the client is not known any more" : "");
      if (issued === null) return await end(user, key, login, lease, "the client of the gateway is another one");
      pause.recover();
      const next = renewed(login, issued, atMs);
      const isKept = await keep(user, key, next, lease).catch((error: unknown) => {
        // Whether a record can be written is the business of the audit, which tells of it.
        keepLater(user, key, next, lease, atMs + leaseMs).catch(() => {});
        throw error;
      });
      // Whoever has disconnected or logged in anew meanwhile has the last word.
      return isKept ? issued.token : undefined;
    } catch (error) {
      if (!(error instanceof TokenFailure)) throw error;
      kit.tokenFetched(error.fault, error.message);
      const isOver = error.fault === "denied" || (error.fault === "refused" && (await kit.disowned(login)));
      if (isOver) return await end(user, key, login, lease, error.message);
      pause.fail(error);
      await store.put(logins, key, login, { expected: lease });
      await kit.record({ user, successful: false, detail: error.message });
      if (serves(login)) return login.token;
      throw error;
    }
  }

  /** @returns false where the login has become another one meanwhile */
  async function keep(user: User, key: string, next: Login, lease: number): Promise<boolean> {
    const put = await store.put(logins, key, next, { expected: lease });
    // Whoever disconnected meanwhile has ended the tokens of before.
    if (put === null && (await store.get(logins, key)) === null) await bidFarewell(store, key, next);
    await kit.record({ user, successful: true, detail: null });
    return put !== null;
  }

  /**
   * Where the store is away just now, what was issued must not be lost: the refresh token of before may be good no more, and whoever shows it
   * again taken for a thief (RFC 9700 section 4.14.2). While the lease lasts nobody does.
   */
  async function keepLater(user: User, key: string, next: Login, lease: number, untilMs: number): Promise<void> {
    while (now() < untilMs) {
      await kit.delay(lookMs);
      try {
        await keep(user, key, next, lease);
        return;
      } catch {
        // The store is still away.
      }
    }
    await kit.record({ user, successful: false, detail: "the state was away, and what was issued is lost" });
  }

  async function end(user: User, key: string, login: Login, lease: number, detail: string): Promise<null | undefined> {
    if (!(await endLogin(store, key, login, lease))) return undefined;
    await kit.record({ user, successful: false, detail });
    return null;
  }

  return {
    async obtain(user) {
      const key = loginKey({ ...user, server: kit.server });
      const found = await answeredForCall(find(key));
      if (found === null) return null;
      if (isGood(found.value)) return found.value.token;
      const known = renewing.get(key);
      if (known !== undefined) return known;
      const next = renew(user, key).finally(() => renewing.delete(key));
      renewing.set(key, next);
      return next;
    },
    async reject(user, token) {
      const key = loginKey({ ...user, server: kit.server });
      const found = await answeredForCall(find(key));
      // Another one is there already.
      if (found === null || found.value.token !== token || found.value.isRejected) return;
      const { value: login, revision } = found;
      const sinceMs = now() - login.atMs;
      const isNew = sinceMs >= 0 && sinceMs < rejectedAgainAfterMs;
      if (login.refreshToken === null || isNew) {
        if (!(await endLogin(store, key, login, revision))) return;
        return kit.record({ user, successful: false, detail: "the server refuses the token" });
      }
      await store.put(logins, key, { ...login, isRejected: true }, { expected: revision });
    },
  };
}

/** An authorization server that gives no new refresh token goes on with the old one (RFC 6749 section 6). */
function renewed(login: Login, { token, lifetimeMs, refreshToken, scope }: Issued, atMs: number): Login {
  return {
    ...login,
    token,
    refreshToken: refreshToken ?? login.refreshToken,
    scopes: scope === null ? login.scopes : [...readScopes(scope)],
    atMs,
    untilMs: lifetimeMs === null ? null : atMs + lifetimeMs,
    isRejected: false,
    renewingUntilMs: null,
  };
}
