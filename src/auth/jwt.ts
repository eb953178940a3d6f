/**
 * Verifies bearer tokens as a resource server does (RFC 9068 section 4, RFC 8725): nothing that the token says about how
 * to verify it is believed beyond the choice among what the configuration allows.
 */
import { type CryptoKey, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from "jose";
import { readBase64url } from "../crypto/base64url.ts";
import { Denial } from "../denial.ts";
import { readJson } from "../mcp/json.ts";
import { type ClaimRules, readClaims, type VerifiedToken } from "./claims.ts";
import type { VerifierIssuer } from "./issuer.ts";
import { asTokenDenial, explainAlgorithm, explainAudience, explainIssuer } from "./reasons.ts";

/** What {@link createVerifier} needs to know. */
export interface VerifierOptions {
  readonly issuers: readonly VerifierIssuer[];
  readonly clockSkewMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly standingOf: ClaimRules["standingOf"];
}

/**
 * Verifies a token for a resource (RFC 8707).
 *
 * @throws Denial every `token_…` but `token_missing`; `keys_unavailable`. Their details name claims and what was
 *   expected, never the token.
 */
export type Verify = (token: string, resource: string) => Promise<VerifiedToken>;

type JsonObject = Readonly<Record<string, unknown>>;

export const maxTokenBytes = 16_384;
const maxDepth = 32;
/** Media types of an access token (RFC 9068 section 2.1) and of what issuers write that know no types. */
const types = new Set(["at+jwt", "application/at+jwt", "jwt", "application/jwt"]);
/** How many keys are tried for a token that names none: each costs a verification. */
const maxCandidates = 4;

/**
 * A verifier for a set of issuers.
 *
 * @throws Error when two of them share an `iss`, as either could then speak for the other
 */
export function createVerifier({ issuers, clockSkewMs, now, standingOf }: VerifierOptions): Verify {
  const byIssuer = new Map(issuers.map((entry) => [entry.issuer, entry]));
  if (byIssuer.size !== issuers.length) throw new Error("two issuers have the same issuer URL");
  return async (token, resource) => {
    const { header, payload } = readToken(token);
    const issuer = typeof payload.iss === "string" ? byIssuer.get(payload.iss) : undefined;
    if (issuer === undefined)
      throw new Denial("token_issuer", { detail: explainIssuer(payload.iss, byIssuer.values()) });
    checkAlgorithm(header.alg, issuer);
    const nowMs = now();
    const audience = (issuer.audience.length > 0 ? issuer.audience : [resource]).flatMap(spellings);
    const options: JWTVerifyOptions = {
      algorithms: [...issuer.algorithms],
      issuer: issuer.issuer,
      audience,
      requiredClaims: ["iss", "sub", "aud", "exp"],
      clockTolerance: clockSkewMs / 1_000,
      currentDate: new Date(nowMs),
    };
    const claims = await verifySignature(token, issuer, options).catch((error: unknown) => {
      throw asTokenDenial(error, () => explainAudience(payload.aud, issuer, resource));
    });
    return readClaims(claims, { issuer: issuer.name, groupsClaim: issuer.groupsClaim, clockSkewMs, nowMs, standingOf });
  };
}

/** Reads a compact JWS without verifying it; what two readers could take for different tokens is refused. */
function readToken(token: string): { header: JsonObject; payload: JsonObject } {
  if (token.length > maxTokenBytes) throw malformed(`longer than ${maxTokenBytes} bytes`);
  const parts = token.split(".");
  if (parts.length === 5) throw malformed("an encrypted token (JWE)");
  if (parts.length !== 3) throw malformed("not three parts");
  const [head, body, signature] = parts.map(readBase64url);
  if (head === undefined || body === undefined || signature === undefined) throw malformed("not canonical base64url");
  const header = readObject(head, "header");
  // RFC 7515 section 4.1.11: extensions that are marked critical must be understood, and none is.
  if (Object.hasOwn(header, "crit")) throw malformed("critical extensions");
  if (Object.hasOwn(header, "typ") && !(typeof header.typ === "string" && types.has(header.typ.toLowerCase()))) {
    throw malformed("typ is neither at+jwt nor JWT");
  }
  return { header, payload: readObject(body, "payload") };
}

function readObject(bytes: Buffer, part: string): JsonObject {
  let value: unknown;
  try {
    ({ value } = readJson(bytes, { maxDepth, loneSurrogates: "refuse" }));
  } catch (error) {
    throw malformed(`${part}: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(`${part} is not an object`);
  return value as JsonObject;
}

/** RFC 8725 section 3.1: `none`, HMAC over a public key, or a weak algorithm never come from the token's own choice. */
function checkAlgorithm(alg: unknown, issuer: VerifierIssuer): void {
  if (typeof alg === "string" && issuer.algorithms.includes(alg)) return;
  throw new Denial("token_algorithm", { detail: explainAlgorithm(alg, issuer) });
}

async function verifySignature(token: string, issuer: VerifierIssuer, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, (header) => issuer.keys.getKey(header), options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    return await tryEach(token, error, options);
  }
}

/** A token that does not say which of the issuer's keys signed it, as without `kid` during a rotation. */
async function tryEach(token: string, keys: AsyncIterable<CryptoKey>, options: JWTVerifyOptions): Promise<JWTPayload> {
  let tried = 0;
  for await (const key of keys) {
    tried += 1;
    if (tried > maxCandidates) break;
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new Denial("token_signature", {
    detail: `none of the ${tried} first keys that fit verifies it; it names no kid`,
  });
}

/** An audience that is a URL is meant with and without a slash at its end; issuers and clients disagree about it. */
function spellings(audience: string): string[] {
  if (!/^https?:\/\//.test(audience)) return [audience];
  const bare = audience.replace(/\/$/, "");
  return [bare, `${bare}/`];
}

function malformed(detail: string): Denial {
  return new Denial("token_malformed", { detail });
}
