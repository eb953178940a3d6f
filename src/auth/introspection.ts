/**
 * Verifies tokens that say nothing themselves, by asking their issuer (RFC 7662). What it answers is judged as if the token had
 * said it.
 */
import { Denial } from "../denial.ts";
import { readJson } from "../mcp/json.ts";
import { apiKeyPrefix } from "./api-keys/key-text.ts";
import { type ClaimRules, readClaims } from "./claims.ts";
import type { JsonObject } from "./compact.ts";
import type { FetchedDocument } from "./discovery.ts";
import type { VerifierIssuer } from "./issuer.ts";
import { audiencesOf, maxTokenBytes, type Verify } from "./jwt.ts";
import { explainAudience, quote } from "./reasons.ts";
import { checkRequired } from "./required.ts";
import { sessionTokenPrefix } from "./session-tokens/token-text.ts";

/** Asks an issuer about a token. Rejects when there is no whole answer within the bounds. */
export type AskIssuer = (token: string) => Promise<FetchedDocument>;

/** What {@link createIntrospector} needs to know. */
export interface IntrospectorOptions {
  readonly issuer: VerifierIssuer;
  readonly ask: AskIssuer;
  readonly clockSkewMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds; the issuer is asked again after this, and may have revoked the token. */
  readonly maxAgeMs: number;
  readonly standingOf: ClaimRules["standingOf"];
}

const maxDepth = 32;
/** Fewer than may be verified at once: an issuer that does not answer must leave room for tokens of the others. */
const maxAsking = 64;
const retryAfterMs = 1_000;

/** Beginnings of what the gateway itself gives out: API keys, and session tokens. */
const ownPrefixes = [apiKeyPrefix, sessionTokenPrefix];

/**
 * Whether a token may be shown to the issuer: neither one of the gateway's own, which are nobody else's to know, nor a signed one, which
 * can be verified without.
 */
export function isOpaque(token: string): boolean {
  if (ownPrefixes.some((prefix) => token.startsWith(prefix))) return false;
  const [head = ""] = token.split(".", 1);
  return !Buffer.from(head, "base64url").toString("latin1").trimStart().startsWith("{");
}

/** @throws Denial from what it returns: every `token_…`; `issuer_unavailable`, `verification_busy` */
export function createIntrospector(options: IntrospectorOptions): Verify {
  const { issuer, ask, clockSkewMs, now, maxAgeMs, standingOf } = options;
  let asking = 0;
  return async (token, resource) => {
    if (token.length > maxTokenBytes)
      throw new Denial("token_malformed", { detail: `longer than ${maxTokenBytes} bytes` });
    if (asking >= maxAsking) {
      throw new Denial("verification_busy", {
        detail: `the issuer is being asked about ${asking} tokens`,
        retryAfterMs,
      });
    }
    asking += 1;
    const said = await ask(token)
      .then(readAnswer, (error: unknown) => {
        throw unavailable(error instanceof Error ? error.message : String(error));
      })
      .finally(() => {
        asking -= 1;
      });
    const nowMs = now();
    if (!said.active) throw new Denial("token_unknown", { detail: `${issuer.name} says that the token is not active` });
    checkIssuer(said, issuer);
    checkAudience(said, issuer, resource);
    checkTimes(said, nowMs, clockSkewMs);
    checkRequired(said, issuer.required, issuer.name);
    const rules = { issuer: issuer.name, groupsClaim: issuer.groupsClaim, clockSkewMs, nowMs, standingOf };
    const verified = readClaims(said, rules);
    if (String(said.token_type).toLowerCase() === "dpop" && (verified.bound?.key ?? null) === null) {
      throw new Denial("token_binding", { detail: "token_type is DPoP, and cnf names no key" });
    }
    return Object.freeze({ ...verified, via: "introspection", recheckAtMs: nowMs + maxAgeMs });
  };
}

function readAnswer({ status, body }: FetchedDocument): JsonObject & { readonly active: boolean } {
  if (status >= 300 && status < 400) throw unavailable(`answered ${status}; redirects are not followed`);
  if (status !== 200) throw unavailable(`answered ${status}`);
  let value: unknown;
  try {
    ({ value } = readJson(Buffer.from(body), { maxDepth, loneSurrogates: "refuse" }));
  } catch {
    throw unavailable("the answer is not JSON");
  }
  if (typeof value !== "object" || value === null || !("active" in value) || typeof value.active !== "boolean") {
    throw unavailable("the answer does not say whether the token is active");
  }
  return value as JsonObject & { readonly active: boolean };
}

/** RFC 7662 section 2.2 does not ask for `iss`: whoever was asked has said it. */
function checkIssuer({ iss }: JsonObject, { name, issuer }: VerifierIssuer): void {
  if (iss === undefined || iss === issuer) return;
  throw new Denial("token_issuer", { detail: `iss is ${quote(iss)}, expected that of identity.issuers.${name}` });
}

function checkAudience({ aud }: JsonObject, issuer: VerifierIssuer, resource: string): void {
  const accepted = audiencesOf(issuer, resource);
  if ([aud].flat().some((each) => typeof each === "string" && accepted.includes(each))) return;
  const code = aud === undefined ? "token_claims" : "token_audience";
  throw new Denial(code, { detail: explainAudience(aud, issuer, resource) });
}

function checkTimes({ exp, nbf, iat }: JsonObject, nowMs: number, clockSkewMs: number): void {
  for (const [name, value] of Object.entries({ exp, nbf, iat })) {
    const isMissing = value === undefined && name !== "exp";
    if (!isMissing && typeof value !== "number") throw new Denial("token_claims", { detail: `${name} is no date` });
  }
  if (nowMs >= Number(exp) * 1_000 + clockSkewMs)
    throw new Denial("token_expired", { detail: `exp was ${quote(exp)}` });
  if (nbf !== undefined && Number(nbf) * 1_000 > nowMs + clockSkewMs) {
    throw new Denial("token_not_yet_valid", { detail: `nbf is ${quote(nbf)}; compare the clocks` });
  }
}

function unavailable(detail: string): Denial {
  return new Denial("issuer_unavailable", { detail, retryAfterMs });
}
