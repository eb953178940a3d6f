/** What one person of the gateway's own pages has at servers behind the gateway, and how they let go of it. */
import type { Store } from "../../state/store.ts";
import { dropLogin, type Login, loginKey, logins } from "../../upstream/vault/logins.ts";

/** A login at a server, without what it is made of. */
export interface OwnLogin {
  readonly server: string;
  /** Where its authorization server is. */
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** Whatever the configuration says of the server by now. */
export async function findOwnLogin(store: Pick<Store, "get">, name: string, server: string): Promise<Login | null> {
  return (await store.get(logins, keyOf(name, server)))?.value ?? null;
}

/** @param servers names of those at which users log in */
export async function listOwnLogins(
  store: Pick<Store, "get">,
  name: string,
  servers: Iterable<string>,
): Promise<OwnLogin[]> {
  const found = await Promise.all(
    [...servers].map(async (server) => {
      const login = await findOwnLogin(store, name, server);
      if (login === null) return [];
      const { issuer, sinceMs } = login;
      return [{ server, host: new URL(issuer).host, sinceMs }];
    }),
  );
  return found.flat();
}

/** @returns whether it was there */
export async function dropOwnLogin(
  store: Pick<Store, "get" | "put" | "delete">,
  name: string,
  server: string,
): Promise<boolean> {
  return dropLogin(store, keyOf(name, server));
}

function keyOf(name: string, server: string): string {
  return loginKey({ issuer: "builtin", subject: name, server });
}
