import type { Trail } from "../audit/trail.ts";
import { Denial } from "../denial.ts";
import type { Answer, Arrival, Decision, Identity, McpRoute, Message, Pending, RpcId, Session } from "../facts.ts";
import { type Expectation, judgeServerMessage } from "../mcp/answers.ts";
import { requestMethods } from "../mcp/methods.ts";
import { type Fingerprint, type Place, type Sealer, sealEventId, sealSession, signRequestId } from "../mcp/session.ts";
import { setMember } from "../mcp/splice.ts";
import { createStreamReader, renderEvent, type StreamEvent, StreamFault } from "../mcp/sse.ts";
import type { EventStream, Reply } from "../reply.ts";
import { explainFailure } from "../upstream/failure.ts";
import { refuseServerRequest } from "../upstream/refuse.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** What it takes to hand an answer out. */
export interface ResponseKit {
  readonly sealer: Sealer;
  readonly fingerprint: Fingerprint;
  readonly now: () => number;
}

/** Everything that is known when the answer's head arrives. */
export interface Known {
  readonly arrival: Arrival;
  readonly route: McpRoute;
  readonly identity: Identity;
  readonly message: Message;
  readonly session: Session;
  readonly decision: Decision;
}

/**
 * Hands the server's answer to the client, message by message, each judged first; nothing else of it leaves the gateway.
 *
 * @throws Denial `upstream_…`, `session_unknown`, `client_request_denied`, `method_not_allowed`, `client_gone`, `draining`,
 *   `audit_unavailable`
 */
export async function respond(
  kit: ResponseKit,
  upstream: Upstream,
  known: Known,
  answer: Answer,
  reply: Reply,
  trail: Trail,
): Promise<void> {
  const exchange: Exchange = { kit, upstream, known, answer, reply, trail, expected: expect(upstream, known) };
  try {
    await relay(exchange);
  } catch (cause) {
    if (cause instanceof Denial) throw cause;
    if (cause instanceof StreamFault) {
      throw new Denial(cause.kind === "too_large" ? "upstream_too_large" : "upstream_malformed", { cause });
    }
    throw explainFailure(upstream, cause, known.arrival.ended);
  } finally {
    // Whatever was not read is not wanted: a server that goes on talking is cut off.
    answer.body.on("error", () => {});
    answer.body.destroy();
  }
}

interface Exchange {
  readonly kit: ResponseKit;
  readonly upstream: Upstream;
  readonly known: Known;
  readonly answer: Answer;
  readonly reply: Reply;
  readonly trail: Trail;
  readonly expected: Expectation;
}

function expect(upstream: Upstream, { message, session, decision }: Known): Expectation {
  const pending: Pending | null = message.kind === "request" ? message : (session.resume?.pending ?? null);
  return { pending, era: message.era, view: decision.view, clientRequests: upstream.clientRequests };
}

function relay(exchange: Exchange): Promise<void> {
  const { answer, known } = exchange;
  const status = answer.statusCode;
  const type = mediaType(answer);
  if (status >= 400 && status < 500) return relayRefusal(exchange, status, type);
  if (status < 200 || status >= 300) throw new Denial("upstream_refused", { detail: `status ${status}` });
  switch (known.message.kind) {
    case "notification":
    case "response":
      return acknowledge(exchange, 202);
    case "end":
      return acknowledge(exchange, status);
    case "listen":
      if (type === "text/event-stream") return relayStandaloneStream(exchange);
      break;
    case "request":
      if (type === "text/event-stream") return relayStream(exchange);
      if (type === "application/json") return relayJson(exchange, 200);
  }
  throw new Denial("upstream_malformed", { detail: `status ${status} with ${type || "no content type"}` });
}

