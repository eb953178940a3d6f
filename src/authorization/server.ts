import { hash } from "node:crypto";
import { handleOf, lateTokenMs, reachOf, revocations } from "../auth/revocations.ts";
import type { SessionLife } from "../auth/session-tokens/session-token.ts";
import type { UserDirectory } from "../auth/users/directory.ts";
import type { JudgePassword } from "../auth/users/new-password.ts";
import { createPasskeys } from "../auth/users/passkeys/passkeys.ts";
import type { SecondFactors } from "../auth/users/second-factors.ts";
import type { LoginProvider } from "../config/login-providers.ts";
import type { Keyring } from "../crypto/keyring.ts";
import type { Log } from "../observe/log.ts";
import type { Store } from "../state/store.ts";
import type { Vault } from "../upstream/vault/vault.ts";
import { createDesk } from "./answering.ts";
import type { Desk } from "./desk.ts";
import { isFederated } from "./federation/accounts.ts";
import type { FederationFailure } from "./federation/failure.ts";
import { createFederation } from "./federation/federation.ts";
import type { Delay } from "./login/attempts.ts";
import { renderProblem } from "./pages/pages.ts";
import { serves } from "./paths.ts";
import { createProvider, type ProviderOptions } from "./provider.ts";

/** What {@link createAuthorizationServer} needs. */
export interface AuthorizationOptions
  extends Pick<
    ProviderOptions,
    | "publicUrl"
    | "resources"
    | "machines"
    | "fetch"
    | "documents"
    | "allowHost"
    | "registration"
    | "clientSecrets"
    | "demands"
    | "ttlMs"
    | "now"
  > {
  readonly keyring: Pick<Keyring, "privateJwks" | "publicJwks" | "fingerprint" | "unseal">;
  readonly store: Store;
  readonly users: UserDirectory;
  readonly secondFactors: SecondFactors;
  readonly serverOf: (resource: string) => string;
  /** Names of all servers of the gateway's own. */
  readonly servers: readonly string[];
  /** How long session tokens last; null where none can be made. */
  readonly sessionLife: SessionLife | null;
  readonly delay: Delay;
  /** Whether a password may be chosen. */
  readonly judgePassword: JudgePassword;
  readonly countAway: (ip: string) => Promise<number | null>;
  readonly passwords: boolean;
  /** Whether proofs of a key have to repeat a nonce. */
  readonly proofNonces: boolean;
  readonly providers: Readonly<Record<string, LoginProvider>>;
  /** Servers at which users log in themselves, by name. */
  readonly vaults?: ReadonlyMap<string, Vault>;
  readonly log: Log;
}

/** Tokens may be accepted for a little longer than they say. */
const clockSlackMs = 300_000;

/** The authorization server of one configuration; it follows the key ring. */
export function createAuthorizationServer(options: AuthorizationOptions): Desk {
  const { keyring, log, users } = options;
  const federation = createFederation(options.providers, options.publicUrl, options.store, options.now);
  const findAccount = async (name: string) => {
    const account = await (isFederated(name) ? federation.findAccount(name) : users.find(name));
    // Until another password is chosen nothing goes by this name, whatever a login says.
    return account?.temporaryUntilMs === undefined ? account : null;
  };
  let desk: Desk | null = null;
  let builtWith: unknown;

  function build(): Desk {
    const report = (error: Error) => log.error({ error }, "a page of the authorization server failed");
    // What a client ends, or a stolen code or refresh token, ends the access tokens as well, which are nowhere kept.
    const voidGrant = async (grant: string) => {
      const nowMs = options.now();
      const revoked = { kind: "grant", grant } as const;
      const value = { atMs: reachOf(revoked, nowMs + lateTokenMs), by: "authorization server", reason: null };
      const kept = { expiresAtMs: nowMs + lateTokenMs + options.ttlMs.accessToken + clockSlackMs };
      await options.store.put(revocations, handleOf(revoked), value, kept);
    };
    const provider = createProvider({
      ...options,
      voidGrant,
      jwks: keyring.privateJwks(),
      cookieKey: keyring.fingerprint("cookies", "login"),
      nonceSecret: options.proofNonces ? hash("sha256", keyring.fingerprint("dpop-nonce", "login"), "buffer") : null,
      findAccount,
      renderError: (error, description) =>
        renderProblem("This did not work", `${description ?? "The request could not be understood."} (${error})`),
    });
    provider.on("server_error", (_ctx, error) => log.error({ error }, "the authorization server failed"));
    const passkeys = createPasskeys(options.store, options.now);
    const providerFailed = (name: string, { reason, message }: FederationFailure) =>
      log.warn({ provider: name, reason, detail: message }, "a login through a provider came to nothing");
    const { fingerprint } = keyring;
    const kit = {
      ...{ vaults: new Map(), ...options, sealer: keyring, fingerprint },
      ...{ provider, federation, passkeys, findAccount, report, providerFailed },
    };
    return createDesk(provider, kit, options.publicUrl);
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
