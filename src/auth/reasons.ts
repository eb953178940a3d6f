/** Why a token was refused, for the operator: the claim, what was expected, and the line of the configuration to look at. */
import { errors } from "jose";
import { Denial, type DenialCode } from "../denial.ts";
import type { VerifierIssuer } from "./issuer.ts";

const maxQuoted = 200;
/** Name of the gateway's own issuer, which has no lines in the configuration to point at. */
const builtin = "builtin";

/**
 * The refusal that an error of jose's `jwtVerify` stands for. Messages of jose name claims and never quote the token; the
 * errors themselves carry all claims, so they are not kept as a cause.
 *
 * @param audience makes the detail of an audience mismatch
 */
export function asTokenDenial(error: unknown, audience: () => string): Denial {
  if (error instanceof Denial) return error;
  const [code, detail] = judge(error, audience);
  return new Denial(code, { detail });
}

function judge(error: unknown, audience: () => string): [DenialCode, string] {
  if (error instanceof errors.JWTExpired) return ["token_expired", `exp was ${describeDate(error.payload.exp)}`];
  if (error instanceof errors.JWTClaimValidationFailed) {
    const missing = error.reason === "missing";
    if (error.claim === "aud") return [missing ? "token_claims" : "token_audience", audience()];
    if (missing) return ["token_claims", `${error.claim} is missing`];
    if (error.claim !== "nbf" || error.reason !== "check_failed") return ["token_claims", error.message];
    return ["token_not_yet_valid", `nbf is ${describeDate(error.payload.nbf)}; compare the clocks`];
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return ["token_signature", error.message];
  if (error instanceof errors.JOSEAlgNotAllowed) return ["token_algorithm", error.message];
  if (error instanceof errors.JOSEError) return ["token_malformed", error.message];
  // What is left is a key that does not go with the algorithm, such as RSA of less than 2048 bits.
  return ["token_key", error instanceof Error ? error.message : "the key cannot be used"];
}

/** Why no issuer was found, pointing out the commonest slip. */
export function explainIssuer(iss: unknown, issuers: Iterable<VerifierIssuer>): string {
  if (typeof iss !== "string") return "iss is missing";
  for (const { name, issuer } of issuers) {
    const line = name === builtin ? "publicUrl" : `identity.issuers.${name}.issuer`;
    if (issuer === `${iss}/` || iss === `${issuer}/`)
      return `iss is ${quote(iss)}; ${line} differs by the slash at its end`;
  }
  return `iss is ${quote(iss)}, which no entry of identity.issuers has`;
}

/** Which algorithm was there, and which are accepted. */
export function explainAlgorithm(alg: unknown, { name, algorithms }: VerifierIssuer): string {
  const line = name === builtin ? "the gateway's own issuer" : `identity.issuers.${name}.algorithms`;
  return `alg is ${quote(alg)}; ${line} has ${algorithms.join(", ")}`;
}

/** Which audience was there, which was expected, and what would accept it. */
export function explainAudience(aud: unknown, { name, audience }: VerifierIssuer, resource: string): string {
  const expected = audience.length > 0 ? audience.join(" or ") : resource;
  const hint =
    name === builtin
      ? "mint it for this server with --server"
      : `identity.issuers.${name}.audience lists what is accepted`;
  return `aud is ${quote(aud)}, expected ${expected}; ${hint}`;
}

/** Claims are text of others: quoted, so that no line break forges a log line, and cut. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > maxQuoted ? `${text.slice(0, maxQuoted)}…` : text;
}

function describeDate(seconds: number | undefined): string {
  const date = new Date((seconds ?? Number.NaN) * 1_000);
  return Number.isNaN(date.getTime()) ? "no date" : date.toISOString();
}
