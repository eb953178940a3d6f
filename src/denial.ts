/**
 * Every way Sallyport says no, in one table.
 *
 * A stage throws a {@link Denial} with one of these codes; nothing else is a refusal. The union type, the metric label
 * `reason`, the audit record's `decision.reason`, `error.data.reason` and docs/refusals.md all come from the table.
 *
 * `form` says how the caller hears of it:
 * - `http`: before a message is known, or about the transport. The HTTP status speaks; on an MCP endpoint the body is a
 *   JSON-RPC error (MCP 2026-07-28, Streamable HTTP: an error response "that has no id").
 * - `protocol`: MCP or JSON-RPC prescribe status and code themselves; the id is echoed when it was read.
 * - `call`: an authenticated request that was understood and refused. HTTP 200 and a JSON-RPC error with the id, because a
 *   bare 4xx or 5xx on tools/call leaves real clients waiting. Codes read like HTTP statuses and lie outside the range
 *   that JSON-RPC reserves.
 */
export const refusals = {
  malformed_http: { http: 400, rpc: -32600, form: "http", text: "The HTTP request could not be read." },
  header_too_large: { http: 431, rpc: -32600, form: "http", text: "The request headers are larger than this gateway accepts." },
  request_timeout: { http: 408, rpc: -32600, form: "http", text: "The request did not arrive in time." },
  duplicate_header: { http: 400, rpc: -32600, form: "http", text: "A header that may appear once appeared twice." },
  address_denied: { http: 403, rpc: 403, form: "http", text: "This address may not use the gateway." },
  forwarded_invalid: { http: 400, rpc: -32600, form: "http", text: "The forwarding headers of the proxy could not be read." },
  host_unknown: { http: 421, rpc: -32600, form: "http", text: "The Host header names no host of this gateway." },
  origin_denied: { http: 403, rpc: 403, form: "http", text: "Requests from this browser origin are not allowed." },
  route_unknown: { http: 404, rpc: -32600, form: "http", text: "There is nothing at this path." },
  method_not_allowed: { http: 405, rpc: -32600, form: "http", text: "This HTTP method is not allowed here." },
  draining: { http: 503, rpc: 503, form: "http", text: "The gateway is shutting down; try another replica." },

  address_limited: { http: 429, rpc: 429, form: "http", text: "Too many requests from this address." },
  identity_limited: { http: 429, rpc: 429, form: "call", text: "Too many requests." },
  identity_busy: { http: 429, rpc: 429, form: "call", text: "Too many requests at the same time." },
  streams_limited: { http: 429, rpc: 429, form: "call", text: "Too many open streams." },
  tool_limited: { http: 429, rpc: 429, form: "call", text: "Too many calls of this tool." },
  tool_busy: { http: 429, rpc: 429, form: "call", text: "Too many calls of this tool at the same time." },
  limit_unavailable: { http: 503, rpc: 503, form: "call", text: "A limit could not be evaluated, so nothing is let through." },

  token_missing: { http: 401, rpc: 401, form: "http", text: "A bearer token is required." },
  token_malformed: { http: 401, rpc: 401, form: "http", text: "The bearer token is not a signed JWT." },
  token_algorithm: { http: 401, rpc: 401, form: "http", text: "The bearer token is signed with an algorithm that is not accepted." },
  token_issuer: { http: 401, rpc: 401, form: "http", text: "The issuer of the bearer token is not trusted here." },
  token_key: { http: 401, rpc: 401, form: "http", text: "The key that signed the bearer token is not known." },
  token_signature: { http: 401, rpc: 401, form: "http", text: "The signature of the bearer token does not verify." },
  token_audience: { http: 401, rpc: 401, form: "http", text: "The bearer token was issued for another audience." },
  token_expired: { http: 401, rpc: 401, form: "http", text: "The bearer token has expired." },
  token_not_yet_valid: { http: 401, rpc: 401, form: "http", text: "The bearer token is not valid yet." },
  token_claims: { http: 401, rpc: 401, form: "http", text: "The bearer token lacks a claim that is required." },
  keys_unavailable: { http: 503, rpc: 503, form: "http", text: "The keys of the token's issuer cannot be fetched at the moment." },

  body_too_large: { http: 413, rpc: -32600, form: "http", text: "The request body is larger than this gateway accepts." },
  body_unexpected: { http: 400, rpc: -32600, form: "http", text: "This HTTP method takes no body." },
  body_encoded: { http: 415, rpc: -32600, form: "http", text: "Compressed request bodies are not accepted." },
  media_type: { http: 415, rpc: -32600, form: "http", text: "The request body must be application/json." },
  not_acceptable: { http: 406, rpc: -32600, form: "http", text: "The Accept header must allow application/json and text/event-stream." },
  utf8_invalid: { http: 400, rpc: -32700, form: "protocol", text: "The body is not valid UTF-8." },
  json_invalid: { http: 400, rpc: -32700, form: "protocol", text: "The body is not valid JSON." },
  json_duplicate_key: { http: 400, rpc: -32600, form: "protocol", text: "An object in the body names the same member twice." },
  json_key_twin: { http: 400, rpc: -32600, form: "protocol", text: "A member's name only looks like one that decisions rest on." },
  json_too_deep: { http: 400, rpc: -32600, form: "protocol", text: "The body is nested deeper than this gateway accepts." },
  batch_refused: { http: 400, rpc: -32600, form: "protocol", text: "JSON-RPC batches are not accepted; send one message a request." },
  message_invalid: { http: 400, rpc: -32600, form: "protocol", text: "The body is not a JSON-RPC 2.0 message." },
  params_invalid: { http: 400, rpc: -32602, form: "protocol", text: "The parameters do not fit the method." },
  name_ambiguous: { http: 400, rpc: -32602, form: "protocol", text: "The name or URI could be read in more than one way." },
  method_unknown: { http: 404, rpc: -32601, form: "protocol", text: "Method not found." },
  header_mismatch: { http: 400, rpc: -32020, form: "protocol", text: "An MCP header is missing or does not match the body." },
  version_unsupported: { http: 400, rpc: -32022, form: "protocol", text: "Unsupported protocol version." },

  session_unknown: { http: 404, rpc: 404, form: "protocol", text: "Session not found; start a new one with initialize." },
  session_foreign: { http: 404, rpc: 404, form: "protocol", text: "Session not found; start a new one with initialize." },
  session_expired: { http: 404, rpc: 404, form: "protocol", text: "Session not found; start a new one with initialize." },
  event_unknown: { http: 404, rpc: 404, form: "protocol", text: "The stream to resume is not known; start a new session." },
  answer_unasked: { http: 400, rpc: -32600, form: "protocol", text: "No request of the server may be answered here." },

  policy_denied: { http: 403, rpc: 403, form: "call", text: "Policy does not allow this." },
  policy_unavailable: { http: 503, rpc: 503, form: "call", text: "Policy could not be evaluated, so nothing is let through." },
  client_request_denied: { http: 403, rpc: 403, form: "call", text: "The server asked the client for something it may not ask for." },

  upstream_unreachable: { http: 502, rpc: 502, form: "call", text: "The MCP server cannot be reached." },
  upstream_reset: { http: 502, rpc: 502, form: "call", text: "The MCP server broke off the connection." },
  upstream_timeout: { http: 504, rpc: 504, form: "call", text: "The MCP server did not answer in time." },
  upstream_refused: { http: 502, rpc: 502, form: "call", text: "The MCP server refused the request." },
  upstream_malformed: { http: 502, rpc: 502, form: "call", text: "The MCP server's answer could not be understood." },
  upstream_too_large: { http: 502, rpc: 502, form: "call", text: "The MCP server's answer is larger than allowed." },
  upstream_closed: { http: 502, rpc: 502, form: "call", text: "The MCP server ended the stream without an answer." },

  audit_unavailable: { http: 503, rpc: 503, form: "call", text: "The audit record cannot be written, so nothing is let through." },
  client_gone: { http: 499, rpc: 499, form: "http", text: "The client closed the connection before its answer." },
  internal_error: { http: 500, rpc: -32603, form: "call", text: "The gateway failed; the request id finds the cause in its log." },
} as const satisfies Record<string, Refusal>;

