/** Judges tokens by what they say (RFC 9068), as the gateway will. Nothing of them is shown but names of claims and whom they are for. Pure. */
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from "jose";
import type { Config } from "../../config/schema.ts";
import { isObject, type JsonObject } from "../../mcp/object.ts";
import { type Finding, ok, problem, quote, warning } from "./finding.ts";
import { oauthErrorOf } from "./refusal.ts";
import { type Answer, readBody } from "./wire.ts";

/** What a client got. */
export interface Tokens {
  readonly access: string;
  readonly refresh: string | null;
  /** What the access token says; null for an opaque one. */
  readonly claims: JWTPayload | null;
}

/** @returns null where there is no token */
export function readTokens(answer: Answer): Tokens | null {
  const said = readBody(answer);
  if (answer.status !== 200 || !isObject(said) || typeof said.access_token !== "string") return null;
  const { access_token: access, refresh_token: refresh } = said;
  return { access, refresh: typeof refresh === "string" ? refresh : null, claims: readClaims(access) };
}

function readClaims(token: string): JWTPayload | null {
  try {
    return decodeJwt(token);
  } catch {
    return null;
  }
}

/** What the configuration says about whoever issued a token; null for the gateway itself. */
export type IssuerRules = { readonly name: string; readonly config: Config["identity"]["issuers"][string] } | null;

/** What a token is compared with. */
export interface TokenFacts {
  readonly issuer: IssuerRules;
  readonly resource: string;
  readonly clockSkewMs: number;
  /** The gateway's time, in milliseconds since the epoch. */
  readonly nowMs: number;
}

/** @param at the line that names the issuer */
export function judgeTokenAnswer(answer: Answer, at: Finding["at"] & object): Finding | null {
  if (readTokens(answer) !== null) return null;
  return problem(`no token (HTTP ${answer.status}): ${quote(oauthErrorOf(answer))}`, { at });
}

/** Whether the gateway will take the access token, by what can be read of it. */
export function judgeToken({ access, refresh, claims }: Tokens, facts: TokenFacts): Finding {
  const found = facts.issuer === null || claims === null ? null : judgeClaims(claims, access, facts, facts.issuer);
  if (found !== null) return found;
  if (claims === null && facts.issuer !== null && facts.issuer.config.introspection === undefined) {
    return problem("the access token is opaque: the gateway would have to ask its issuer about it", {
      at: ["identity", "issuers", facts.issuer.name],
      hint: "add introspection, or have the issuer give JWTs",
    });
  }
  if (refresh === null) return warning("there is no refresh token: people log in again whenever this one has expired");
  return ok(`for ${quote(claims?.aud)}, ${describeLife(claims)}`);
}

function judgeClaims(
  claims: JWTPayload,
  token: string,
  facts: TokenFacts,
  issuer: IssuerRules & object,
): Finding | null {
  const { name, config } = issuer;
  const at = ["identity", "issuers", name];
  const accepted = config.audience.length > 0 ? config.audience : [facts.resource];
  const audiences = [claims.aud ?? []].flat();
  if (claims.iss !== config.issuer) {
    return problem(`iss is ${quote(claims.iss)}, expected ${config.issuer}`, { at: [...at, "issuer"] });
  }
  if (!audiences.some((audience) => accepted.includes(audience))) {
    const hint =
      audiences.length === 0
        ? "the issuer has to put an audience into its access tokens"
        : `add ${quote(audiences[0])} to audience; whoever has a token for it can then call every server`;
    return problem(`aud is ${quote(claims.aud)}, expected ${accepted.join(" or ")}`, { at: [...at, "audience"], hint });
  }
  const { alg } = decodeProtectedHeader(token);
  if (!config.algorithms.some((known) => known === alg)) {
    return problem(`alg is ${quote(alg)}, accepted are ${config.algorithms.join(", ")}`, { at: [...at, "algorithms"] });
  }
  const aheadMs = Math.max(claims.nbf ?? 0, claims.iat ?? 0) * 1_000 - facts.nowMs;
  if (aheadMs > facts.clockSkewMs) {
    return problem(`it is good only in ${Math.ceil(aheadMs / 1_000)} s: the clocks differ`, {
      at: ["identity", "clockSkew"],
      hint: "set the clocks; more tolerance only hides it",
    });
  }
  if ((claims.exp ?? 0) * 1_000 + facts.clockSkewMs < facts.nowMs) {
    return problem("it has expired already: the clocks differ", {
      at: ["identity", "clockSkew"],
      hint: "set the clocks; more tolerance only hides it",
    });
  }
  if (claims[config.claims.groups] === undefined) {
    return warning(`it has no claim ${config.claims.groups}: policies that bind groups let nobody in`, {
      at: [...at, "claims", "groups"],
      hint: `claims that are there: ${quote(Object.keys(claims).join(", "))}`,
    });
  }
  return null;
}

function describeLife(claims: JWTPayload | null): string {
  if (claims?.exp === undefined || claims.iat === undefined) return "of unknown life";
  return `good for ${claims.exp - claims.iat} s`;
}

/** @param before what was used for it */
export function judgeRefresh(answer: Answer, before: Tokens, at: Finding["at"] & object): Finding {
  const after = readTokens(answer);
  if (after === null) return problem(`no new token (HTTP ${answer.status}): ${quote(oauthErrorOf(answer))}`, { at });
  if (after.refresh === null || after.refresh === before.refresh) {
    return warning("the refresh token stays the same: a stolen one would not be noticed (OAuth 2.1 section 4.3.1)", {
      at,
    });
  }
  return ok("a new access token and a new refresh token");
}

/**
 * Compares the clock of an issuer with the gateway's, by the `Date` of their answers.
 *
 * @returns null where they go together, or do not tell
 */
export function judgeClock(theirs: JsonObject, ours: JsonObject, clockSkewMs: number): Finding | null {
  const difference = Date.parse(String(theirs.date)) - Date.parse(String(ours.date));
  // What comes from a cache has the time of when it went in.
  if (Number.isNaN(difference) || theirs.age !== undefined || Math.abs(difference) <= clockSkewMs + 2_000) return null;
  const way = difference > 0 ? "ahead of" : "behind";
  return problem(`its clock is ${Math.round(Math.abs(difference) / 1_000)} s ${way} the gateway's`, {
    at: ["identity", "clockSkew"],
    hint: "set the clocks; more tolerance only hides it",
  });
}
