import { renderChallenge, renderStepUp, type Scheme } from "./challenge.ts";
import { type Errand, errandData, errandResult, urlElicitationRequired } from "./mcp/errand.ts";
import type { Verdict } from "./policy/evaluate.ts";
import type { Missing } from "./policy/require.ts";

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
  malformed_http: http(400, -32600, "The HTTP request could not be read."),
  header_too_large: http(431, -32600, "The request headers are larger than this gateway accepts."),
  request_timeout: http(408, -32600, "The request did not arrive in time."),
  expectation_unknown: http(417, -32600, "The Expect header asks for something this gateway does not do."),
  duplicate_header: http(400, -32600, "A header that may appear once appeared twice."),
  address_denied: http(403, 403, "This address may not use the gateway."),
  forwarded_invalid: http(400, -32600, "The forwarding headers of the proxy could not be read."),
  host_unknown: http(421, -32600, "The Host header names no host of this gateway."),
  origin_denied: http(403, 403, "Requests from this browser origin are not allowed."),
  route_unknown: http(404, -32600, "There is nothing at this path."),
  elder_unserved: http(501, -32600, "Clients of MCP 2024-11-05 are not served here: this gateway has several workers."),
  method_not_allowed: http(405, -32600, "This HTTP method is not allowed here."),
  draining: http(503, 503, "The gateway is stopping or was reconfigured; try again."),

  overloaded: http(503, 503, "The gateway has more to do than it can; try again."),
  connections_limited: http(503, 503, "Too many connections."),

  address_limited: http(429, 429, "Too many requests from this address."),
  identity_limited: call(429, 429, "Too many requests."),
  identity_busy: call(429, 429, "Too many requests at the same time."),
  streams_limited: call(429, 429, "Too many open streams."),
  tool_limited: call(429, 429, "Too many calls of this tool."),
  tool_busy: call(429, 429, "Too many calls of this tool at the same time."),
  rule_limited: call(429, 429, "Policy allows this only so often."),
  limit_unavailable: call(503, 503, "A limit could not be evaluated, so nothing is let through."),

  token_missing: http(401, 401, "A bearer token is required."),
  token_malformed: http(401, 401, "The bearer token could not be read."),
  token_unknown: http(401, 401, "The bearer token is not known here."),
  token_algorithm: http(401, 401, "The bearer token is signed with an algorithm that is not accepted."),
  token_issuer: http(401, 401, "The issuer of the bearer token is not trusted here."),
  token_key: http(401, 401, "The key that signed the bearer token is not known."),
  token_signature: http(401, 401, "The signature of the bearer token does not verify."),
  token_audience: http(401, 401, "The bearer token was issued for another audience."),
  token_expired: http(401, 401, "The bearer token has expired."),
  token_revoked: http(401, 401, "The bearer token was revoked."),
  token_address: http(403, 403, "The bearer token may not be used from this address."),
  token_binding: http(401, 401, "The bearer token is bound to a certificate or key that was not shown with it."),
  token_proof: http(401, 401, "The proof that the sender holds the key of the token is missing or wrong."),
  token_nonce: http(401, 401, "The proof that the sender holds the key of the token needs the nonce of now."),
  token_not_yet_valid: http(401, 401, "The bearer token is not valid yet."),
  token_claims: http(401, 401, "The bearer token lacks a claim that is required."),
  keys_unavailable: http(503, 503, "The keys of the token's issuer cannot be fetched at the moment."),
  issuer_unavailable: http(503, 503, "The issuer of the token cannot be asked about it at the moment."),
  state_unavailable: http(503, 503, "The gateway cannot read its own state at the moment."),
  verification_busy: http(503, 503, "Too many tokens are being verified at the moment."),

  body_too_large: http(413, -32600, "The request body is larger than this gateway accepts."),
  body_unexpected: http(400, -32600, "This HTTP method takes no body."),
  body_encoded: http(415, -32600, "Compressed request bodies are not accepted."),
  media_type: http(415, -32600, "The request body must be application/json."),
  not_acceptable: http(406, -32600, "The Accept header must allow application/json and text/event-stream."),
  utf8_invalid: protocol(400, -32700, "The body is not valid UTF-8."),
  json_invalid: protocol(400, -32700, "The body is not valid JSON."),
  json_duplicate_key: protocol(400, -32600, "An object in the body names the same member twice."),
  json_key_twin: protocol(400, -32600, "A member's name only looks like one that decisions rest on."),
  json_too_deep: protocol(400, -32600, "The body is nested deeper than this gateway accepts."),
  batch_refused: protocol(400, -32600, "JSON-RPC batches are not accepted; send one message a request."),
  message_invalid: protocol(400, -32600, "The body is not a JSON-RPC 2.0 message."),
  params_invalid: protocol(400, -32602, "The parameters do not fit the method."),
  name_ambiguous: protocol(400, -32602, "The name or URI could be read in more than one way."),
  method_unknown: protocol(404, -32601, "Method not found."),
  header_mismatch: protocol(400, -32020, "An MCP header is missing or does not match the body."),
  version_unsupported: protocol(400, -32022, "Unsupported protocol version."),
  era_legacy: protocol(400, -32000, "This server speaks MCP revisions before 2026-07-28 only: begin with initialize."),
  era_modern: protocol(400, -32022, "This server speaks MCP 2026-07-28 or later only: there is no initialize."),

  session_unknown: protocol(404, 404, "Session not found; start a new one with initialize."),
  session_foreign: protocol(404, 404, "Session not found; start a new one with initialize."),
  session_expired: protocol(404, 404, "Session not found; start a new one with initialize."),
  event_unknown: protocol(404, 404, "The stream to resume is not known; start a new session."),
  session_revoked: protocol(404, 404, "Session not found; start a new one with initialize."),
  task_unknown: call(404, -32602, "There is no such task."),
  cursor_unknown: call(400, -32602, "The cursor was not given out for this list; begin again without one."),
  state_unknown: call(400, -32602, "The requestState was not given out for this request."),
  answer_unasked: protocol(400, -32600, "No request of the server may be answered here."),

  policy_denied: call(403, 403, "Policy does not allow this."),
  condition_failed: call(403, 403, "Policy does not allow this."),
  step_up_required: protocol(403, 403, "Policy allows this to callers who prove more than this token does."),
  policy_unavailable: call(503, 503, "Policy could not be evaluated, so nothing is let through."),
  client_request_denied: call(403, 403, "The server asked the client for something it may not ask for."),

  credentials_unavailable: call(
    503,
    503,
    "The gateway gets no credentials for the MCP server at the moment; try again.",
  ),
  credentials_refused: call(502, 502, "The gateway's own credentials for the MCP server are refused."),
  delegation_refused: call(403, 403, "The MCP server cannot be called on behalf of this caller."),
  login_required: call(
    403,
    403,
    "The MCP server wants its user to log in. Open the link in a browser, then try again.",
  ),
  login_unsupported: call(403, 403, "The MCP server wants its user to log in, which this caller cannot do here."),

  upstream_unreachable: call(502, 502, "The MCP server cannot be reached."),
  upstream_reset: call(502, 502, "The MCP server broke off the connection."),
  upstream_timeout: call(504, 504, "The MCP server did not answer in time."),
  upstream_busy: call(503, 503, "The MCP server has more to do than it can; try again."),
  upstream_refused: call(502, 502, "The MCP server refused the request."),
  upstream_malformed: call(502, 502, "The MCP server's answer could not be understood."),
  upstream_too_large: call(502, 502, "The MCP server's answer is larger than allowed."),
  upstream_closed: call(502, 502, "The MCP server ended the stream without an answer."),

  audit_unavailable: call(503, 503, "The audit record cannot be written, so nothing is let through."),
  client_cancelled: call(499, 499, "The client cancelled the request."),
  client_gone: http(499, 499, "The client closed the connection before its answer."),
  internal_error: call(500, -32603, "The gateway failed; the request id finds the cause in its log."),
} satisfies Record<string, Refusal>;

