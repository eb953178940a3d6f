/**
 * Tells authorization servers of logins that have ended here (RFC 7009); there they would go on until their time is over. Whoever ends a
 * login, be it a page, a command or a server, does not wait for that: what is to be told is left in the store, and a running gateway tells it.
 */
import { type AuditEntry, gatewayEntry } from "../../audit/record.ts";
import type { Config } from "../../config/schema.ts";
import type { Entry, Store } from "../../state/store.ts";
import { VaultFault } from "./fault.ts";
import { type Farewell, farewells, type Login } from "./logins.ts";
import { recallClient } from "./registration.ts";
import { revokeToken } from "./token-request.ts";
import { findVault, type Vault } from "./vault.ts";

/** What {@link createFarewells} needs. */
export interface FarewellKit {
  readonly store: Pick<Store, "get" | "put" | "delete" | "list">;
  /** A server as it is configured now; null where no users log in at it. */
  vaultOf(server: string): Vault | null;
  /** Puts on record what an authorization server was told. */
  record(entry: AuditEntry): Promise<void>;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Longer than telling takes, with a time limit on each of two questions: then the gateway that began is gone. */
const claimMs = 60_000;
/** Bounds memory and sockets. One authorization server that does not answer may thus hold up the farewells of others. */
const maxAtOnce = 16;

/** Tells from now on, for as long as the process runs. @param config that runs at the moment */
export async function followFarewells(
  kit: Omit<FarewellKit, "vaultOf"> & { readonly store: Store; config(): Pick<Config, "servers" | "publicUrl"> },
): Promise<void> {
  const vaultOf = (server: string) => findVault(kit.config(), server);
  await kit.store.follow(farewells, createFarewells({ ...kit, vaultOf }));
}

/**
 * @returns starts telling what is there to tell, and does not wait for answers; for `follow` of the store. Of several gateways one tells; where
 * it dies meanwhile another one tells it again, which changes nothing at the authorization server. Throws an Error while some are not told yet
 */
export function createFarewells({ store, vaultOf, record, now }: FarewellKit): () => Promise<void> {
  let telling = 0;

  async function tell({ key, value: { server, subject, login } }: Entry<Farewell>, claimed: number): Promise<void> {
    const reason = await revokeLogin(vaultOf(server), login, store);
    const facts = { action: "upstream-revocation", user: subject, server, successful: reason === null };
    const note = { ...facts, ...(reason !== null && { reason }) };
    await record({ ...gatewayEntry("auth", new Date(now()).toISOString(), note), server });
    await store.delete(farewells, key, claimed);
  }

  return async () => {
    let pending = false;
    for (const farewell of await store.list(farewells)) {
      const { key, value, revision } = farewell;
      // A clock that was set back must not make it wait longer.
      const isClaimed = value.claimedAtMs !== null && Math.abs(now() - value.claimedAtMs) < claimMs;
      const isFree = !isClaimed && telling < maxAtOnce;
      const claim = { ...value, claimedAtMs: now() };
      const claimed = isFree ? await store.put(farewells, key, claim, { expected: revision }) : null;
      if (claimed === null) {
        pending = true;
        continue;
      }
      telling += 1;
      // What could not be recorded or taken out is told again once the claim is over.
      void tell(farewell, claimed).then(ended, ended);
    }
    if (pending) throw new Error("not all authorization servers were told yet");
  };

  function ended(): void {
    telling -= 1;
  }
}

/**
 * The refresh token first: with it most authorization servers end all that came of it.
 *
 * @returns why it could not be done, in the gateway's own words; null where it was
 * @throws StoreError
 */
async function revokeLogin(vault: Vault | null, login: Login, store: Pick<Store, "get">): Promise<string | null> {
  const { issuer, clientId, revocationEndpoint, refreshToken, token } = login;
  if (revocationEndpoint === undefined) return "the authorization server is not known to take revocations";
  // What proves the gateway now may be a secret for another authorization server.
  if (vault === null || !vault.fits(login)) return "the server is configured otherwise now";
  const client = await recallClient(vault.registration, issuer, clientId, store);
  if (client === null) return "the client of the gateway is another one";
  const desk = { fetch: vault.fetch, client, issuer };
  const tokens = [[refreshToken, "refresh_token"] as const, [token, "access_token"] as const];
  try {
    for (const [value, sort] of tokens) {
      const status = value === null ? 200 : await revokeToken(desk, revocationEndpoint, value, sort);
      if (status !== 200) return `the revocation endpoint answered ${status} to the ${sort}`;
    }
    return null;
  } catch (error) {
    if (error instanceof VaultFault) return error.message;
    throw error;
  }
}
