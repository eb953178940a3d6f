import { hash } from "node:crypto";
import { readAuthorization } from "../auth/bearer.ts";
import { checkCertificate } from "../auth/binding.ts";
import type { VerifiedToken } from "../auth/claims.ts";
import { type ClientCertificate, certificateIssuer } from "../auth/client-certificate.ts";
import type { VerifyProof } from "../auth/proof.ts";
import { Denial } from "../denial.ts";
import type { Arrival, Identity, McpRoute, Peer } from "../facts.ts";

/** Verifies a token, of whichever sort, for a resource (RFC 8707); the same token gives the same object until it expires. */
export interface TokenVerifier {
  verify(token: string, resource: string): Promise<VerifiedToken>;
}

/** What counts as a proof of who is calling. */
export interface IdentityRules {
  readonly tokens: TokenVerifier;
  /** Whether a client certificate does, without a token. */
  readonly certificates: boolean;
  readonly verifyProof: VerifyProof;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Finds out on whose behalf the request is made. A token counts in the Authorization header only, never in the query,
 * where it would end up in logs (MCP 2026-07-28, Authorization, Token Requirements).
 *
 * @throws Denial `token_missing` and every other `token_…`, `keys_unavailable`, `issuer_unavailable`, `state_unavailable`
 */
export async function identify(rules: IdentityRules, arrival: Arrival, peer: Peer, route: McpRoute): Promise<Identity> {
  if (arrival.leaving) return arrival.leaving;
  const certificate = findCertificate(arrival, peer, rules);
  const header = arrival.headers.get("authorization");
  if (header === undefined) return identifyByCertificate(certificate, rules);
  const read = readAuthorization(header);
  if (read === undefined) throw new Denial("token_malformed", { detail: "Authorization is not a bearer token" });
  const { token, proved } = read;
  return identifyByToken(rules, { token, proved, certificate, arrival, peer, route });
}

/** A token, and all that it is judged by. */
interface Shown {
  readonly token: string;
  /** Whether it was sent as one that comes with a proof of possession. */
  readonly proved: boolean;
  readonly certificate: ClientCertificate | null;
  readonly arrival: Arrival;
  readonly peer: Peer;
  readonly route: McpRoute;
}

async function identifyByToken(rules: IdentityRules, shown: Shown): Promise<Identity> {
  const { token, proved, certificate, peer, route } = shown;
  const verified = await rules.tokens.verify(token, route.resource);
  if (verified.standing.revoked) throw new Denial("token_revoked", { detail: `of ${verified.issuer}` });
  if (verified.from !== null && !verified.from.has(peer.ip)) {
    throw new Denial("token_address", {
      detail: `${verified.apiKey ?? "the session token"} is for other addresses than ${peer.ip}`,
    });
  }
  const { bound } = verified;
  if (bound !== null) checkCertificate(bound, certificate?.thumbprint ?? null);
  const key = bound?.key ?? null;
  if (key !== null || proved) await checkKey(key, rules, shown);
  return identityOf(verified, certificate);
}

/** A proxy that speaks for others shows its own certificate, if any, and one does not get better with age. */
function findCertificate(
  { certificate }: Arrival,
  { proxied }: Peer,
  { now }: IdentityRules,
): ClientCertificate | null {
  return certificate === null || proxied || now() >= certificate.untilMs ? null : certificate;
}

/** @param key that the token is bound to, if it is */
async function checkKey(key: string | null, { verifyProof }: IdentityRules, shown: Shown): Promise<void> {
  const { token, proved, arrival, route } = shown;
  const refuse = (detail: string) => new Denial("token_binding", { detail, scheme: "DPoP" });
  // RFC 9449 section 7.1: of a token without a key, a proof would say nothing.
  if (key === null) throw refuse("the token is bound to no key, and was sent as one that is");
  if (!proved) throw refuse("the token is bound to a key, and was sent as one that is not");
  // The gateway asks on behalf of such clients, and cannot prove anything for them (doors/doors.ts).
  if (route.door !== "none") throw refuse("clients of 2024-11-05 cannot use tokens that are bound to a key");
  const proof = arrival.headers.get("dpop");
  if (proof === undefined) throw new Denial("token_proof", { detail: "there is no DPoP header" });
  const url = `${new URL(route.resource).origin}${arrival.path}`;
  await verifyProof({ proof, token, key, verb: arrival.verb, url });
}

function identifyByCertificate(certificate: ClientCertificate | null, { certificates }: IdentityRules): Identity {
  if (certificate === null || !certificates) throw new Denial("token_missing");
  const { name, untilMs } = certificate;
  if (name === null) throw new Denial("token_missing", { detail: "the client certificate has no name, or several" });
  return findOrMake(byCertificate, certificate, () => {
    const who = { issuer: certificateIssuer, subject: name, client: null, groups: [] };
    const proved = {
      via: "certificate",
      scopes: [],
      claims: {},
      apiKey: null,
      certificate: name,
      proof: true,
    } as const;
    return { ...who, ...proved, standing: good, expiresAtMs: untilMs, key: keyOf(who) } as unknown as Identity;
  });
}

const good = Object.freeze({ revoked: false });

/** One identity for one verified proof, so that what is computed for it is found again by it. */
const byToken = new WeakMap<VerifiedToken, Identity>();
const byCertificate = new WeakMap<ClientCertificate, Identity>();
const byBoth = new WeakMap<ClientCertificate, WeakMap<VerifiedToken, Identity>>();

function identityOf(verified: VerifiedToken, certificate: ClientCertificate | null): Identity {
  if (certificate === null)
    return findOrMake(byToken, verified, () => toIdentity(verified, null, verified.expiresAtMs));
  const { name, untilMs } = certificate;
  const known = findOrMake(byBoth, certificate, () => new WeakMap<VerifiedToken, Identity>());
  return findOrMake(known, verified, () => toIdentity(verified, name, Math.min(verified.expiresAtMs, untilMs)));
}

function toIdentity(verified: VerifiedToken, certificate: string | null, expiresAtMs: number): Identity {
  const { issuer, subject, client, groups, scopes, claims, via, apiKey, bound, standing } = verified;
  const proved = { via, scopes, claims, apiKey, certificate, proof: bound !== null };
  return { issuer, subject, client, groups, ...proved, standing, expiresAtMs, key: keyOf(verified) } as Identity;
}

/** JSON keeps the parts apart: ["a","b:c"] and ["a:b","c"] never meet. */
function keyOf({ issuer, subject, client }: Pick<Identity, "issuer" | "subject" | "client">): string {
  return hash("sha256", JSON.stringify([issuer, subject, client]), "base64url");
}

function findOrMake<Key extends WeakKey, Value>(kept: WeakMap<Key, Value>, key: Key, make: () => Value): Value {
  const known = kept.get(key);
  if (known !== undefined) return known;
  const made = make();
  kept.set(key, made);
  return made;
}
