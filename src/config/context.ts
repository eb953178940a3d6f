import { apiKeyIssuer } from "../auth/api-keys/api-key.ts";
import { certificateIssuer } from "../auth/client-certificate.ts";
import type { Parts } from "./parts.ts";

/** What policies and suites may refer to in a configuration. */
export interface ConfigContext {
  readonly servers: readonly string[];
  /** Names of the trusted issuers, `builtin`, `api-keys` and `certificates` among them when they are enabled. */
  readonly issuers: readonly string[];
  /** The claim that holds the groups of an issuer's tokens. */
  groupsClaimOf(issuer: string): string;
}

/** What the readable parts of a configuration give policies to refer to. */
export function contextOf({ servers, identity }: Parts<"servers" | "identity">): ConfigContext {
  const { issuers } = identity;
  return {
    servers: Object.keys(servers),
    issuers: [...Object.keys(issuers), ...ownIssuers(identity)],
    groupsClaimOf: (name) => (Object.hasOwn(issuers, name) ? issuers[name]?.claims.groups : undefined) ?? "groups",
  };
}

/** What stands for the gateway's own ways of identifying somebody, as far as they are enabled. */
export function ownIssuers({
  builtin,
  apiKeys,
  certificates,
}: Pick<Parts<"identity">["identity"], "builtin" | "apiKeys" | "certificates">): string[] {
  return [
    ...(builtin.enabled ? ["builtin"] : []),
    ...(apiKeys.enabled ? [apiKeyIssuer] : []),
    ...(certificates.enabled ? [certificateIssuer] : []),
  ];
}
