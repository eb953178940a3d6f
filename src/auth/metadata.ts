/** Protected resource metadata (RFC 9728): how a client learns where to get a token for a server. Pure. */
import { proofAlgorithms } from "./proof-algorithms.ts";

/** The document for one server. */
export interface ResourceMetadata {
  readonly resource: string;
  readonly resource_name: string;
  readonly authorization_servers?: readonly string[];
  readonly scopes_supported?: readonly string[];
  readonly bearer_methods_supported: readonly ["header"];
  readonly dpop_signing_alg_values_supported?: readonly string[];
  readonly tls_client_certificate_bound_access_tokens?: true;
}

/** What the document is made of. */
export interface MetadataFacts {
  /** Origin, without a slash at its end. */
  readonly publicUrl: string;
  /** The server's name in the configuration. */
  readonly server: string;
  /** Authorization servers. The gateway's own key is none unless people can log in here. */
  readonly issuers: readonly { readonly issuer: string }[];
  /** What a client needs to begin with; more is asked for when it is needed (MCP 2026-07-28, Scope Selection Strategy). */
  readonly scopes?: readonly string[];
  /** What tokens can be bound to. */
  readonly binding?: {
    /** A key, for which some issuer has to know DPoP. */
    readonly key: boolean;
    /** A client certificate, for which the listener has to ask for one. */
    readonly certificate: boolean;
  };
}

/** Path of the document that the root of the origin would have. */
export const rootMetadataPath = "/.well-known/oauth-protected-resource";

/** The resource identifier of a server: what clients connect to, and what tokens are issued for (RFC 8707). */
export function resourceOf(publicUrl: string, server: string): string {
  return `${publicUrl}/${server}/mcp`;
}

/** Where a server's document is (RFC 9728 section 3.1: the well-known part goes between host and path). */
export function metadataPath(server: string): string {
  return `${rootMetadataPath}/${server}/mcp`;
}

/**
 * RFC 9728 section 2. Without issuers there is no list: section 3.2 forbids empty ones. `dpop_bound_access_tokens_required` is never
 * there, as no configuration demands that every token be bound.
 */
export function protectedResourceMetadata({
  publicUrl,
  server,
  issuers,
  scopes = [],
  binding,
}: MetadataFacts): ResourceMetadata {
  return {
    resource: resourceOf(publicUrl, server),
    resource_name: server,
    ...(issuers.length > 0 && { authorization_servers: [...new Set(issuers.map(({ issuer }) => issuer))] }),
    ...(scopes.length > 0 && { scopes_supported: scopes }),
    bearer_methods_supported: ["header"],
    ...(binding?.key === true && { dpop_signing_alg_values_supported: proofAlgorithms }),
    ...(binding?.certificate === true && { tls_client_certificate_bound_access_tokens: true }),
  };
}

/**
 * The server whose document stands at {@link rootMetadataPath}, where clients look that know no path-suffixed one.
 *
 * A client must refuse a document whose `resource` is not what it connects to (RFC 9728 section 3.3). With one server
 * there is one thing to connect to. With several, whichever the root named would be wrong for the others, and naming the
 * origin would get tokens whose audience no server accepts: no document then, and the 401's challenge names the right one.
 */
export function rootServer(servers: readonly string[]): string | undefined {
  return servers.length === 1 ? servers[0] : undefined;
}
