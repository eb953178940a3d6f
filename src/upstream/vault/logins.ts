/** What users have got from the authorization servers of servers. Sealed where it is kept, like all of the state. */
import { z } from "zod";
import type { Kind, Store } from "../../state/store.ts";

const loginSchema = z.strictObject({
  /** The server it is for: of another one that is called the same it tells nothing. */
  url: z.string(),
  /** Its authorization server. */
  issuer: z.string(),
  tokenEndpoint: z.string(),
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
    const [issuer, subject, server] = JSON.parse(key) as [string, string, string];
    return { issuer, subject, server, authorizationServer: value.issuer, scopes: value.scopes, sinceMs: value.sinceMs };
  });
}

/** Ends all logins of a user. */
export async function dropLogins(
  store: Pick<Store, "list" | "delete">,
  user: Pick<LoginKey, "issuer" | "subject">,
): Promise<void> {
  for (const login of await listLogins(store)) {
    if (login.issuer === user.issuer && login.subject === user.subject) await store.delete(logins, loginKey(login));
  }
}
