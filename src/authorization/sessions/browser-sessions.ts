/** Browsers that somebody is logged in with. No library is needed for it. */
import { z } from "zod";
import { revocationKeptMs } from "../../auth/revocations.ts";
import { noticeMsOf } from "../../auth/session-tokens/session-token.ts";
import type { Entry, Kind, Store } from "../../state/store.ts";
import { mfaContext, undatedSeconds } from "../demands.ts";
import { isFederated } from "../federation/accounts.ts";
import { isOriginOver, readLoggedOut, readOrigin } from "../federation/origin.ts";
import { kindOf, type Payload } from "../models.ts";

/** A browser's login, by what is no secret of it. */
export interface BrowserSession {
  /** Stays the same as long as the browser is logged in; what its cookie has changes. */
  readonly uid: string;
  readonly user: string;
  /** Milliseconds since the epoch; null where the provider at which it was does not say. */
  readonly loginMs: number | null;
  /** With a second factor. */
  readonly mfa: boolean;
  /** Give or take two minutes, in milliseconds since the epoch. */
  readonly usedAtMs: number;
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

/** How long a browser stays logged in without being used, and what time it is: both in milliseconds. */
export interface SessionIdleness {
  readonly idleMs: number;
  readonly nowMs: number;
}

/**
 * A session as it is kept after a use.
 *
 * @param endMs when it ends however much it is used, in milliseconds since the epoch
 * @returns what goes into the store, and until when it stays there: so it is in no list either once it was not used
 */
export function markUsed(value: Payload, endMs: number, { idleMs, nowMs }: SessionIdleness) {
  // Where nobody is logged in there is nothing to end: whoever takes their time on a login page may.
  const expiresAtMs = value.accountId === undefined ? endMs : Math.min(endMs, nowMs + idleMs);
  return { value: { ...value, usedAtMs: nowMs }, expiresAtMs };
}

/** What a session is at a time that a browser comes with it; `due`: it is good, and the use has to be written down. */
export function judgeSession({ accountId, usedAtMs }: Payload, { idleMs, nowMs }: SessionIdleness) {
  if (accountId === undefined) return "good";
  const unusedMs = typeof usedAtMs === "number" ? nowMs - usedAtMs : Number.POSITIVE_INFINITY;
  if (unusedMs >= idleMs) return "over";
  return unusedMs < noticeMsOf({ idleMs }) ? "good" : "due";
}

/**
 * A browser comes with its session, which counts as a use.
 *
 * @returns whether the session goes on
 */
export async function useSession(
  store: Pick<Store, "get" | "put">,
  { key, value, revision }: Entry<Payload>,
  idleness: SessionIdleness,
): Promise<boolean> {
  const verdict = judgeSession(value, idleness);
  if (verdict === "over" || (typeof value.uid === "string" && (await isSessionEnded(store, value.uid)))) return false;
  if (await isOverThere(store, value)) return false;
  if (verdict === "good") return true;
  const { value: used, expiresAtMs } = markUsed(value, Number(value.exp) * 1_000, idleness);
  // Where it was written or ended meanwhile, that is what holds.
  await store.put(sessions, key, used, { expected: revision, expiresAtMs });
  return true;
}

/** All of them, of everybody. */
export async function listBrowserSessions(store: Pick<Store, "list">): Promise<BrowserSession[]> {
  const isOver = await readLoggedOut(store);
  const isGood = ({ accountId, authorizations }: Payload) => {
    const origin = typeof accountId === "string" && isFederated(accountId) ? readOrigin(authorizations) : undefined;
    return origin === undefined || (origin !== null && !isOver(origin));
  };
  return (await store.list(sessions)).flatMap(({ value }) => (isGood(value) ? (describe(value) ?? []) : []));
}

/** One of them; null where it is over. */
export async function findBrowserSession(store: Pick<Store, "get">, uid: string): Promise<BrowserSession | null> {
  const id = (await store.get(sessionUids, uid))?.value;
  const value = id === undefined ? undefined : (await store.get(sessions, id))?.value;
  const isOver = value === undefined || (await isSessionEnded(store, uid)) || (await isOverThere(store, value));
  return isOver ? null : describe(value);
}

/** @param nowMs milliseconds since the epoch */
export async function endBrowserSession(store: Pick<Store, "get" | "put" | "delete">, uid: string, nowMs: number) {
  await store.put(endedSessions, uid, { atMs: nowMs }, { expiresAtMs: nowMs + revocationKeptMs });
  const id = (await store.get(sessionUids, uid))?.value;
  if (id !== undefined) await store.delete(sessions, id);
  await store.delete(sessionUids, uid);
}

/** Whether it is of somebody whose login elsewhere is over, there or here, or of whom nothing tells where they logged in. */
export async function isOverThere(
  store: Pick<Store, "get">,
  { accountId, authorizations }: { readonly accountId?: unknown; readonly authorizations?: unknown },
): Promise<boolean> {
  if (typeof accountId !== "string" || !isFederated(accountId)) return false;
  const origin = readOrigin(authorizations);
  return origin === null || isOriginOver(store, origin, accountId);
}

/** Whether somebody has ended it. */
async function isSessionEnded(store: Pick<Store, "get">, uid: string): Promise<boolean> {
  return (await store.get(endedSessions, uid)) !== null;
}

function describe({ uid, accountId, loginTs, acr, exp, usedAtMs }: Payload): BrowserSession | null {
  if (typeof uid !== "string" || typeof accountId !== "string") return null;
  const mfa = acr === mfaContext;
  const loginMs = loginTs === undatedSeconds ? null : Number(loginTs) * 1_000;
  return { uid, user: accountId, loginMs, mfa, usedAtMs: Number(usedAtMs), expiresAtMs: Number(exp) * 1_000 };
}
