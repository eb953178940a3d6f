/** What a verified token's claims say, read within bounds. Pure. */
import type { JWTPayload } from "jose";
import { Denial } from "../denial.ts";
import type { AddressSet } from "../network/cidr.ts";
import { type Binding, readBinding } from "./binding.ts";

/** What a token proves. */
export interface VerifiedToken {
  /** The issuer's name in the configuration. */
  readonly issuer: string;
  readonly subject: string;
  /** OAuth client (`client_id` or `azp`), where the token names one. */
  readonly client: string | null;
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  /** Everything the token says, as it says it. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** How it proves: as a signed token, an API key or a session token, or by what its issuer says of it. */
  readonly via: "jwt" | "api-key" | "introspection" | "session-token";
  /** Name of the API key that it is, if so. */
  readonly apiKey: string | null;
  /** Where it may come from; null for wherever a caller may. */
  readonly from: AddressSet | null;
  /** What has to be shown along with it, at each request; null where holding it is enough. */
  readonly bound: Binding | null;
  /** What becomes of it meanwhile, for whoever holds on to it: the same object as long as it is the same. */
  readonly standing: Standing;
  /** When it stops being accepted, in milliseconds since the epoch: `exp` and the clock tolerance. */
  readonly expiresAtMs: number;
  /** When a verdict on it is no longer to be remembered, in milliseconds since the epoch; infinite where its time is all there is. */
  readonly recheckAtMs: number;
}

/** Whether what somebody is identified by still counts. Changes while requests are open. */
export interface Standing {
  readonly revoked: boolean;
}

/** What a token says that it can be revoked by. */
export type RevocableToken = Pick<VerifiedToken, "issuer" | "subject" | "client" | "claims">;

/** How the claims are read. */
export interface ClaimRules {
  /** The issuer's name in the configuration. */
  readonly issuer: string;
  readonly groupsClaim: string;
  readonly clockSkewMs: number;
  readonly nowMs: number;
  readonly standingOf: (token: RevocableToken) => Standing;
}

export const maxSubjectLength = 255;
export const maxGroups = 200;
const maxGroupLength = 255;
const maxScopes = 200;
const maxClientLength = 2_048;
/** Seconds; the last moment that a JavaScript date can name. */
const maxNumericDate = 8.64e12;

/**
 * Reads the claims of a token whose signature, issuer, audience, `exp` and `nbf` were verified.
 *
 * @throws Denial `token_claims`, `token_not_yet_valid`, `token_binding`
 */
export function readClaims(payload: JWTPayload, rules: ClaimRules): VerifiedToken {
  const { exp, iat, sub } = payload;
  // JSON.parse reads 1e999 as Infinity, which no comparison would ever call expired.
  if (exp === undefined || !(Math.abs(exp) <= maxNumericDate)) throw refused("exp is no date");
  if (iat !== undefined && iat * 1_000 > rules.nowMs + rules.clockSkewMs) {
    throw new Denial("token_not_yet_valid", { detail: "iat lies in the future; compare the clocks" });
  }
  const said = {
    issuer: rules.issuer,
    subject: readText("sub", sub, maxSubjectLength),
    client: readClient(payload),
    claims: payload,
  };
  return Object.freeze({
    ...said,
    groups: Object.freeze(readGroups(payload, rules.groupsClaim)),
    scopes: Object.freeze(readScopes(payload)),
    via: "jwt",
    apiKey: null,
    from: null,
    bound: readBinding(payload),
    standing: rules.standingOf(said),
    expiresAtMs: exp * 1_000 + rules.clockSkewMs,
    recheckAtMs: Number.POSITIVE_INFINITY,
  });
}

/** Whether text is fit to identify someone: not empty, bounded, and without characters that do not show. */
export function isPlainText(text: string, maxLength: number): boolean {
  return text !== "" && text.length <= maxLength && !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text);
}

/** RFC 9068 section 2.2 calls the client `client_id`; OpenID Connect Core section 2, and Keycloak and Entra, `azp`. */
function readClient(payload: JWTPayload): string | null {
  for (const claim of ["client_id", "azp"]) {
    if (Object.hasOwn(payload, claim)) return readText(claim, payload[claim], maxClientLength);
  }
  return null;
}

/** A claim of another shape grants nothing; too many entries are refused, as leaving some out could skip a deny rule. */
function readGroups(payload: JWTPayload, claim: string): string[] {
  const value = payload[claim];
  const groups = typeof value === "string" ? [value] : value;
  if (!isTexts(groups)) return [];
  if (groups.length > maxGroups) throw refused(`${JSON.stringify(claim)} has more than ${maxGroups} entries`);
  return groups.map((group) => readText(JSON.stringify(claim), group, maxGroupLength));
}

/** `scope` (RFC 8693 section 4.2), or `scp` as Entra (text) and Okta (array) write it. */
function readScopes(payload: JWTPayload): string[] {
  const value = payload.scope ?? payload.scp ?? [];
  const scopes = typeof value === "string" ? value.split(" ").filter((scope) => scope !== "") : value;
  if (!isTexts(scopes)) return [];
  if (scopes.length > maxScopes) throw refused(`scope has more than ${maxScopes} entries`);
  return [...scopes];
}

function readText(claim: string, value: unknown, maxLength: number): string {
  if (typeof value !== "string") throw refused(`${claim} is not text`);
  if (!isPlainText(value, maxLength)) {
    throw refused(`${claim} is empty, longer than ${maxLength} characters, or has characters that do not show`);
  }
  return value;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

function refused(detail: string): Denial {
  return new Denial("token_claims", { detail });
}
