import { setTimeout as delay } from "node:timers/promises";
import { type AuditEntry, gatewayEntry } from "../../audit/record.ts";
import type { Sealer } from "../../crypto/seal.ts";
import type { Store } from "../../state/store.ts";
import type { TokenOutcome } from "../credentials/token-endpoint.ts";
import { createKeeper, type Keeper, type User } from "./keeper.ts";
import { loginKey, logins } from "./logins.ts";
import { forgetClient, recallClient } from "./registration.ts";
import { renewTokens } from "./token-request.ts";
import type { Vault } from "./vault.ts";

/** What users' logins at servers are kept with. */
export interface VaultKit {
  readonly store: Pick<Store, "get" | "put" | "delete">;
  readonly sealer: Pick<Sealer, "seal">;
  /** Puts on record what became of a login without its user. */
  record(entry: AuditEntry): Promise<void>;
}

/** The tokens of the users of one server. */
export function openKeeper(
  vault: Vault,
  { store, record }: VaultKit,
  kit: { now(): number; tokenFetched(outcome: TokenOutcome, detail: string): void },
): Keeper {
  const { server, registration, fetch } = vault;
  const { now, tokenFetched } = kit;
  return createKeeper({
    ...{ server, store, now, tokenFetched, delay, chance: Math.random, fits: vault.fits },
    async renew({ issuer, clientId, tokenEndpoint, resource }, refreshToken) {
      const client = await recallClient(registration, issuer, clientId, store);
      if (client === null) return null;
      return renewTokens({ fetch, client, issuer, tokenEndpoint, resource, nowMs: now() }, refreshToken);
    },
    async disowned({ issuer }) {
      // What the operator configured is the operator's to mend.
      if (registration.configured !== null) return false;
      await forgetClient(registration, issuer, store);
      return true;
    },
    record({ user, successful, detail }) {
      const note = { action: "upstream-renewal", user: user.subject, server, successful };
      const entry = gatewayEntry("auth", new Date(now()).toISOString(), {
        ...note,
        ...(detail !== null && { reason: detail }),
      });
      return record({ ...entry, server });
    },
  });
}

/** Scopes that a user's login has; none where there is no login. */
export async function scopesOf(
  { server }: Pick<Vault, "server">,
  store: Pick<Store, "get">,
  user: User,
): Promise<readonly string[]> {
  return (await store.get(logins, loginKey({ ...user, server })))?.value.scopes ?? [];
}
