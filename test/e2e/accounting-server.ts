import type { ServerResponse } from "node:http";
import { answerMinimally, type RecorderHandler } from "../fixtures/recorder.ts";
import { eventText } from "./setting.ts";

/** A server with moods. */
export interface Moody {
  readonly handler: RecorderHandler;
  /** Resolves when the request with this id has arrived. */
  arrived(id: number): Promise<void>;
  /** How the next streams of sessions are to go on, in the order in which they come. */
  readonly streams: ("hold" | "end" | "reset")[];
}

/** The question of a server to its client. */
function ask(method: string): string {
  return `data: ${JSON.stringify({ jsonrpc: "2.0", id: "q", method, params: {} })}\n\n`;
}

/** A server that behaves as the tool that is called says. */
export function createMoody(): Moody {
  const arrivals = new Map<number, PromiseWithResolvers<void>>();
  const arrivalOf = (id: number) => {
    const arrival = arrivals.get(id) ?? Promise.withResolvers<void>();
    arrivals.set(id, arrival);
    return arrival;
  };
  const streams: Moody["streams"] = [];
  return {
    streams,
    arrived: (id) => arrivalOf(id).promise,
    handler(request, body, response) {
      if (request.method === "GET") return standStill(response, streams.shift() ?? "hold");
      const { id, params } = JSON.parse(body.toString()) as { id?: number; params?: { name?: string } };
      if (id !== undefined) arrivalOf(id).resolve();
      const result = `data: ${JSON.stringify({ jsonrpc: "2.0", id, result: { content: [] } })}\n\n`;
      switch (params?.name) {
        case "silence":
          return;
        case "reset":
          return void response.socket?.resetAndDestroy();
        case "fail":
          return void response.writeHead(500).end("out of order");
        case "garbage":
          return void response.writeHead(200, { "content-type": "application/json" }).end('{"jsonrpc":');
        case "cut":
          return void begin(response).write(eventText, () => response.socket?.destroy());
        case "stop":
          return void begin(response).end(eventText);
        case "ask":
          return void begin(response).end(ask("sampling/createMessage") + ask("roots/list") + result);
        default:
          return answerMinimally(request, body, response);
      }
    },
  };
}

function begin(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { "content-type": "text/event-stream" });
}

function standStill(response: ServerResponse, how: Moody["streams"][number]): void {
  begin(response).write(eventText, () => {
    if (how === "end") response.end(eventText);
    if (how === "reset") response.socket?.destroy();
  });
}
