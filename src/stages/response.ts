import type { Trail } from "../audit/trail.ts";
import { Denial } from "../denial.ts";
import type { Answer, RequestMessage } from "../facts.ts";
import { legacyRevisions } from "../mcp/era.ts";
import { StreamFault } from "../mcp/sse.ts";
import { type Exchange, expectationOf, findConversation, type Known, type ResponseKit } from "../relay/exchange.ts";
import { refuseLost, relayJson } from "../relay/json.ts";
import { relayStandaloneStream, relayStream } from "../relay/stream.ts";
import type { Reply } from "../reply.ts";
import { explainFailure } from "../upstream/failure.ts";
import { mediaType } from "../upstream/media-type.ts";
import type { Upstream } from "../upstream/upstream.ts";

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
  try {
    const conversation = findConversation(known, answer);
    const live = { sight: known.decision.sight, asks: 0, asksSinceMs: 0 };
    const begun = { kit, upstream, known, answer, reply, trail, live, conversation };
    await relay({ ...begun, expected: expectationOf(begun) });
  } catch (cause) {
    if (cause instanceof Denial) throw cause;
    if (cause instanceof StreamFault) {
      throw new Denial(cause.kind === "too_large" ? "upstream_too_large" : "upstream_malformed", { cause });
    }
    throw explainFailure(upstream, cause, known.arrival.ended);
  }
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
      return acknowledgeEnd(exchange, status);
    case "listen":
      if (type === "text/event-stream") return relayStandaloneStream(exchange);
      break;
    case "request":
      if (type === "text/event-stream") return relayStream(exchange);
      if (type === "application/json") return relayJson(exchange, 200);
  }
  throw new Denial("upstream_malformed", { detail: `status ${status} with ${type || "no content type"}` });
}

/**
 * A 4xx in JSON-RPC is the protocol speaking and passes with its status. 401 and 403 are about the gateway's own
 * credentials: passed on, they would send the client into a login that cannot help.
 */
async function relayRefusal(exchange: Exchange, status: number, type: string): Promise<void> {
  const { message, session } = exchange.known;
  if (session.upstreamId !== null && (status === 404 || (status === 400 && message.kind === "listen"))) {
    throw new Denial("session_unknown", { detail: "upstream" });
  }
  if (status === 405 && message.kind !== "request") {
    throw new Denial("method_not_allowed", { allow: message.kind === "listen" ? "POST, DELETE" : "POST, GET" });
  }
  if (status === 400 && session.upstreamId !== null && message.kind !== "request" && type === "application/json") {
    await refuseLost(exchange);
  }
  const protocol = status !== 401 && status !== 403 && status !== 407 && status !== 429;
  // Where there is a session already, the server is of the era that has them.
  if (protocol && message.kind === "request" && message.method === "initialize" && session.upstreamId === null)
    await checkEra(exchange, message.params);
  if (protocol && type === "application/json" && message.kind === "request") return relayJson(exchange, status);
  if (protocol && message.era === "modern") exchange.upstream.era.doubt();
  throw new Denial("upstream_refused", { detail: `status ${status}`, ...(protocol ? { http: status } : {}) });
}

/** A client that begins with `initialize` cannot fall forward; what it can show is the message it gets (2026-07-28, Versioning). */
async function checkEra({ upstream }: Exchange, { protocolVersion }: RequestMessage["params"]): Promise<void> {
  // One that was taken for a server of sessions has just shown that it is none, or not any more.
  if (upstream.era.known.era === "legacy") upstream.era.doubt();
  const finding = await upstream.era.find();
  // A server that names revisions with sessions speaks them, and has refused for another reason.
  if (finding.era !== "modern" || finding.supported.some((version) => legacyRevisions.includes(version))) return;
  throw new Denial("era_modern", { data: { supported: finding.supported, requested: String(protocolVersion) } });
}

/** An ended session is not opened again, even where its server would not mind. */
function acknowledgeEnd(exchange: Exchange, status: number): Promise<void> {
  const { key } = exchange.known.session;
  if (key !== null) {
    exchange.kit.ended.add(key);
    exchange.kit.standing.endSession(key);
  }
  return acknowledge(exchange, status);
}

async function acknowledge({ answer, trail, reply }: Exchange, status: number): Promise<void> {
  const receipt = await trail.close({ http: status, ...(answer.kept ? {} : { upstream: answer.statusCode }) });
  await reply.send(receipt, { status });
}