function mediaType(answer: Answer): string {
  const header = answer.headers["content-type"];
  return (Array.isArray(header) ? "" : (header ?? "")).split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/**
 * A 4xx in JSON-RPC is the protocol speaking and passes with its status. 401 and 403 are about the gateway's own
 * credentials: passed on, they would send the client into a login that cannot help.
 */
async function relayRefusal(exchange: Exchange, status: number, type: string): Promise<void> {
  const { message, session } = exchange.known;
  if (status === 404 && session.upstreamId !== null) throw new Denial("session_unknown", { detail: "upstream" });
  if (status === 405 && message.kind !== "request") {
    throw new Denial("method_not_allowed", { allow: message.kind === "listen" ? "POST, DELETE" : "POST, GET" });
  }
  const protocol = status !== 401 && status !== 403 && status !== 407 && status !== 429;
  if (protocol && type === "application/json" && message.kind === "request") return relayJson(exchange, status);
  throw new Denial("upstream_refused", { detail: `status ${status}`, ...(protocol ? { http: status } : {}) });
}

async function acknowledge({ answer, trail, reply }: Exchange, status: number): Promise<void> {
  const receipt = await trail.close({ http: status, upstream: answer.statusCode });
  reply.send(receipt, { status });
}

async function relayJson(exchange: Exchange, status: number): Promise<void> {
  const { answer, trail, reply, upstream, expected } = exchange;
  const judged = judgeServerMessage(await collect(answer, upstream.maxResponseBytes), expected);
  if (judged.kind !== "answer") throw new Denial("upstream_malformed", { detail: "no answer in the body" });
  const body = Buffer.from(judged.text);
  const { rpc, toolError } = judged;
  const receipt = await trail.close({
    http: status,
    rpc,
    toolError,
    upstream: answer.statusCode,
    bytesOut: body.length,
  });
  const headers = { "content-type": "application/json", "cache-control": "no-store", ...sessionHeader(exchange) };
  reply.send(receipt, { status, headers, body });
}

async function collect(answer: Answer, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Denial("upstream_too_large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The upstream's session id never leaves; what the client gets opens only for this identity on this server. */
function sessionHeader({ answer, known, kit }: Exchange): Record<string, string> {
  const { message, route, identity } = known;
  const upstreamId = answer.headers["mcp-session-id"];
  if (message.kind !== "request" || message.method !== "initialize" || typeof upstreamId !== "string") return {};
  const contents = { upstreamId, server: route.server, identityKey: identity.key, issuedAtMs: kit.now() };
  return { "mcp-session-id": sealSession(kit.sealer, contents) };
}

/** The stream of one request: whatever comes before its answer, then the answer, then the end. */
async function relayStream(exchange: Exchange): Promise<void> {
  const { answer, trail, reply, known } = exchange;
  const { message } = known;
  const endless = message.kind === "request" && requestMethods.get(message.method)?.endless === true;
  const stream = reply.openStream({ headers: sessionHeader(exchange), endless });
  const end = await relayEvents(exchange, stream).catch((cause: unknown) => {
    if (endless && isDraining(known.arrival)) return "draining" as const;
    throw cause;
  });
  if (end === "answered") return;
  // A server that numbered its events may close the connection and be asked again for the rest (2025-11-25, Streams).
  if (end === "cut" && message.kind === "request") throw new Denial("upstream_closed");
  const receipt = await trail.close({ http: 200, upstream: answer.statusCode });
  if (end === "draining" && message.kind === "request") stream.answer(receipt, renderFarewell(message.id));
  else stream.end();
}

function isDraining(arrival: Arrival): boolean {
  return arrival.ended.aborted && arrival.ended.reason === "draining";
}

/** Tells a subscriber that its stream ends on purpose (2026-07-28, Subscriptions, Graceful Closure). */
function renderFarewell(id: RpcId): string {
  const result = { resultType: "complete", _meta: { "io.modelcontextprotocol/subscriptionId": id } };
  return renderEvent({
    id: null,
    type: "message",
    data: JSON.stringify({ jsonrpc: "2.0", id, result }),
    retryMs: null,
  });
}

/** The stream of a session: the record is in the file before it opens, for it owes no answer that could wait for one. */
async function relayStandaloneStream(exchange: Exchange): Promise<void> {
  const { answer, trail, reply, known } = exchange;
  if (known.session.resume?.pending != null) return relayStream(exchange);
  await trail.close({ http: 200, upstream: answer.statusCode });
  const stream = reply.openStream({ headers: {}, endless: true });
  await relayEvents(exchange, stream);
  stream.end();
}

/** @returns `answered`, or how the stream ended without: `resumable` after a numbered event, else `cut` */
async function relayEvents(exchange: Exchange, stream: EventStream): Promise<"answered" | "resumable" | "cut"> {
  const reader = createStreamReader(exchange.upstream.maxResponseBytes);
  let end: "resumable" | "cut" = "cut";
  for await (const chunk of exchange.answer.body as AsyncIterable<Buffer>) {
    for (const event of reader.push(chunk)) {
      if (event.id !== null) end = "resumable";
      if (await relayEvent(exchange, stream, event)) return "answered";
    }
  }
  return end;
}

/** @returns true when the event was the answer, and the stream is over */
async function relayEvent(exchange: Exchange, stream: EventStream, event: StreamEvent): Promise<boolean> {
  const { answer, trail, kit, known, upstream, expected } = exchange;
  const place: Place = { server: known.route.server, identity: known.identity, upstreamId: known.session.upstreamId };
  const id =
    event.id === null ? null : sealEventId(kit.sealer, place, { eventId: event.id, pending: pendingOf(expected) });
  if (event.data === null || event.data === "") {
    await stream.write(renderEvent({ ...event, id }));
    return false;
  }
  const judged = judgeServerMessage(Buffer.from(event.data), expected);
  switch (judged.kind) {
    case "answer": {
      const block = renderEvent({ ...event, id, data: judged.text });
      const { rpc, toolError } = judged;
      const bytesOut = Buffer.byteLength(block);
      stream.answer(await trail.close({ http: 200, rpc, toolError, upstream: answer.statusCode, bytesOut }), block);
      return true;
    }
    case "pass":
      await stream.write(renderEvent({ ...event, id, data: judged.text }));
      return false;
    case "ask": {
      const signed = signRequestId(kit.fingerprint, place, judged.idText);
      await trail.ask(judged.method, true);
      await stream.write(renderEvent({ ...event, id, data: setMember(judged.text, ["id"], JSON.stringify(signed)) }));
      return false;
    }
    case "refuse":
      await trail.ask(judged.method, false);
      await refuseServerRequest(upstream, judged.idText, exchangeHeaders(known));
      return false;
    case "drop":
      return false;
  }
}

/** The part of a pending request that an event id must carry to go on with it later. */
function pendingOf({ pending }: Expectation): Pending | null {
  return pending === null ? null : { id: pending.id, method: pending.method, targets: pending.targets };
}

function exchangeHeaders({ arrival, session }: Known): Record<string, string> {
  const version = arrival.headers.get("mcp-protocol-version");
  return {
    ...(version === undefined ? {} : { "mcp-protocol-version": version }),
    ...(session.upstreamId === null ? {} : { "mcp-session-id": session.upstreamId }),
  };
}
