import { hash } from "node:crypto";
import { readBearer } from "../auth/bearer.ts";
import type { VerifiedToken } from "../auth/claims.ts";
import { Denial } from "../denial.ts";
import type { Arrival, Identity, McpRoute, Peer } from "../facts.ts";

/** Verifies a token, of whichever sort, for a resource (RFC 8707); the same token gives the same object until it expires. */
export interface TokenVerifier {
  verify(token: string, resource: string): Promise<VerifiedToken>;
}

/**
 * Finds out on whose behalf the request is made. A token counts in the Authorization header only, never in the query,
 * where it would end up in logs (MCP 2026-07-28, Authorization, Token Requirements).
 *
 * @throws Denial `token_missing` and every other `token_…`, `keys_unavailable`, `state_unavailable`
 */
export async function identify(
  tokens: TokenVerifier,
  arrival: Arrival,
  peer: Peer,
  route: McpRoute,
): Promise<Identity> {
  if (arrival.leaving) return arrival.leaving;
  const header = arrival.headers.get("authorization");
  if (header === undefined) throw new Denial("token_missing");
  const token = readBearer(header);
  if (token === undefined) throw new Denial("token_malformed", { detail: "Authorization is not a bearer token" });
  const verified = await tokens.verify(token, route.resource);
  if (verified.standing.revoked) throw new Denial("token_revoked", { detail: `of ${verified.issuer}` });
  if (verified.from !== null && !verified.from.has(peer.ip)) {
    throw new Denial("token_address", { detail: `${verified.apiKey} is for other addresses than ${peer.ip}` });
  }
  return toIdentity(verified);
}

/** One identity for one verified token, so that what is computed for it is found again by it. */
const identities = new WeakMap<VerifiedToken, Identity>();

function toIdentity(verified: VerifiedToken): Identity {
  const known = identities.get(verified);
  if (known !== undefined) return known;
  const { issuer, subject, client, groups, scopes, claims, via, apiKey, standing, expiresAtMs } = verified;
  // JSON keeps the parts apart: ["a","b:c"] and ["a:b","c"] never meet.
  const key = hash("sha256", JSON.stringify([issuer, subject, client]), "base64url");
  const proved = { via, scopes, claims, apiKey, certificate: null };
  const identity = { issuer, subject, client, groups, ...proved, standing, expiresAtMs, key } as Identity;
  identities.set(verified, identity);
  return identity;
}
