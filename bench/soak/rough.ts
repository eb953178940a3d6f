/**
 * A server that misbehaves as it is told: the tool that is called says how (moods.ts). To everything else it answers as the
 * stub does, but it cuts every third stream.
 *
 * `node bench/soak/rough.ts [--port 0]` prints `{"event":"ready","url":…}` once it listens; it ends with its stdin.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text as readText } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Call, resultOf } from "../answers.ts";
import { tools } from "../call.ts";
import { lateMs, moods } from "./moods.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });

const cutEvery = 3;
const cutAfterMs = 700;
const drip = { events: 20, everyMs: 60, bytes: 200 };
/** More than the buffers of both sockets of a connection take at first. */
const flood = { events: 48, everyMs: 0, bytes: 65_000 };
let streams = 0;

function render(call: Call): string {
  return JSON.stringify({ jsonrpc: "2.0", id: call.id, result: resultOf(call) });
}

function renderEvent(data: string): string {
  return `event: message\ndata: ${data}\n\n`;
}

function renderNotice(bytes: number): string {
  const params = { level: "info", data: "x".repeat(bytes) };
  return renderEvent(JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params }));
}

function openStream(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
}

function answerJson(response: ServerResponse, call: Call): void {
  const session = call.method === "initialize" ? { "mcp-session-id": randomUUID() } : {};
  response.writeHead(200, { "content-type": "application/json", ...session }).end(render(call));
}

async function talk(response: ServerResponse, call: Call, { events, everyMs, bytes }: typeof drip): Promise<void> {
  openStream(response);
  for (let event = 0; event < events && !response.destroyed; event++) {
    if (!response.write(renderNotice(bytes))) await Promise.race([once(response, "drain"), once(response, "close")]);
    if (everyMs > 0) await wait(everyMs);
  }
  response.end(renderEvent(render(call)));
}

function breakOff(response: ServerResponse, how: "reset" | "cut" | "end" | "stall"): void {
  if (how === "reset") return void response.socket?.resetAndDestroy();
  openStream(response);
  response.write(renderNotice(drip.bytes), () => {
    if (how === "cut") response.socket?.destroy();
    if (how === "end") response.end();
  });
}

function subscribe(response: ServerResponse, id: Call["id"]): void {
  openStream(response);
  const params = { _meta: { "io.modelcontextprotocol/subscriptionId": id }, notifications: { toolsListChanged: true } };
  const message = { jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params };
  response.write(renderEvent(JSON.stringify(message)));
  cutSome(response);
}

function cutSome(response: ServerResponse): void {
  streams += 1;
  if (streams % cutEvery === 0) setTimeout(() => response.socket?.destroy(), cutAfterMs);
}

async function answer(response: ServerResponse, call: Call): Promise<void> {
  if (call.id === undefined) return void response.writeHead(202).end();
  if (call.method === "subscriptions/listen") return subscribe(response, call.id);
  switch (call.params?.name) {
    case moods.late:
      await wait(lateMs);
      return answerJson(response, call);
    case moods.drip:
      return talk(response, call, drip);
    case moods.flood:
      return talk(response, call, flood);
    case moods.reset:
      return breakOff(response, "reset");
    case moods.cut:
      return breakOff(response, "cut");
    case moods.end:
      return breakOff(response, "end");
    case moods.stall:
      return breakOff(response, "stall");
    case moods.fail:
      return void response.writeHead(500, { "content-type": "text/plain" }).end("out of order");
    case moods.nonsense:
      return void response.writeHead(200, { "content-type": "application/json" }).end(render(call).slice(0, -9));
    case moods.silence:
      return;
    case tools.events:
      openStream(response);
      return void response.end(renderEvent(render(call)));
    default:
      return answerJson(response, call);
  }
}

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on("error", () => {});
  if (request.method === "POST") return answer(response, JSON.parse(await readText(request)) as Call);
  if (request.method !== "GET") return void response.writeHead(200).end();
  openStream(response);
  cutSome(response);
}

const server = createServer((request, response) => {
  // A gateway that breaks a request off leaves half of one behind.
  receive(request, response).catch(() => response.destroy());
});
process.stdin.resume().once("end", () => process.exit(0));
server.listen(Number(values.port), "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ event: "ready", url: `http://127.0.0.1:${port}/mcp` }));
});
