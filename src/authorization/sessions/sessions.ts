/** Sessions of whatever sort, as operators see and end them. */
import { handleOf, reachOf, revocationKeptMs, revocations } from "../../auth/revocations.ts";
import { endSessionToken, type HeldToken, listSessionTokens } from "../../auth/session-tokens/keep.ts";
import { type SessionLife, sessionTokens } from "../../auth/session-tokens/session-token.ts";
import { type User, users } from "../../auth/users/user.ts";
import type { Store } from "../../state/store.ts";
import type { Revoker } from "../grants/revoke.ts";
import { type BrowserSession, endBrowserSession, findBrowserSession, listBrowserSessions } from "./browser-sessions.ts";

/**
 * Session tokens and browsers' logins that are good, of everybody.
 *
 * @param browserIdleMs how long a browser stays logged in without being used, in milliseconds
 */
export async function listSessions(
  store: Pick<Store, "list">,
  life: SessionLife,
  browserIdleMs: number,
  nowMs: number,
): Promise<{ readonly tokens: HeldToken[]; readonly browsers: BrowserSession[] }> {
  const accounts = new Map((await store.list(users)).map(({ key, value }) => [key, value]));
  const tokens = await listSessionTokens(store, life, nowMs);
  const browsers = await listBrowserSessions(store);
  return {
    tokens: tokens.filter(({ user, login }) => !hasEnded(accounts.get(user), login.authTime)),
    browsers: browsers.filter(
      ({ user, loginMs, usedAtMs }) =>
        nowMs - usedAtMs < browserIdleMs && !hasEnded(accounts.get(user), (loginMs ?? 0) / 1_000),
    ),
  };
}

/** @param authTime when somebody logged in, in seconds since the epoch */
function hasEnded(user: User | undefined, authTime: number): boolean {
  return user !== undefined && (user.disabled || authTime < user.loginsFrom);
}

/** As fingerprints are (crypto/keyring.ts). */
const fingerprintForm = /^[\w-]{16}$/;

/**
 * Ends a session token or a browser's login, by its id, or else an MCP session, by the fingerprint that records have of it. MCP sessions
 * are kept nowhere, so that any fingerprint will do.
 *
 * @returns which of them it was
 * @throws Error where it can be none of them
 */
export async function endSession(
  store: Store,
  id: string,
  { by, reason, nowMs }: Revoker,
): Promise<"token" | "browser" | "mcp"> {
  if ((await store.get(sessionTokens, id)) !== null) {
    await endSessionToken(store, id, nowMs);
    return "token";
  }
  if ((await findBrowserSession(store, id)) !== null) {
    await endBrowserSession(store, id, nowMs);
    return "browser";
  }
  if (!fingerprintForm.test(id)) throw new Error("there is no such session (`sallyport session list` shows all)");
  const revoked = { kind: "session", id } as const;
  const value = { atMs: reachOf(revoked, nowMs), by, reason };
  await store.put(revocations, handleOf(revoked), value, { expiresAtMs: nowMs + revocationKeptMs });
  return "mcp";
}
