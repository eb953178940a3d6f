import { apiKeyIssuer } from "../auth/api-keys/api-key.ts";
import type { Parts } from "./parts.ts";

/** What policies and suites may refer to in a configuration. */
export interface ConfigContext {
  readonly servers: readonly string[];
  /** Names of the trusted issuers, `builtin` and `api-keys` among them when they are enabled. */
  readonly issuers: readonly string[];
  /** The claim that holds the groups of an issuer's tokens. */
  groupsClaimOf(issuer: string): string;
}

export function contextOf({ servers, identity }: Parts<"servers" | "identity">): ConfigContext {
  const { issuers, builtin, apiKeys } = identity;
  return {
    servers: Object.keys(servers),
    issuers: [
      ...Object.keys(issuers),
      ...(builtin.enabled ? ["builtin"] : []),
      ...(apiKeys.enabled ? [apiKeyIssuer] : []),
    ],
    groupsClaimOf: (name) => (Object.hasOwn(issuers, name) ? issuers[name]?.claims.groups : undefined) ?? "groups",
  };
}