/** One row of the table. `text` is all that a caller may read. */
export interface Refusal {
  http: number;
  rpc: number;
  form: "http" | "protocol" | "call";
  text: string;
}

export type DenialCode = keyof typeof refusals;

/** What a particular refusal adds to its row. */
export interface DenialExtra {
  /** For the operator's log and audit record only; never sent to the caller. */
  detail?: string;
  cause?: unknown;
  /** Milliseconds until the caller may try again. */
  retryAfterMs?: number;
  /** The methods of a 405 (RFC 9110 section 10.2.1). */
  allow?: string;
  /** Members that the protocol prescribes for `error.data`, such as `supported` of -32022. */
  data?: Readonly<Record<string, unknown>>;
  /** Overrides the row's HTTP status where revisions differ. */
  http?: number;
  /** The JSON-RPC id of the refused request, where it was read before the refusal. */
  rpcId?: string | number;
  /** The rule that denied, and its `file:line`. */
  rule?: { id: string | null; policy: string | null };
}

/** A refusal on its way to the caller. Its message is the row's text, so that printing one leaks nothing. */
export class Denial extends Error {
  override readonly name = "Denial";
  readonly code: DenialCode;
  readonly extra: DenialExtra;

  constructor(code: DenialCode, extra: DenialExtra = {}) {
    super(refusals[code].text, { cause: extra.cause });
    this.code = code;
    this.extra = extra;
  }

