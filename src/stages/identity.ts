import { hash } from "node:crypto";
import { readBearer } from "../auth/bearer.ts";
import type { VerifiedToken } from "../auth/claims.ts";
import { Denial } from "../denial.ts";
import type { Arrival, Identity, McpRoute } from "../facts.ts";

/** Verifies a token for a resource (RFC 8707); the same token gives the same object until it expires. */
export interface TokenVerifier {
  verify(token: string, resource: string): Promise<VerifiedToken>;
}

/**
 * Finds out on whose behalf the request is made. A token counts in the Authorization header only, never in the query,
 * where it would end up in logs (MCP 2026-07-28, Authorization, Token Requirements).
 *
 * @throws Denial `token_missing` and every other `token_…`, `keys_unavailable`
 */
export async function identify(tokens: TokenVerifier, arrival: Arrival, route: McpRoute): Promise<Identity> {
  if (arrival.leaving) return arrival.leaving;
  const header = arrival.headers.get("authorization");
  if (header === undefined) throw new Denial("token_missing");
  const token = readBearer(header);
  if (token === undefined) throw new Denial("token_malformed", { detail: "Authorization is not a bearer token" });
  return toIdentity(await tokens.verify(token, route.resource));
}

/** One identity for one verified token, so that what is computed for it is found again by it. */
const identities = new WeakMap<VerifiedToken, Identity>();

function toIdentity(verified: VerifiedToken): Identity {
  const known = identities.get(verified);
  if (known !== undefined) return known;
  const { issuer, subject, client, groups, scopes, claims, expiresAtMs } = verified;
  // JSON keeps the parts apart: ["a","b:c"] and ["a:b","c"] never meet.
  const key = hash("sha256", JSON.stringify([issuer, subject, client]), "base64url");
  const proved = { scopes, claims, apiKey: null, certificate: null };
  const identity = { issuer, subject, client, groups, via: "jwt", ...proved, expiresAtMs, key } as Identity;
  identities.set(verified, identity);
  return identity;
}
