import type { AuthorizationServerConfig } from "../../config/credentials.ts";
import type { OwnTokens } from "./credentials.ts";
import { HeldToken } from "./held-token.ts";
import type { TokenEndpoint } from "./token-endpoint.ts";

/** OAuth client credentials (RFC 6749 section 4.4). */
export function createClientCredentials(
  { scopes, resource, audience }: Pick<AuthorizationServerConfig, "scopes" | "resource" | "audience">,
  endpoint: TokenEndpoint,
  now: () => number,
): OwnTokens {
  const form = { grant_type: "client_credentials", scope: scopes.join(" ") || undefined, resource, audience };
  const held = new HeldToken(now);
  const fetch = () => endpoint.request(form);
  return { obtain: () => held.obtain(fetch), reject: (token) => held.reject(token) };
}
