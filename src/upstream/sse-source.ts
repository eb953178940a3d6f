import { type Agent, errors } from "undici";
import type { ServerConfig } from "../config/schema.ts";
import { Denial } from "../denial.ts";
import type { Ending } from "../ending.ts";
import { createStreamReader, type StreamEvent } from "../mcp/sse.ts";
import { bodyOf, readWhole } from "./body.ts";
import { dispatch, type ServerAnswer } from "./dispatch.ts";
import { mediaType } from "./media-type.ts";
import { answerBroken, passRefusal } from "./sse-answers.ts";
import type { Outgoing } from "./transport.ts";

/** The one stream of a session with a 2024-11-05 server. */
export interface SseSource {
  /** Where the server takes the session's messages. */
  readonly endpoint: URL;
  /** Everything after the endpoint; ends or throws as the stream does. */
  readonly events: AsyncIterable<StreamEvent>;
  close(): void;
}

/**
 * Opens a session's stream, and waits for the endpoint that the server names first (MCP 2024-11-05, HTTP with SSE).
 *
 * @param headers of the request that opens the session
 * @param signal breaks the opening off; the stream itself outlives that request
 * @returns what the server answered instead, where it opened no stream
 * @throws Error of undici or of the socket
 */
export async function openSource(
  { url, timeouts, maxResponse }: ServerConfig,
  streams: Agent,
  headers: Outgoing["headers"],
  signal: Ending,
): Promise<SseSource | ServerAnswer> {
  const closing = new AbortController();
  const giveUp = () => closing.abort(signal.reason);
  const late = () => closing.abort(new errors.HeadersTimeoutError("no endpoint event"));
  const timer = setTimeout(late, timeouts.firstByte).unref();
  signal.addEventListener("abort", giveUp);
  try {
    const request = { origin: url.origin, path: url.pathname, method: "GET", headers: headersOfStream(headers) };
    const response = await dispatch(streams, request, closing.signal);
    if (response.statusCode < 200 || response.statusCode > 299) {
      // Here and now, while there is somebody to give it up: streams have no time limit of their own.
      return passRefusal({ ...response, body: bodyOf(await readWhole(response.body, maxResponse)) });
    }
    try {
      const events = readEvents(response, maxResponse);
      return { endpoint: await findEndpoint(events, url), events, close: () => closing.abort() };
    } catch (cause) {
      closing.abort();
      return answerBroken(cause as Error);
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
}

function headersOfStream(headers: Outgoing["headers"]): Record<string, string> {
  const { "content-type": _, ...rest } = headers;
  return { ...rest, accept: "text/event-stream" };
}

function readEvents(answer: ServerAnswer, maxChars: number): AsyncIterableIterator<StreamEvent, void> {
  if (mediaType(answer) !== "text/event-stream") throw malformed("no event stream");
  const reader = createStreamReader(maxChars);
  const chunks = answer.body[Symbol.asyncIterator]();
  let said: Iterator<StreamEvent, void> | undefined;
  // No generator: that would keep an event until the next one is asked for, which may wait for a client to read.
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      for (;;) {
        const event = said?.next();
        if (event?.done === false) return event;
        const { value, done } = await chunks.next();
        if (done === true) return { value: undefined, done };
        said = reader.push(value);
      }
    },
  };
}

async function findEndpoint(events: AsyncIterator<StreamEvent, void>, url: URL): Promise<URL> {
  for (;;) {
    const { value: event, done } = await events.next();
    if (done === true) throw new Denial("upstream_closed", { detail: "no endpoint event" });
    // A block that sets the time of reconnection says nothing.
    if (event.data === null) continue;
    if (event.type !== "endpoint") throw malformed("the first event is not the endpoint");
    const endpoint = URL.parse(event.data, url);
    // A server that could send the gateway, and its credentials, anywhere else would reach whatever the gateway reaches.
    if (endpoint?.origin !== url.origin) throw malformed("the endpoint is at another origin");
    return endpoint;
  }
}

function malformed(detail: string): Denial {
  return new Denial("upstream_malformed", { detail });
}
