import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { AssertionConfig, AuthorizationServerConfig } from "../../config/credentials.ts";
import type { ServerConfig } from "../../config/schema.ts";
import type { UserLoginConfig } from "../../config/user-login.ts";
import { openKeeper, scopesOf, type VaultKit } from "../vault/open.ts";
import type { UserSenderKit } from "../vault/sender.ts";
import { createVault } from "../vault/vault.ts";
import { type Assert, type AssertionKit, createAssertion } from "./assertion.ts";
import { createAuthentication } from "./client-authentication.ts";
import { createClientCredentials } from "./client-credentials.ts";
import { createExchange } from "./exchange.ts";
import type { Caller } from "./sender.ts";
import type { Judged } from "./token-answer.ts";
import { createTokenEndpoint, type TokenEndpoint, type TokenOutcome } from "./token-endpoint.ts";

/** Tokens that a server is shown, got from an authorization server. */
export interface TokenSource<Whose> {
  /**
   * At once where there is a good one.
   *
   * @throws TokenFailure
   */
  obtain(whose: Whose): string | Promise<string>;
  /** The server has refused it; false where a new one would be no better. */
  reject(token: string, whose: Whose): boolean;
}

/** Of the gateway's own, whoever calls. */
export type OwnTokens = TokenSource<unknown>;

/** What a server is shown besides its static headers. */
export interface Credentials {
  readonly tokens: TokenSource<Caller> | null;
  /** Where users log in themselves. */
  readonly users: UserSenderKit | null;
  /** What it is shown where the gateway asks for itself. */
  readonly own: OwnTokens | null;
  readonly assert: Assert | null;
}

/** What credentials are made with. */
export interface CredentialKit extends Pick<AssertionKit, "sign"> {
  /** The gateway's public URL. */
  readonly publicUrl: string;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Told of each question to an authorization server; the detail is for the log. */
  tokenFetched(server: string, outcome: TokenOutcome, detail: string): void;
  /** Null where nobody calls. */
  readonly vault: VaultKit | null;
}

/** The credentials of a server, as they are configured; nothing is asked for before the first message. */
export function createCredentials(
  server: string,
  { url, credentials }: Pick<ServerConfig, "url" | "credentials">,
  { publicUrl, sign, now, tokenFetched, vault }: CredentialKit,
): Credentials {
  const { assertion, clientCredentials, exchange, userLogin } = credentials ?? {};
  const newId = randomUUID;
  const assert = assertion === undefined ? null : createOwnAssertion(assertion);
  if (clientCredentials !== undefined) {
    const own = createClientCredentials(clientCredentials, openEndpoint(clientCredentials, "gateway"), now);
    return { tokens: own, users: null, own, assert };
  }
  const tokens = exchange && createExchange(exchange, openEndpoint(exchange, "caller"), { now });
  const users = userLogin === undefined || vault === null ? null : openUsers(userLogin, vault);
  return { tokens: tokens ?? null, users, own: null, assert };

  function openUsers(config: UserLoginConfig, vault: VaultKit): UserSenderKit {
    const opened = createVault(server, { url }, config, publicUrl);
    const told = (outcome: TokenOutcome, detail: string) => tokenFetched(server, outcome, detail);
    const keeper = openKeeper(opened, vault, { now, tokenFetched: told });
    const { sealer, store } = vault;
    return {
      ...{ server, publicUrl, keeper, sealer, now, delay, newId },
      scopesOf: (user) => scopesOf(opened, store, user),
    };
  }

  function openEndpoint(config: AuthorizationServerConfig, judged: Judged): TokenEndpoint {
    const authenticate = createAuthentication(config, { now, newId });
    const told = (outcome: TokenOutcome, detail: string) => tokenFetched(server, outcome, detail);
    return createTokenEndpoint(config, authenticate, judged, { now, chance: Math.random, tokenFetched: told });
  }

  function createOwnAssertion({ audience = url.href, groups }: AssertionConfig): Assert {
    return createAssertion({ issuer: publicUrl, audience, server, groups }, { sign, now, newId });
  }
}
