import { handleOf, reachOf, revocations } from "../auth/revocations.ts";
import type { UserDirectory } from "../auth/users/directory.ts";
import type { SecondFactors } from "../auth/users/second-factors.ts";
import type { Keyring } from "../crypto/keyring.ts";
import type { Log } from "../observe/log.ts";
import type { Store } from "../state/store.ts";
import type { Vault } from "../upstream/vault/vault.ts";
import type { Delay } from "./attempts.ts";
import { createDesk, type Desk } from "./desk.ts";
import { renderProblem } from "./pages.ts";
import { serves } from "./paths.ts";
import { createProvider, type ProviderOptions } from "./provider.ts";

/** What {@link createAuthorizationServer} needs. */
export interface AuthorizationOptions
  extends Pick<ProviderOptions, "publicUrl" | "resources" | "fetch" | "allowHost" | "registration" | "ttlMs" | "now"> {
  readonly keyring: Pick<Keyring, "privateJwks" | "publicJwks" | "fingerprint" | "unseal">;
  readonly store: Store;
  readonly users: UserDirectory;
  readonly secondFactors: SecondFactors;
  readonly serverOf: (resource: string) => string;
  readonly delay: Delay;
  /** Servers at which users log in themselves, by name. */
  readonly vaults?: ReadonlyMap<string, Vault>;
  readonly log: Log;
}

/** Tokens may be accepted for a little longer than they say. */
const clockSlackMs = 300_000;

/** The authorization server of one configuration; it follows the key ring. */
export function createAuthorizationServer(options: AuthorizationOptions): Desk {
  const { keyring, log, users } = options;
  let desk: Desk | null = null;
  let builtWith: unknown;

  function build(): Desk {
    const provider = createProvider({
      ...options,
      jwks: keyring.privateJwks(),
      cookieKey: keyring.fingerprint("cookies", "login"),
      findAccount: users.find,
      renderError: (error, description) =>
        renderProblem("This did not work", `${description ?? "The request could not be understood."} (${error})`),
    });
    const report = (error: Error) => log.error({ error }, "a page of the authorization server failed");
    provider.on("server_error", (_ctx, error) => log.error({ error }, "the authorization server failed"));
    // What a client ends, or a stolen refresh token, ends the access tokens as well, which are nowhere kept.
    provider.on("grant.revoked", (_ctx, grant) => {
      const nowMs = options.now();
      const revoked = { kind: "grant", grant } as const;
      const value = { atMs: reachOf(revoked, nowMs), by: "authorization server", reason: null };
      const kept = { expiresAtMs: nowMs + options.ttlMs.accessToken + clockSlackMs };
      options.store.put(revocations, handleOf(revoked), value, kept).catch(report);
    });
    return createDesk(
      provider,
      { vaults: new Map(), ...options, sealer: keyring, provider, report, fingerprint: keyring.fingerprint },
      options.publicUrl,
    );
  }

  return {
    serves,
    answer(request) {
      const keys = keyring.publicJwks();
      if (desk === null || builtWith !== keys) desk = build();
      builtWith = keys;
      return desk.answer(request);
    },
  };
}