/** One row of the table. `text` is all that a caller may read. */
export interface Refusal {
  http: number;
  rpc: number;
  form: "http" | "protocol" | "call";
  text: string;
}

/** The rows by their form: HTTP status, JSON-RPC code, and all that a caller may read. */
function http(status: number, rpc: number, text: string): Refusal {
  return { http: status, rpc, form: "http", text };
}

function protocol(status: number, rpc: number, text: string): Refusal {
  return { http: status, rpc, form: "protocol", text };
}

function call(status: number, rpc: number, text: string): Refusal {
  return { http: status, rpc, form: "call", text };
}

export type DenialCode = keyof typeof refusals;

/** What a particular refusal adds to its row. */
export interface DenialExtra {
  /** For the operator's log and audit record only; never sent to the caller. */
  detail?: string;
  cause?: unknown;
  /** Milliseconds until the caller may try again. */
  retryAfterMs?: number;
  /** The scheme that a 401 asks for, whichever the token was sent by. */
  scheme?: "DPoP";
  /** What the next proof must repeat (RFC 9449 section 8.2). */
  nonce?: string;
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
  /** What a caller has to prove to be let through. */
  missing?: Missing;
  /** What the rules in shadow would have made of it. */
  shadow?: Verdict | null;
  /** What the caller's user has to do first. */
  errand?: Errand;
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

