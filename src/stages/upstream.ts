import type { Answer, Arrival, Message, Session } from "../facts.ts";
import { setMember } from "../mcp/splice.ts";
import { explainFailure } from "../upstream/failure.ts";
import type { Upstream } from "../upstream/upstream.ts";

/**
 * Headers of the client that a server may see, besides `mcp-param-*`, which belong to the message (2026-07-28, Custom
 * Headers). Everything else stays outside: credentials, cookies, forwarding headers, whatever `Connection` names.
 */
const forwarded = ["mcp-protocol-version", "mcp-method", "mcp-name"] as const;

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
    const answer = await (isStream ? upstream.streams : upstream.calls).request({
      origin: upstream.url.origin,
      path: upstream.url.pathname,
      method: verbs[message.kind],
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

const verbs = { listen: "GET", end: "DELETE", request: "POST", notification: "POST", response: "POST" } as const;

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
  for (const name of forwarded) copyHeader(headers, arrival, name);
  if (message.era === "modern") {
    for (const name of arrival.headers.keys()) if (name.startsWith("mcp-param-")) copyHeader(headers, arrival, name);
  }
  if (session.upstreamId !== null) headers["mcp-session-id"] = session.upstreamId;
  if (session.resume !== null) headers["last-event-id"] = session.resume.eventId;
  return headers;
}

function copyHeader(headers: Record<string, string>, arrival: Arrival, name: string): void {
  const value = arrival.headers.get(name);
  if (value !== undefined) headers[name] = value;
}

/** The judged bytes; only the id of an answer is given back the form in which the server had sent it. */
function renderBody(message: Message, session: Session): Buffer | string | null {
  if (!("bytes" in message)) return null;
  if (session.answers === null) return message.bytes;
  return setMember(message.bytes.toString("utf8"), ["id"], session.answers);
}
