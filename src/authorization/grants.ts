/** What the authorization server has given, as operators see it: no library is needed for it. */
import type { Revoked } from "../auth/revocations.ts";
import type { Kind, Store } from "../state/store.ts";
import { kindOf, type Payload } from "./models.ts";

/** What one person gave one client. */
export interface GivenGrant {
  readonly id: string;
  readonly user: string;
  readonly client: string;
  /** Scopes by the URL of the server. */
  readonly scopes: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** All grants. */
export async function listGrants(store: Pick<Store, "list">): Promise<GivenGrant[]> {
  const entries = await store.list(kindOf("Grant"));
  return entries.map(({ key: id, value }) => ({
    id,
    user: String(value.accountId),
    client: String(value.clientId),
    scopes: (value.resources ?? {}) as Record<string, string>,
    sinceMs: Number(value.iat) * 1_000,
  }));
}

/**
 * Ends what new tokens could be had with: grants and what belongs to them, and the logins of a person.
 *
 * @returns the ids of the grants that were ended
 */
export async function endGrants(store: Store, revoked: Revoked): Promise<ReadonlySet<string>> {
  if (revoked.kind === "token" || (revoked.kind !== "grant" && revoked.issuer !== "builtin")) return new Set();
  const fits = ({ id, user, client }: GivenGrant) =>
    revoked.kind === "grant"
      ? id === revoked.grant
      : revoked.kind === "user"
        ? user === revoked.subject
        : client === revoked.client;
  const ended = new Set((await listGrants(store)).filter(fits).map(({ id }) => id));
  for (const model of ["RefreshToken", "AuthorizationCode"]) {
    await endWhere(store, kindOf(model), ({ grantId }) => ended.has(String(grantId)));
  }
  await endWhere(store, kindOf("Grant"), ({ jti }) => ended.has(String(jti)));
  if (revoked.kind === "user")
    await endWhere(store, kindOf("Session"), ({ accountId }) => accountId === revoked.subject);
  return ended;
}

async function endWhere(store: Store, kind: Kind<Payload>, fits: (value: Payload) => boolean): Promise<void> {
  for (const { key, value } of await store.list(kind)) if (fits(value)) await store.delete(kind, key);
}
