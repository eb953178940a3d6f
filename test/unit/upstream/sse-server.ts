import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { until } from "../../golden/observe.ts";

/** A stream that a client opened. */
export interface OpenStream {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly response: ServerResponse;
  readonly closed: boolean;
  /** Sends a message of the server. */
  say(data: string): void;
}

/** A message that a client posted. */
export interface Posted {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly response: ServerResponse;
}

/** How the server behaves; by default as 2024-11-05 says. */
export interface Behaviour {
  /** What a new stream begins with. */
  open?(response: ServerResponse): void;
  /** Answers a POST; must end the response or leave it open. */
  take?(posted: Posted): void;
}

/** A server of 2024-11-05 that says nothing by itself but where it takes messages. */
export interface ScriptedServer {
  readonly url: URL;
  readonly origin: string;
  readonly streams: readonly OpenStream[];
  readonly posts: readonly Posted[];
  behave(behaviour: Behaviour): void;
  /** Resolves with the stream of this number once it is open. */
  stream(index?: number): Promise<OpenStream>;
}

/** Starts one on a free port of 127.0.0.1, for the time of a test. */
export async function startScriptedServer(): Promise<ScriptedServer> {
  const streams: OpenStream[] = [];
  const posts: Posted[] = [];
  let behaviour: Behaviour = {};
  const server = createServer(async (request, response) => {
    const { method, url = "", headers } = request;
    response.on("error", () => {});
    if (method === "GET") {
      streams.push(describeStream(url, headers, response));
      (behaviour.open ?? openStream)(response);
      return;
    }
    const posted = { url, headers, body: (await buffer(request)).toString(), response };
    posts.push(posted);
    (behaviour.take ?? accept)(posted);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: new URL(`${origin}/base/sse`),
    origin,
    streams,
    posts,
    behave(next) {
      behaviour = next;
    },
    stream: (index = 0) => until(`stream ${index}`, () => streams[index]),
  };
}

/** Opens an event stream, with anything in it. */
export function openStream(response: ServerResponse, text = "event: endpoint\ndata: messages?session=1\n\n"): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(text);
}

function accept({ response }: Posted): void {
  response.writeHead(202).end("Accepted");
}

function describeStream(url: string, headers: IncomingHttpHeaders, response: ServerResponse): OpenStream {
  return {
    url,
    headers,
    response,
    get closed() {
      return response.destroyed;
    },
    say: (data) => void response.write(`event: message\ndata: ${data}\n\n`),
  };
}
