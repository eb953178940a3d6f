/** What the authorization server has given, as operators see it: no library is needed for it. */
import type { Revoked } from "../../auth/revocations.ts";
import type { Kind, Store } from "../../state/store.ts";
import { kindOf, type Payload } from "../models.ts";
import { endBrowserSession, listBrowserSessions } from "../sessions/browser-sessions.ts";

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

const grants = kindOf("Grant");
const clients = kindOf("Client");

/** All grants. */
export async function listGrants(store: Pick<Store, "list">): Promise<GivenGrant[]> {
  return (await store.list(grants)).map(({ key, value }) => describe(key, value));
}

/** What clients that registered themselves say that they are called, by their ids. */
export async function readClientNames(store: Pick<Store, "list">): Promise<ReadonlyMap<string, string>> {
  const named = (await store.list(clients)).map(({ key, value }) => [key, value.client_name] as const);
  return new Map(named.filter((each): each is readonly [string, string] => typeof each[1] === "string"));
}

/** One of them; null where it is over. */
export async function findGrant(store: Pick<Store, "get">, id: string): Promise<GivenGrant | null> {
  const value = (await store.get(grants, id))?.value;
  return value === undefined ? null : describe(id, value);
}

function describe(id: string, value: Payload): GivenGrant {
  return {
    id,
    user: String(value.accountId),
    client: String(value.clientId),
    scopes: (value.resources ?? {}) as Record<string, string>,
    sinceMs: Number(value.iat) * 1_000,
  };
}

/**
 * Ends what new tokens could be had with: grants and what belongs to them, and the logins of a person.
 *
 * @param nowMs milliseconds since the epoch
 * @returns the ids of the grants that were ended
 */
export async function endGrants(store: Store, revoked: Revoked, nowMs: number): Promise<ReadonlySet<string>> {
  if (
    revoked.kind === "token" ||
    revoked.kind === "session" ||
    (revoked.kind !== "grant" && revoked.issuer !== "builtin")
  )
    return new Set();
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
  await endWhere(store, grants, ({ jti }) => ended.has(String(jti)));
  if (revoked.kind === "user") await endSessionsOf(store, revoked.subject, nowMs);
  return ended;
}

/** Ends what somebody is logged in with, here and in clients. What they have consented to stays. @param nowMs milliseconds since the epoch */
export async function endLoginsOf(store: Store, name: string, nowMs: number): Promise<void> {
  for (const model of ["RefreshToken", "AuthorizationCode"])
    await endWhere(store, kindOf(model), ({ accountId }) => accountId === name);
  await endSessionsOf(store, name, nowMs);
}

async function endSessionsOf(store: Store, name: string, nowMs: number): Promise<void> {
  for (const { uid, user } of await listBrowserSessions(store)) {
    if (user === name) await endBrowserSession(store, uid, nowMs);
  }
}

async function endWhere(store: Store, kind: Kind<Payload>, fits: (value: Payload) => boolean): Promise<void> {
  for (const { key, value } of await store.list(kind)) if (fits(value)) await store.delete(kind, key);
}