  get row(): Refusal {
    return refusals[this.code];
  }

  /** The same refusal, knowing which JSON-RPC request it answers. */
  about(rpcId: string | number): Denial {
    return new Denial(this.code, { ...this.extra, rpcId });
  }
}

/** Turns whatever was thrown into a refusal: the unknown becomes `internal_error`, its cause kept for the log. */
export function asDenial(error: unknown): Denial {
  return error instanceof Denial ? error : new Denial("internal_error", { cause: error });
}

/** What the renderer needs to know about the request that is refused. */
export interface RefusedRequest {
  requestId: string;
  /** The JSON-RPC id, once the message was read. */
  rpcId?: string | number | undefined;
  /** True on an MCP endpoint, where bodies speak JSON-RPC; elsewhere RFC 9457. */
  mcp: boolean;
  /** Absolute URL of the protected resource metadata (RFC 9728 section 5.1), for a 401. */
  metadataUrl?: string | undefined;
}

/** A refusal as HTTP: status, headers and a JSON body. */
export interface RenderedDenial {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/**
 * Renders a refusal: the only place that decides how a no looks on the wire.
 *
 * @see docs/refusals.md, generated from the same table
 */
export function renderDenial(denial: Denial, request: RefusedRequest): RenderedDenial {
  const { row, extra, code } = denial;
  const asCall = row.form === "call" && request.rpcId !== undefined;
  const status = asCall ? 200 : (extra.http ?? row.http);
  const headers: Record<string, string> = { "cache-control": "no-store" };
  if (status === 401) headers["www-authenticate"] = challenge(code, request.metadataUrl);
  if (extra.allow !== undefined) headers.allow = extra.allow;
  if (extra.retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(extra.retryAfterMs / 1000));
  if (!request.mcp) {
    headers["content-type"] = "application/problem+json";
    const problem = { type: "about:blank", title: row.text, status, reason: code, requestId: request.requestId };
    return { status, headers, body: JSON.stringify(problem) };
  }
  headers["content-type"] = "application/json";
  return { status, headers, body: renderRpcError(denial, request.requestId, row.form === "http" ? undefined : request.rpcId) };
}

/** Renders a refusal as a JSON-RPC error response; without an id where none was read (MCP 2026-07-28, Error Responses). */
export function renderRpcError(denial: Denial, requestId: string, rpcId: string | number | undefined): string {
  const { row, extra, code } = denial;
  const data = { ...extra.data, reason: code, requestId, retryAfterMs: extra.retryAfterMs };
  return JSON.stringify({ jsonrpc: "2.0", id: rpcId, error: { code: row.rpc, message: row.text, data } });
}

/** RFC 6750 section 3 and RFC 9728 section 5.1. A request without any credentials gets no error code (RFC 6750 section 3.1). */
function challenge(code: DenialCode, metadataUrl: string | undefined): string {
  const metadata = metadataUrl === undefined ? "" : ` resource_metadata="${metadataUrl}"`;
  if (code === "token_missing") return `Bearer${metadata}`;
  return `Bearer${metadata}${metadata === "" ? " " : ", "}error="invalid_token", error_description="${refusals[code].text}"`;
}
