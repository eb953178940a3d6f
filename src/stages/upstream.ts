import type { Answer, Arrival, Message, Session } from "../facts.ts";
import { setMember } from "../mcp/splice.ts";
import { explainFailure } from "../upstream/failure.ts";
import type { Upstream } from "../upstream/upstream.ts";

/**
 * Sends the judged bytes to the server, with framing and headers of our own.
 *
 * @throws Denial `upstream_unreachable`, `upstream_reset`, `upstream_timeout`, `upstream_malformed`, `client_gone`
 */
export async function forward(
  upstream: Upstream,
  arrival: Arrival,
  message: Message,
  session: Session,
): Promise<Answer> {
  const isStream = message.kind === "listen";
  const done = upstream.begin(isStream);
  try {
    const answer = await upstream.transport.send({
      kind: message.kind,
      id: message.kind === "request" ? message.id : null,
      method: message.kind === "request" ? message.method : null,
      headers: renderHeaders(upstream, arrival, message, session),
      body: renderBody(message, session),
      signal: arrival.ended,
    });
    answer.body.once("close", done);
    upstream.reachable = true;
    return answer;
  } catch (cause) {
    done();
    throw explainFailure(upstream, cause, arrival.ended);
  }
}

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
  const hop = hopHeaders(arrival);
  for (const [name, value] of arrival.headers) {
    if (mayTravel(name, message) && !hop.has(name)) headers[name] = value;
  }
  if (session.upstreamId !== null) headers["mcp-session-id"] = session.upstreamId;
  if (session.resume !== null) headers["last-event-id"] = session.resume.eventId;
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

/** What `Connection` names was meant for this connection alone (RFC 9110 section 7.6.1). */
function hopHeaders(arrival: Arrival): ReadonlySet<string> {
  const names = arrival.headers.get("connection")?.toLowerCase().split(",") ?? [];
  return new Set(names.map((name) => name.trim()));
}

/** The judged bytes; only the id of an answer is given back the form in which the server had sent it. */
function renderBody(message: Message, session: Session): Buffer | string | null {
  if (!("bytes" in message)) return null;
  if (session.answers === null) return message.bytes;
  return setMember(message.bytes.toString("utf8"), ["id"], session.answers);
}
