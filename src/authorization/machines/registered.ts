/** Clients that the operator has registered, as the library and the grants need them. Pure. */
import { hash } from "node:crypto";
import type { ClientMetadata } from "oidc-provider";
import { isDescribedElsewhere, readSecretDigest } from "../../config/machine-rules.ts";
import type { ClientConfig } from "../../config/machines.ts";
import { isLocalUri } from "../clients/client-metadata.ts";
import { clientCredentials, jwtBearer } from "./grant-types.ts";

/** What a client may have. */
export interface RegisteredClient {
  readonly id: string;
  /** Groups of its own. */
  readonly groups: readonly string[];
  /** Resources that it may have tokens for; null for all. */
  readonly resources: ReadonlySet<string> | null;
  /** Scopes beside that of everybody; null for all. */
  readonly scopes: ReadonlySet<string> | null;
  readonly skipConsent: boolean;
  /** Of its secret. */
  readonly digest: Buffer | null;
  /** What the library knows of it; null where it is described by a document. */
  readonly metadata: ClientMetadata | null;
}

/** Which of the grants there is a client for. */
export function listGrantTypes(clients: Iterable<RegisteredClient>): ReadonlySet<string> {
  const types = [...clients].flatMap(({ metadata }) => metadata?.grant_types ?? []);
  return new Set([clientCredentials, jwtBearer].filter((type) => types.includes(type)));
}

/** What discovery says beside the types of grants (ID-JAG, section "Authorization Server Metadata"). */
export function announceProfiles(clients: Iterable<RegisteredClient>): Readonly<Record<string, string[]>> {
  const isAsserting = listGrantTypes(clients).has(jwtBearer);
  return isAsserting ? { authorization_grant_profiles_supported: ["urn:ietf:params:oauth:grant-profile:id-jag"] } : {};
}

/** @param resourceOf the resource that a server is */
export function describeClient(
  id: string,
  config: ClientConfig,
  resourceOf: (server: string) => string,
): RegisteredClient {
  const { groups, servers, scopes, skipConsent, secret } = config;
  const text = secret?.reveal();
  const digest = text === undefined ? null : (readSecretDigest(text) ?? hash("sha256", text, "buffer"));
  return {
    id,
    groups,
    resources: servers === undefined ? null : new Set(servers.map(resourceOf)),
    scopes: scopes === undefined ? null : new Set(scopes),
    skipConsent,
    digest,
    metadata: isDescribedElsewhere(id, config) ? null : describe(id, config, digest),
  };
}

function describe(id: string, config: ClientConfig, digest: Buffer | null): ClientMetadata {
  const { name, redirectUris, jwks, jwksUri, grants, dpopBoundAccessTokens, requirePushedAuthorizationRequests } =
    config;
  const isForPeople = grants.includes("authorization_code");
  const isKeyed = jwks !== undefined || jwksUri !== undefined;
  return {
    client_id: id,
    ...(name !== undefined && { client_name: name }),
    redirect_uris: redirectUris,
    response_types: isForPeople ? ["code"] : [],
    grant_types: [
      ...(isForPeople ? ["authorization_code", "refresh_token"] : []),
      ...(grants.includes("client_credentials") ? [clientCredentials] : []),
      ...(grants.includes("jwt-bearer") ? [jwtBearer] : []),
    ],
    application_type: redirectUris.some(isLocalUri) ? "native" : "web",
    token_endpoint_auth_method: isKeyed ? "private_key_jwt" : digest === null ? "none" : "client_secret_basic",
    dpop_bound_access_tokens: dpopBoundAccessTokens,
    require_pushed_authorization_requests: requirePushedAuthorizationRequests,
    // The library keeps what secrets are compared with, and compares digests (equip.ts).
    ...(digest !== null && { client_secret: digest.toString("hex") }),
    ...(jwks !== undefined && { jwks: jwks as unknown as NonNullable<ClientMetadata["jwks"]> }),
    ...(jwksUri !== undefined && { jwks_uri: jwksUri }),
  };
}
