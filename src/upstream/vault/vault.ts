/** One server that wants its users' own logins, as far as the configuration says. */
import type { Config, ServerConfig } from "../../config/schema.ts";
import type { UserLoginConfig } from "../../config/user-login.ts";
import { createGuardedFetch, type GuardedFetch } from "./guarded-fetch.ts";
import type { Login } from "./logins.ts";
import type { RegistrationConfig, VaultClient } from "./registration.ts";

export interface Vault {
  /** The server's name in the configuration. */
  readonly server: string;
  readonly url: URL;
  readonly config: UserLoginConfig;
  readonly registration: RegistrationConfig;
  readonly fetch: GuardedFetch;
  /** Whether a login is still one for this server and this configuration. */
  fits(login: Login): boolean;
}

/** @param publicUrl origin under which browsers know the gateway */
export function createVault(
  server: string,
  { url }: Pick<ServerConfig, "url">,
  config: UserLoginConfig,
  publicUrl: string,
): Vault {
  const { issuer, resource, clientDocument, insideHosts } = config;
  const configured = readClient(config);
  const named = issuer === undefined ? [] : [new URL(issuer).origin];
  return {
    server,
    url,
    config,
    registration: { publicUrl, server, configured, clientDocument },
    fetch: createGuardedFetch({ origins: new Set([url.origin, ...named]), insideHosts: new Set(insideHosts) }),
    fits: (login) =>
      login.url === url.href &&
      (issuer === undefined || login.issuer === issuer) &&
      (resource === undefined || login.resource === resource) &&
      (configured === null || login.clientId === configured.id),
  };
}

/** The server of a name as it is configured now; null where no users log in at it. */
export function findVault({ servers, publicUrl }: Pick<Config, "servers" | "publicUrl">, name: string): Vault | null {
  const server = servers[name];
  const config = server?.credentials?.userLogin;
  return server === undefined || config === undefined ? null : createVault(name, server, config, publicUrl);
}

function readClient({ clientId, clientSecret, authentication }: UserLoginConfig): VaultClient | null {
  if (clientId === undefined) return null;
  if (clientSecret === undefined) return { id: clientId, secret: null, authentication: "none" };
  return { id: clientId, secret: clientSecret.reveal(), authentication: authentication ?? "client_secret_basic" };
}
