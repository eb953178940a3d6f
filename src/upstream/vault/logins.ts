/** What users have got from the authorization servers of servers. Sealed where it is kept, like all of the state. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { type Kind, type Store, StoreError } from "../../state/store.ts";

const loginSchema = z.strictObject({
  /** The server it is for: of another one that is called the same it tells nothing. */
  url: z.string(),
  /** Its authorization server. */
  issuer: z.string(),
  tokenEndpoint: z.string(),
  /** None where it takes no revocations, or nobody asked when the login was made. */
  revocationEndpoint: z.string().optional(),
  clientId: z.string(),
  resource: z.string(),
  scopes: z.array(z.string()),
  token: z.string(),
  refreshToken: z.string().nullable(),
  /** When the token was got, in milliseconds since the epoch. */
  atMs: z.number(),
  /** When it is over; null where nobody says. */
  untilMs: z.number().nullable(),
  /** Whether the server has refused it. */
  isRejected: z.boolean(),
  /** Until when one of the gateway's processes may be getting the next one; null while none is. */
  renewingUntilMs: z.number().nullable(),
  /** When the user logged in. */
  sinceMs: z.number(),
});
export type Login = z.output<typeof loginSchema>;

export const logins: Kind<Login> = { name: "upstream-login", schema: loginSchema };

const farewellSchema = z.strictObject({
  subject: z.string(),
  server: z.string(),
  login: loginSchema,
  /** When a gateway began to tell the authorization server; null before. */
  claimedAtMs: z.number().nullable(),
});
export type Farewell = z.output<typeof farewellSchema>;

/** Logins that have ended here, and of which their authorization servers are still to be told (farewells.ts). */
export const farewells: Kind<Farewell> = { name: "upstream-farewell", schema: farewellSchema };

/** Whose login it is, and where. */
export interface LoginKey {
  readonly issuer: string;
  readonly subject: string;
  readonly server: string;
}

/** JSON keeps the parts apart. */
export function loginKey({ issuer, subject, server }: LoginKey): string {
  return JSON.stringify([issuer, subject, server]);
}

/** A login as operators see it. */
export interface KeptLogin extends LoginKey {
  readonly authorizationServer: string;
  readonly scopes: readonly string[];
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** All logins, without what they are made of. */
export async function listLogins(store: Pick<Store, "list">): Promise<KeptLogin[]> {
  const entries = await store.list(logins);
  return entries.map(({ key, value }) => {
    const [issuer, subject, server] = readKey(key);
    return { issuer, subject, server, authorizationServer: value.issuer, scopes: value.scopes, sinceMs: value.sinceMs };
  });
}

/** Ends all logins of a user. */
export async function dropLogins(
  store: Pick<Store, "list" | "get" | "put" | "delete">,
  user: Pick<LoginKey, "issuer" | "subject">,
): Promise<void> {
  for (const login of await listLogins(store)) {
    if (login.issuer === user.issuer && login.subject === user.subject) await dropLogin(store, loginKey(login));
  }
}

/** Ends a login, whatever else becomes of it in the same moment. @returns whether it was there */
export async function dropLogin(store: Pick<Store, "get" | "put" | "delete">, key: string): Promise<boolean> {
  for (;;) {
    const found = await store.get(logins, key);
    // One that cannot be read any more ends all the same.
    if (found === null) return store.delete(logins, key);
    if (await endLogin(store, key, found.value, found.revision)) return true;
  }
}

/**
 * Ends a login, and leaves it to a gateway that runs to tell its authorization server.
 *
 * @param expected its revision
 * @returns whether it was there
 */
export async function endLogin(
  store: Pick<Store, "put" | "delete">,
  key: string,
  login: Login,
  expected: number,
): Promise<boolean> {
  if (!(await store.delete(logins, key, expected))) return false;
  await bidFarewell(store, key, login);
  return true;
}

/** Has the authorization server told of a login that is not kept. */
export async function bidFarewell(store: Pick<Store, "put">, key: string, login: Login): Promise<void> {
  const [, subject, server] = readKey(key);
  await store.put(farewells, randomUUID(), { subject, server, login, claimedAtMs: null }).catch((error: unknown) => {
    // A store that is full takes nothing in: that must not keep the next login from ending.
    if (!(error instanceof StoreError)) throw error;
  });
}

function readKey(key: string): [issuer: string, subject: string, server: string] {
  return JSON.parse(key);
}
