/** Sessions of whatever sort, as operators see and end them. */
import { handleOf, reachOf, revocationKeptMs, revocations } from "../auth/revocations.ts";
import { endSessionToken } from "../auth/session-tokens/keep.ts";
import { sessionTokens } from "../auth/session-tokens/session-token.ts";
import type { Store } from "../state/store.ts";
import { endBrowserSession, findBrowserSession } from "./browser-sessions.ts";
import type { Revoker } from "./revoke.ts";

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
