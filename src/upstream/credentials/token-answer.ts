/** What a token endpoint's answer is worth. Pure; it believes nothing that it does not have to. */
import { readJson } from "../../mcp/json.ts";
import { isObject, type JsonObject } from "../../mcp/object.ts";
import { TokenFailure, type TokenFault } from "./token-failure.ts";

/** An answer of a token endpoint, read whole. */
export interface TokenAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  /** What `Retry-After` asks for, in milliseconds. */
  readonly retryAfterMs: number | null;
}

/** A token, and how long it lasts. */
export interface Grant {
  readonly token: string;
  /** Milliseconds. */
  readonly lifetimeMs: number;
}

/** Who is judged by it: the gateway alone, or a caller on whose behalf it asks. */
export type Judged = "gateway" | "caller";

/** Node's servers take 16 KiB of headers in all. */
const maxTokenLength = 8_192;
/** RFC 6749 section 5.1 lets an endpoint leave it out. */
const defaultLifetimeMs = 300_000;
/** Whatever an endpoint says: one that was withdrawn must not be shown for ever. */
const maxLifetimeMs = 86_400_000;
/** Error codes that may be named in the log; any other text could hold anything. RFC 6749 section 5.2, RFC 8707, RFC 8693, OpenID Connect. */
const errorCodes = new Set(
  (
    "invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope invalid_target " +
    "access_denied interaction_required consent_required login_required server_error temporarily_unavailable"
  ).split(" "),
);
const aboutGateway = new Set(["invalid_client", "unauthorized_client", "unsupported_grant_type"]);
const aboutTime = new Set([408, 425, 429]);
const aboutRequest = new Set([400, 403, 422]);
/** `N_A` (RFC 8693 section 2.2.1) is for tokens that give no access, and others than these are no access tokens either. */
const accessTypes = new Set(["access_token", "jwt"].map((type) => `urn:ietf:params:oauth:token-type:${type}`));

/** All of what a token endpoint gave. */
export interface Issued {
  readonly token: string;
  /** Milliseconds; null where it does not say. */
  readonly lifetimeMs: number | null;
  readonly refreshToken: string | null;
  /** Null where it is what was asked for. */
  readonly scope: string | null;
}

/**
 * Reads an answer (RFC 6749 sections 5.1 and 5.2, RFC 8693 section 2.2).
 *
 * @throws TokenFailure
 */
export function readTokenAnswer(answer: TokenAnswer, judged: Judged): Grant {
  const { token, lifetimeMs } = readIssued(answer, judged);
  return { token, lifetimeMs: Math.min(lifetimeMs ?? defaultLifetimeMs, maxLifetimeMs) };
}

/**
 * The same with what a user's login brings besides.
 *
 * @throws TokenFailure
 */
export function readIssued(answer: TokenAnswer, judged: Judged): Issued {
  if (answer.status !== 200) throw readRefusal(answer, judged);
  const document = readDocument(answer);
  if (document === undefined) throw malformed("is no JSON object");
  const { access_token: token, token_type: type, issued_token_type: issued, expires_in: expiresIn } = document;
  if (typeof type !== "string" || type.toLowerCase() !== "bearer") throw malformed("gives no token of type Bearer");
  if (issued !== undefined && !accessTypes.has(issued as string)) throw malformed("gives no access token");
  if (!isToken(token)) throw malformed("has no access_token that fits into a header");
  const { refresh_token: refreshToken, scope } = document;
  return {
    token,
    lifetimeMs: readLifetime(expiresIn),
    refreshToken: isToken(refreshToken) ? refreshToken : null,
    scope: typeof scope === "string" && scope.length <= maxTokenLength ? scope : null,
  };
}

function isToken(value: unknown): value is string {
  return typeof value === "string" && value.length <= maxTokenLength && /^[\x21-\x7e]+$/.test(value);
}

/** In milliseconds. Some write the number as text. */
function readLifetime(value: unknown): number | null {
  if (value === undefined) return null;
  const seconds = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (!Number.isSafeInteger(seconds) || Number(seconds) <= 0) throw malformed("has an expires_in that is no lifetime");
  return Number(seconds) * 1_000;
}

function readRefusal(answer: TokenAnswer, judged: Judged): TokenFailure {
  const { status, retryAfterMs } = answer;
  const { error } = readDocument(answer) ?? {};
  const code = typeof error === "string" && errorCodes.has(error) ? error : undefined;
  const detail = `the token endpoint answered ${status}${code === undefined ? "" : ` ${code}`}`;
  return new TokenFailure(judge(status, code, judged), detail, retryAfterMs);
}

function judge(status: number, code: string | undefined, judged: Judged): TokenFault {
  if (status < 400 || status >= 500 || aboutTime.has(status)) return "unavailable";
  if (code === "server_error" || code === "temporarily_unavailable") return "unavailable";
  const isAboutCaller = judged === "caller" && aboutRequest.has(status) && !aboutGateway.has(code ?? "");
  return isAboutCaller ? "denied" : "refused";
}

/** Undefined for anything but a JSON object of that media type, which an error page is not. */
function readDocument({ contentType, body }: TokenAnswer): JsonObject | undefined {
  if (contentType.split(";", 1)[0]?.trim().toLowerCase() !== "application/json") return undefined;
  try {
    const { value } = readJson(body, { maxDepth: 16, loneSurrogates: "refuse" });
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function malformed(what: string): TokenFailure {
  return new TokenFailure("unavailable", `the token endpoint's answer ${what}`);
}
