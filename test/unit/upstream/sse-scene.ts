import { onTestFinished } from "vitest";
import type { ServerConfig } from "../../../src/config/schema.ts";
import type { ServerAnswer } from "../../../src/upstream/dispatch.ts";
import { createSseTransport, type SseOptions } from "../../../src/upstream/sse-transport.ts";
import { createPools, type Outgoing, type Transport } from "../../../src/upstream/transport.ts";
import { until } from "../../golden/observe.ts";
import { type ScriptedServer, startScriptedServer } from "./sse-server.ts";
import { type Heard, hear } from "./sse-source.ts";

/** Timeouts of the server, in milliseconds. */
export const idleMs = 60_000;
export const firstByteMs = 30_000;

/** A transport before a server that does as it is told. */
export interface Scene {
  readonly server: ScriptedServer;
  readonly transport: Transport;
  send(outgoing: Partial<Outgoing>): Promise<ServerAnswer>;
  /** Sends a request and hears its stream. */
  request(id: string | number, session: string, more?: Partial<Outgoing>): Promise<Heard>;
  /** Opens a session, its first request answered. */
  begin(): Promise<string>;
}

/** What the configuration says of a server at this address. */
export function serverConfig(url: URL): ServerConfig {
  return {
    url,
    transport: "sse",
    headers: {},
    timeouts: { connect: 60_000, firstByte: firstByteMs, idle: idleMs, turn: 60_000 },
    concurrent: 1,
    waiting: 1,
    maxResponse: 65_536,
    clientRequests: [],
    audit: { redact: [], keep: [], arguments: "view" },
  };
}

/** Sets one up for the time of a test. */
export async function set(options: SseOptions = {}): Promise<Scene> {
  const server = await startScriptedServer();
  const config = serverConfig(server.url);
  let sessions = 0;
  const newId = () => {
    sessions += 1;
    return `session-${sessions}`;
  };
  const transport = createSseTransport(config, createPools(config), { newId, ...options });
  onTestFinished(() => transport.destroy());
  const send = (outgoing: Partial<Outgoing>) => transport.send({ ...initialize, ...outgoing });
  return {
    server,
    transport,
    send,
    async request(id, session, more = {}) {
      const { body } = await send({ ...call(id, session), ...more });
      return hear(body);
    },
    async begin() {
      const answer = await send({});
      if (answer.statusCode !== 200) throw new Error(`no session: ${answer.statusCode}`);
      const heard = hear(answer.body);
      server.streams.at(-1)?.say(answerTo("hello"));
      await until("the answer", () => heard.end);
      return String(answer.headers["mcp-session-id"]);
    },
  };
}

/** The request that begins a session. */
export const initialize: Outgoing = {
  kind: "request",
  id: "hello",
  method: "initialize",
  endless: false,
  headers: { authorization: "Bearer upstream", "content-type": "application/json", accept: "application/json" },
  body: '{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{}}',
  signal: new AbortController().signal,
};

/** What says which session it is. */
export function on(session: string): Pick<Outgoing, "headers"> {
  return { headers: { ...initialize.headers, "mcp-session-id": session } };
}

/** A request within a session. */
export function call(id: string | number, session: string): Partial<Outgoing> {
  const body = JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "x" } });
  return { ...on(session), id, method: "tools/call", body };
}

export function answerTo(id: unknown, result: object = {}): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result });
}

/** What belongs to no request. */
export const message = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}';
export const note: Partial<Outgoing> = { kind: "notification", id: null, method: null, body: message };
export const listen: Partial<Outgoing> = { kind: "listen", id: null, method: null, body: null };
export const end: Partial<Outgoing> = { kind: "end", id: null, method: null, body: null };

export async function textOf({ body }: ServerAnswer): Promise<string> {
  let text = "";
  for await (const chunk of body) text += String(chunk);
  return text;
}

/** Why a stream broke, as the corridor hears of it. */
export async function faultOf({ body }: ServerAnswer): Promise<unknown> {
  const heard = hear(body);
  const { cause } = await until("the end", () => heard.end);
  return cause;
}
