/** Finds out where users of a server log in (MCP 2026-07-28, Authorization Server Discovery). */
import { readJson } from "../../mcp/json.ts";
import { type Challenge, readScopes } from "./challenge.ts";
import { VaultFault } from "./fault.ts";
import type { Fetched, GuardedFetch } from "./guarded-fetch.ts";
import {
  type AuthorizationServer,
  type ResourceMetadata,
  readResourceMetadata,
  readServerMetadata,
  resourceMetadataPlaces,
  serverMetadataPlaces,
} from "./metadata.ts";

/** What the configuration says of it. */
export interface DiscoveryConfig {
  readonly url: URL;
  readonly issuer?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly resource?: string | undefined;
}

/** Where users log in, and for what. */
export interface Discovered {
  readonly authorizationServer: AuthorizationServer;
  /** What tokens are for (RFC 8707). */
  readonly resource: string;
  /** None where neither the configuration nor the server says any: then the authorization server decides. */
  readonly scopes: readonly string[];
}

/** @throws VaultFault where it cannot be found out, or must not be believed */
export async function discover(
  { url, issuer, scopes, resource }: DiscoveryConfig,
  challenge: Challenge,
  fetch: GuardedFetch,
): Promise<Discovered> {
  const own = await findResource(url, challenge, fetch);
  const authorizationServer = await findServer(chooseIssuer(own, issuer), fetch);
  // MCP 2026-07-28, Scope Selection Strategy; the operator's word counts most, and what this very call takes comes besides.
  const asked = readScopes(challenge.scope);
  const usual = scopes ?? (asked.length > 0 ? [] : (own?.scopes ?? []));
  return {
    authorizationServer,
    resource: resource ?? own?.resource ?? url.href,
    scopes: [...new Set([...usual, ...asked])],
  };
}

/** Of several the operator's, or else the first: the choice is the client's (RFC 9728 section 7.6). */
function chooseIssuer(own: ResourceMetadata | null, issuer: string | undefined): string {
  if (own === null) {
    if (issuer === undefined)
      throw new VaultFault("the server has no protected resource metadata, and no issuer is configured");
    return issuer;
  }
  if (issuer !== undefined && !own.authorizationServers.includes(issuer)) {
    throw new VaultFault("the server names other authorization servers than the configured issuer");
  }
  return issuer ?? own.authorizationServers[0] ?? "";
}

/** Null where the server has none. */
async function findResource(server: URL, challenge: Challenge, fetch: GuardedFetch): Promise<ResourceMetadata | null> {
  for (const place of resourceMetadataPlaces(server, challenge.resourceMetadata)) {
    if (URL.parse(place) === null) throw new VaultFault("the server's challenge names metadata at no URL");
    const answer = await fetch(place);
    if (answer.status === 200) return readResourceMetadata(parse(answer), server);
    if (answer.status < 400 || answer.status > 499)
      throw new VaultFault(`the protected resource metadata was answered with ${answer.status}`);
  }
  return null;
}

async function findServer(issuer: string, fetch: GuardedFetch): Promise<AuthorizationServer> {
  for (const place of serverMetadataPlaces(issuer)) {
    const answer = await fetch(place);
    if (answer.status === 200) return readServerMetadata(parse(answer), issuer);
    if (answer.status < 400 || answer.status > 499) {
      throw new VaultFault(`the authorization server metadata was answered with ${answer.status}`);
    }
  }
  throw new VaultFault("the authorization server has no metadata");
}

function parse({ body }: Fetched): unknown {
  try {
    return readJson(body, { maxDepth: 16, loneSurrogates: "refuse" }).value;
  } catch {
    throw new VaultFault("metadata is not JSON that every parser reads alike");
  }
}
