import type { Answer, Arrival, Decision, Message, NotificationMessage, Session } from "../facts.ts";
import { isEndless } from "../mcp/methods.ts";
import { encodeMirror } from "../mcp/mirrors.ts";
import { setMember } from "../mcp/splice.ts";
import { narrowSubscription } from "../mcp/subscription.ts";
import type { Known } from "../relay/exchange.ts";
import { headerText } from "../relay/resumption.ts";
import { bodyOf } from "../upstream/body.ts";
import type { ServerAnswer } from "../upstream/dispatch.ts";
import { explainFailure } from "../upstream/failure.ts";
import { readListRequest, recollect } from "../upstream/recollect.ts";
import type { Outgoing } from "../upstream/transport.ts";
import type { Upstream } from "../upstream/upstream.ts";

/**
 * Sends the judged bytes to the server, with framing and headers of our own; a list that the server lets everybody have for
 * a while need not be asked for again (2026-07-28, Caching).
 *
 * @throws Denial `upstream_unreachable`, `upstream_reset`, `upstream_timeout`, `upstream_malformed`,
 *   `credentials_unavailable`, `credentials_refused`, `delegation_refused`, `login_required`, `login_unsupported`, `client_gone`
 */
export async function forward(upstream: Upstream, known: Omit<Known, "route">): Promise<Answer> {
  const { arrival, identity, message, session, decision } = known;
  if (message.kind === "notification" && isAnybodys(message, session)) return acceptUnsent();
  const list = message.kind === "request" ? readListRequest(upstream.lists, message, session) : undefined;
  const kept =
    list && message.kind === "request" ? recollect(upstream.lists, list, message, upstream.now()) : undefined;
  if (kept !== undefined) return { ...kept, list: undefined, kept: true, [Symbol.dispose]: nothing };
  const endless = isEndless(message);
  const done = upstream.begin(endless);
  try {
    const outgoing: Outgoing = {
      kind: message.kind,
      id: message.kind === "request" ? (session.sentAs ?? message.id) : null,
      method: message.kind === "request" ? message.method : null,
      endless,
      headers: renderHeaders(upstream, arrival, message, session),
      body: renderBody(message, session, decision),
      signal: arrival.ended,
    };
    const answer = await upstream.send(outgoing, { identity, arrival, message, session });
    upstream.reachable = true;
    return new FreshAnswer(answer, list, done);
  } catch (cause) {
    done();
    throw explainFailure(upstream, cause, arrival.ended);
  }
}

class FreshAnswer implements Answer {
  readonly statusCode: Answer["statusCode"];
  readonly headers: Answer["headers"];
  readonly body: Answer["body"];
  readonly list: Answer["list"];
  readonly kept = false;
  readonly #done: () => void;

  constructor({ statusCode, headers, body }: ServerAnswer, list: Answer["list"], done: () => void) {
    this.statusCode = statusCode;
    this.headers = headers;
    this.body = body;
    this.list = list;
    this.#done = done;
  }

  [Symbol.dispose](): void {
    // Whatever was not read is not wanted: a server that goes on talking is cut off.
    this.body.destroy();
    this.#done();
  }
}

/**
 * Over HTTP a stateless request is called off by the end of its connection; some clients say so as well (2026-07-28, Cancellation). Without a
 * session nothing in that tells whose request is meant, in any revision, so a server could call off another client's.
 */
function isAnybodys({ method }: NotificationMessage, { upstreamId }: Session): boolean {
  return method === "notifications/cancelled" && upstreamId === null;
}

function acceptUnsent(): Answer {
  return { statusCode: 202, headers: {}, body: bodyOf(), list: undefined, kept: true, [Symbol.dispose]: nothing };
}

function nothing(): void {}

function renderHeaders(
  upstream: Upstream,
  arrival: Arrival,
  message: Message,
  session: Session,
): Record<string, string> {
  const headers: Record<string, string> = { ...upstream.headers };
  headers.accept = message.kind === "listen" ? "text/event-stream" : "application/json, text/event-stream";
  headers["accept-encoding"] = "identity";
  if ("bytes" in message) headers["content-type"] = "application/json";
  for (const [name, value] of arrival.headers) {
    if (mayTravel(name, message)) headers[name] = value;
  }
  const agreed = session.door?.revision ?? null;
  if (agreed !== null) headers["mcp-protocol-version"] ??= agreed;
  if (session.upstreamId !== null) headers["mcp-session-id"] = session.upstreamId;
  if (session.resume !== null) headers["last-event-id"] = headerText(session.resume.eventId);
  if (session.task !== null && message.era === "modern") headers["mcp-name"] = encodeMirror(session.task.taskId);
  return headers;
}

/**
 * Headers of the client that a server may see: the revision, and what mirrors the body of a stateless request, which was
 * compared with it. Everything else stays outside: credentials, cookies, forwarding headers, mirrors that nobody checked.
 */
function mayTravel(name: string, message: Message): boolean {
  if (name === "mcp-protocol-version") return true;
  if (message.era !== "modern" || message.kind !== "request") return false;
  return name === "mcp-method" || name === "mcp-name" || name.startsWith("mcp-param-");
}

/** The judged bytes; only handles are given back the form in which the server had sent them. */
function renderBody(message: Message, { edits }: Session, { narrowed }: Decision): Buffer | string | null {
  if (!("bytes" in message)) return null;
  if (edits.length === 0 && narrowed === null) return message.bytes;
  let text = message.bytes.toString("utf8");
  for (const { path, value } of edits) text = setMember(text, path, value);
  return narrowed === null || message.kind !== "request" ? text : narrowSubscription(text, message.args, narrowed);
}
