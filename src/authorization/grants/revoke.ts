import { forever, handleOf, type Revoked, reachOf, revocationKeptMs, revocations } from "../../auth/revocations.ts";
import { endTokensOf } from "../../auth/session-tokens/keep.ts";
import { endLogins, users } from "../../auth/users/user.ts";
import type { Store } from "../../state/store.ts";
import { dropLogins } from "../../upstream/vault/logins.ts";
import { endGrants, endLoginsOf, listGrants } from "./grants.ts";

/** Who revokes, and why. */
export interface Revoker {
  readonly by: string;
  readonly reason: string | null;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Makes void what was issued, and ends what it could be had anew with. */
export async function revoke(store: Store, revoked: Revoked, revoker: Revoker): Promise<void> {
  await put(store, revoked, revoker, revoked.kind === "grant" ? forever : reachOf(revoked, revoker.nowMs));
  if (revoked.kind === "user" && revoked.issuer === "builtin") {
    // First, so that whatever is written while the rest is looked for counts no more.
    await dateLogins(store, revoked.subject, revoker.nowMs);
    await endTokensOf(store, revoked.subject, revoker.nowMs);
  }
  // There will be no other of this name.
  for (const grant of await endGrants(store, revoked, revoker.nowMs))
    await put(store, { kind: "grant", grant }, revoker, forever);
  if (revoked.kind === "user") await dropLogins(store, revoked);
}

/** Those of a user that are done and wait to go on, as well: no session tells of them yet. Of people from elsewhere see federation/origin.ts. */
async function dateLogins(store: Store, name: string, nowMs: number): Promise<void> {
  for (;;) {
    const found = await store.get(users, name);
    if (found === null) return;
    const user = { ...found.value, ...endLogins(nowMs, found.value) };
    if ((await store.put(users, name, user, { expected: found.revision })) !== null) return;
  }
}

/** Makes void what tokens a user has, and leaves what they have consented to. */
export async function voidTokens(store: Store, name: string, revoker: Revoker): Promise<void> {
  await put(store, { kind: "user", issuer: "builtin", subject: name }, revoker);
  await endTokensOf(store, name, revoker.nowMs);
  for (const { id, user } of await listGrants(store)) {
    if (user === name) await put(store, { kind: "grant", grant: id }, revoker);
  }
}

/**
 * The same, and ends each login that there is. They count no more by their time already, where that is right: a clock that was set back has
 * left logins that are later than now.
 */
export async function endAllLogins(store: Store, name: string, revoker: Revoker): Promise<void> {
  await voidTokens(store, name, revoker);
  await endLoginsOf(store, name, revoker.nowMs);
}

/** @param atMs up to when what was issued is void */
async function put(
  store: Store,
  revoked: Revoked,
  { by, reason, nowMs }: Revoker,
  atMs = reachOf(revoked, nowMs),
): Promise<void> {
  const value = { atMs, by, reason };
  await store.put(revocations, handleOf(revoked), value, { expiresAtMs: nowMs + revocationKeptMs });
}
