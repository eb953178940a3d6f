/** Browsers that somebody is logged in with. No library is needed for it. */
import { z } from "zod";
import { revocationKeptMs } from "../auth/revocations.ts";
import type { Kind, Store } from "../state/store.ts";
import { mfaContext } from "./demands.ts";
import { kindOf, type Payload } from "./models.ts";

/** A browser's login, by what is no secret of it. */
export interface BrowserSession {
  /** Stays the same as long as the browser is logged in; what its cookie has changes. */
  readonly uid: string;
  readonly user: string;
  /** When the login began here, in milliseconds since the epoch. */
  readonly loginMs: number;
  /** With a second factor. */
  readonly mfa: boolean;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** Ids of sessions by their `uid`. */
export const sessionUids: Kind<string> = { name: "oauth-session-uid", schema: z.string() };

/**
 * Those that were ended, by their `uid`. A request that was under way writes its session once more when it is done, and whoever has the
 * cookie could keep one under way all the time: so what stands here is found no more, whatever was written.
 */
const endedSessions: Kind<{ readonly atMs: number }> = {
  name: "oauth-session-ended",
  schema: z.strictObject({ atMs: z.number() }),
};

const sessions = kindOf("Session");

/** All of them, of everybody. */
export async function listBrowserSessions(store: Pick<Store, "list">): Promise<BrowserSession[]> {
  return (await store.list(sessions)).flatMap(({ value }) => describe(value) ?? []);
}

/** One of them; null where it is over. */
export async function findBrowserSession(store: Pick<Store, "get">, uid: string): Promise<BrowserSession | null> {
  const id = (await store.get(sessionUids, uid))?.value;
  const value = id === undefined ? undefined : (await store.get(sessions, id))?.value;
  return value === undefined || (await isSessionEnded(store, uid)) ? null : describe(value);
}

/** @param nowMs milliseconds since the epoch */
export async function endBrowserSession(store: Pick<Store, "get" | "put" | "delete">, uid: string, nowMs: number) {
  await store.put(endedSessions, uid, { atMs: nowMs }, { expiresAtMs: nowMs + revocationKeptMs });
  const id = (await store.get(sessionUids, uid))?.value;
  if (id !== undefined) await store.delete(sessions, id);
  await store.delete(sessionUids, uid);
}

/** Whether somebody has ended it. */
export async function isSessionEnded(store: Pick<Store, "get">, uid: string): Promise<boolean> {
  return (await store.get(endedSessions, uid)) !== null;
}

/**
 * When a login here began, in seconds since the epoch. Where somebody logs in at another provider, `loginTs` is when they did so there, which
 * may be long ago or not be said; their session is made anew for each login (federation/return.ts), and so it has begun then.
 *
 * @param nowSeconds for a session that is about to be kept for the first time
 */
export function beganAt(
  { loginTs, iat }: { readonly loginTs?: unknown; readonly iat?: unknown },
  nowSeconds: number,
): number {
  return Math.max(Number(loginTs), typeof iat === "number" ? iat : nowSeconds);
}

function describe(payload: Payload): BrowserSession | null {
  const { uid, accountId, acr, exp } = payload;
  if (typeof uid !== "string" || typeof accountId !== "string") return null;
  return {
    ...{ uid, user: accountId, mfa: acr === mfaContext },
    loginMs: beganAt(payload, 0) * 1_000,
    expiresAtMs: Number(exp) * 1_000,
  };
}
