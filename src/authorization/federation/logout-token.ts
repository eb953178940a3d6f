/** What a provider says when somebody has logged out there (OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6). */
import { compactVerify, errors } from "jose";
import { isPlainText } from "../../auth/claims.ts";
import { type JsonObject, readCompact } from "../../auth/compact.ts";
import type { KeySource } from "../../auth/jwks.ts";
import { Denial } from "../../denial.ts";
import { FederationFailure } from "./failure.ts";

export type LogoutReason = `logout_${
  | "malformed"
  | "type"
  | "issuer"
  | "audience"
  | "algorithm"
  | "key"
  | "signature"
  | "claims"
  | "expired"
  | "early"
  | "lifetime"
  | "event"
  | "nonce"
  | "replayed"}`;

/** Why nobody was logged out. The message quotes nothing of the token. */
export class LogoutRefused extends Error {
  override readonly name = "LogoutRefused";
  readonly reason: LogoutReason;

  constructor(reason: LogoutReason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/** What a provider's tokens have to say, and what they are verified by. */
export interface LogoutRules {
  readonly issuer: string;
  readonly clientId: string;
  /** Whether they may leave out what sort of token they are. */
  readonly untyped: boolean;
  readonly algorithms: readonly string[];
  readonly keys: Pick<KeySource, "getKey">;
}

/** Whose login is over. */
export interface LoggedOut {
  /** `sub` of their ID tokens; null where only a session is named. */
  readonly sub: string | null;
  /** The one session that is over; null for all of this person. */
  readonly sid: string | null;
  readonly jti: string;
  /** Milliseconds since the epoch; it is refused from then on. */
  readonly untilMs: number;
}

const maxBytes = 16_384;
const maxText = 255;
/** Tolerance for clocks that disagree. */
const skewMs = 30_000;
/** The standard wants two minutes; how long `jti` has to be remembered must not be the provider's to say. */
const maxLifetimeMs = 3_600_000;
/** Tells it from other tokens of the provider (RFC 8725 section 3.11). */
const types: ReadonlySet<unknown> = new Set(["logout+jwt", "application/logout+jwt"]);
/** What some products say instead. Such a token is told from others by its event, and by the nonce that it has not. */
const untypedTypes: ReadonlySet<unknown> = new Set([undefined, "JWT"]);
const event = "http://schemas.openid.net/event/backchannel-logout";

/**
 * @param nowMs milliseconds since the epoch
 * @throws LogoutRefused by all names but `logout_replayed`
 * @throws FederationFailure `provider_unavailable` where the provider's keys cannot be had
 */
export async function readLogoutToken(text: string, rules: LogoutRules, nowMs: number): Promise<LoggedOut> {
  const { header, payload } = readCompact(text, maxBytes, (detail) => new LogoutRefused("logout_malformed", detail));
  if (!types.has(header.typ) && !(rules.untyped && untypedTypes.has(header.typ)))
    throw new LogoutRefused("logout_type", "typ is not logout+jwt");
  // Before anything is fetched: what is not of this provider costs nobody a request.
  if (payload.iss !== rules.issuer) throw new LogoutRefused("logout_issuer", "iss is not this provider");
  const [only, ...others] = [payload.aud].flat();
  if (only !== rules.clientId || others.length > 0)
    throw new LogoutRefused("logout_audience", "aud is not the gateway's client id alone");
  await verifySignature(text, header, rules);
  return readClaims(payload, nowMs);
}

async function verifySignature(text: string, { alg }: JsonObject, { algorithms, keys }: LogoutRules): Promise<void> {
  if (typeof alg !== "string" || !algorithms.includes(alg))
    throw new LogoutRefused("logout_algorithm", "alg is not one that the provider signs ID tokens with");
  try {
    await compactVerify(text, (header) => keys.getKey(header), { algorithms: [...algorithms] });
  } catch (error) {
    if (error instanceof Denial && error.code === "keys_unavailable")
      throw new FederationFailure("provider_unavailable", "the keys of the provider cannot be had at the moment");
    throw error instanceof errors.JWSSignatureVerificationFailed
      ? new LogoutRefused("logout_signature", "the signature is wrong")
      : new LogoutRefused("logout_key", "its key is unknown, or cannot be used; kid has to name one");
  }
}

function readClaims({ iat, exp, jti, sub, sid, events, nonce }: JsonObject, nowMs: number): LoggedOut {
  if (!isSecond(iat) || !isSecond(exp)) throw new LogoutRefused("logout_claims", "iat or exp is missing, or no date");
  if (nowMs >= exp * 1_000 + skewMs) throw new LogoutRefused("logout_expired", "exp is past");
  if (iat * 1_000 > nowMs + skewMs)
    throw new LogoutRefused("logout_early", "iat lies in the future; compare the clocks");
  if (exp * 1_000 > nowMs + maxLifetimeMs) throw new LogoutRefused("logout_lifetime", "exp is more than an hour away");
  // What an ID token has and this has not: so neither passes for the other.
  if (nonce !== undefined) throw new LogoutRefused("logout_nonce", "it has a nonce, as ID tokens do");
  if (!isObject(events) || !isObject(events[event]))
    throw new LogoutRefused("logout_event", "events does not say that somebody has logged out");
  if (!isText(jti))
    throw new LogoutRefused("logout_claims", `jti is missing, or no text of at most ${maxText} characters`);
  const isFit = [sub, sid].every((claim) => claim === undefined || isText(claim));
  if (!isFit || (sub === undefined && sid === undefined))
    throw new LogoutRefused(
      "logout_claims",
      `neither sub nor sid is there, or one is no text of at most ${maxText} characters`,
    );
  return {
    sub: (sub as string | undefined) ?? null,
    sid: (sid as string | undefined) ?? null,
    jti,
    untilMs: exp * 1_000 + skewMs,
  };
}

function isSecond(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < 1e11;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && isPlainText(value, maxText);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