  /** The JSON-RPC code of the answer; null where it is none of an error. */
  get rpc(): number | null {
    const { errand } = this.extra;
    if (errand?.form === "result") return null;
    return errand?.form === "error" ? urlElicitationRequired : this.row.rpc;
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
  /** True where a client reads the status alone, because it awaits answers elsewhere (MCP 2024-11-05, HTTP with SSE). */
  unread?: boolean;
  /** Absolute URL of the protected resource metadata (RFC 9728 section 5.1), for a 401. */
  metadataUrl?: string | undefined;
  /** How its token was sent: whoever came with a proof is told to come back with one. */
  scheme?: Scheme | undefined;
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
  const usual = asCall ? 200 : (extra.http ?? row.http);
  const status = request.unread === true && usual === 200 ? row.http : usual;
  const headers: Record<string, string> = { "cache-control": "no-store" };
  const scheme = extra.scheme ?? request.scheme;
  if (extra.missing !== undefined)
    headers["www-authenticate"] = renderStepUp(extra.missing, request.metadataUrl, scheme);
  else if (status === 401) headers["www-authenticate"] = renderChallenge(code, row.text, request.metadataUrl, scheme);
  if (extra.nonce !== undefined) headers["dpop-nonce"] = extra.nonce;
  if (extra.allow !== undefined) headers.allow = extra.allow;
  if (extra.retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(extra.retryAfterMs / 1000));
  if (!request.mcp) {
    headers["content-type"] = "application/problem+json";
    const problem = { type: "about:blank", title: row.text, status, reason: code, requestId: request.requestId };
    return { status, headers, body: JSON.stringify(problem) };
  }
  headers["content-type"] = "application/json";
  return {
    status,
    headers,
    body: renderRpcError(denial, request.requestId, row.form === "http" ? undefined : request.rpcId),
  };
}

/** Renders a refusal as a JSON-RPC error response; without an id where none was read (MCP 2026-07-28, Error Responses). */
export function renderRpcError(denial: Denial, requestId: string, rpcId: string | number | undefined): string {
  const { row, extra, code } = denial;
  const { errand } = extra;
  if (errand?.form === "result") {
    return JSON.stringify({ jsonrpc: "2.0", id: rpcId, result: errandResult(errand, row.text) });
  }
  const data = {
    ...extra.data,
    ...(errand && errandData(errand, row.text)),
    reason: code,
    requestId,
    retryAfterMs: extra.retryAfterMs && Math.ceil(extra.retryAfterMs),
  };
  // Some clients show the message and nothing else.
  const message = errand === undefined ? row.text : `${row.text} ${errand.url}`;
  return JSON.stringify({ jsonrpc: "2.0", id: rpcId, error: { code: denial.rpc, message, data } });
}
