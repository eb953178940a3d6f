/** What documents of strangers are worth: protected resource metadata (RFC 9728) and authorization server metadata (RFC 8414). Pure. */
import { isObject } from "../../mcp/object.ts";
import { isLoopbackHost } from "../../network/url.ts";
import { readScopes } from "./challenge.ts";
import { VaultFault } from "./fault.ts";

/** What a server says of itself. */
export interface ResourceMetadata {
  /** What tokens have to be for (RFC 8707). */
  readonly resource: string;
  readonly authorizationServers: readonly string[];
  readonly scopes: readonly string[];
}

/** An authorization server, as far as a client has to know it. */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly registrationEndpoint: string | null;
  /** Where it is told of tokens that are not wanted any more (RFC 7009), if it takes that. */
  readonly revocationEndpoint?: string | undefined;
  /** How clients may prove themselves at the token endpoint. */
  readonly authentications: readonly string[];
  /** Whether it reads client ID metadata documents. */
  readonly readsDocuments: boolean;
  /** Whether each of its answers names it (RFC 9207). */
  readonly namesItself: boolean;
}

const maxServers = 16;
const maxScopes = 64;
const maxLength = 1_024;

/**
 * Where a server's metadata is: where its challenge says, or else below its own path and then at its root (MCP 2026-07-28, Protected Resource
 * Metadata Discovery Requirements).
 */
export function resourceMetadataPlaces(server: URL, named: string | null): readonly string[] {
  if (named !== null) return [named];
  const root = `${server.origin}/.well-known/oauth-protected-resource`;
  const path = server.pathname.replace(/\/$/, "");
  return path === "" ? [root] : [`${root}${path}`, root];
}

/** Where an issuer's metadata may be, in the order of MCP 2026-07-28, Authorization Server Metadata Discovery. */
export function serverMetadataPlaces(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  const inserted = ["oauth-authorization-server", "openid-configuration"].map(
    (name) => `${origin}/.well-known/${name}${path}`,
  );
  return path === "" ? inserted : [...inserted, `${origin}${path}/.well-known/openid-configuration`];
}

/**
 * @param server the server that was asked
 * @throws VaultFault where it speaks of another server (RFC 9728 section 3.3), or names no authorization server
 */
export function readResourceMetadata(document: unknown, server: URL): ResourceMetadata {
  if (!isObject(document)) throw new VaultFault("the protected resource metadata is no object");
  const { resource, authorization_servers: servers, scopes_supported: scopes } = document;
  if (typeof resource !== "string" || !covers(resource, server)) {
    throw new VaultFault("the protected resource metadata is about another resource");
  }
  const issuers = readTexts(servers, maxServers).filter((issuer) => isHttpUrl(issuer));
  if (issuers.length === 0) throw new VaultFault("the protected resource metadata names no authorization server");
  const supported = readTexts(scopes, maxScopes).flatMap((scope) => readScopes(scope));
  return { resource, authorizationServers: issuers, scopes: supported };
}

/** Whether a token for the resource is one for the server: it may be for everything below a path of its origin. */
function covers(resource: string, server: URL): boolean {
  const url = URL.parse(resource);
  if (url === null || url.origin !== server.origin || url.hash !== "" || url.search !== "") return false;
  const path = url.pathname.replace(/\/?$/, "/");
  return server.pathname.replace(/\/?$/, "/").startsWith(path);
}

/**
 * @param issuer that was asked: the document must name the very same (RFC 8414 section 3.3)
 * @throws VaultFault where it cannot be used, or without PKCE (MCP 2026-07-28, Authorization Code Protection)
 */
export function readServerMetadata(document: unknown, issuer: string): AuthorizationServer {
  if (!isObject(document)) throw new VaultFault("the authorization server metadata is no object");
  if (document.issuer !== issuer) throw new VaultFault("the authorization server metadata names another issuer");
  if (!readTexts(document.code_challenge_methods_supported, maxServers).includes("S256")) {
    throw new VaultFault("the authorization server does not say that it can do PKCE with S256");
  }
  const { registration_endpoint: registration } = document;
  const { authorization_response_iss_parameter_supported: iss, client_id_metadata_document_supported: cimd } = document;
  const authentications = readTexts(document.token_endpoint_auth_methods_supported, maxServers);
  return {
    issuer,
    authorizationEndpoint: readEndpoint(document.authorization_endpoint, "authorization_endpoint"),
    tokenEndpoint: readEndpoint(document.token_endpoint, "token_endpoint"),
    registrationEndpoint: registration === undefined ? null : readEndpoint(registration, "registration_endpoint"),
    revocationEndpoint: findEndpoint(document.revocation_endpoint),
    // RFC 8414 section 2.
    authentications: authentications.length === 0 ? ["client_secret_basic"] : authentications,
    readsDocuments: cimd === true,
    namesItself: iss === true,
  };
}

/** Browsers are sent to one of them: nothing but the web may be named. */
function readEndpoint(value: unknown, name: string): string {
  const endpoint = findEndpoint(value);
  if (endpoint === undefined) throw new VaultFault(`the authorization server metadata has no usable ${name}`);
  return endpoint;
}

/** Undefined for one that cannot be used: of what a login can do without, that is the same as none. */
function findEndpoint(value: unknown): string | undefined {
  const url = typeof value === "string" && value.length <= maxLength ? URL.parse(value) : null;
  return url === null || !isHttpUrl(url.href) || url.hash !== "" ? undefined : url.href;
}

/** https, or http on this machine: who may be asked there is for the fetch to say. */
function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopbackHost(url.hostname));
}

function readTexts(value: unknown, most: number): readonly string[] {
  const texts = Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
  return texts.filter((text) => text.length <= maxLength).slice(0, most);
}
