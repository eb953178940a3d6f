import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { type ClientResult, CreateMessageRequestSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { createParser } from "eventsource-parser";
import { expect, onTestFinished } from "vitest";
import type { Gateway } from "../fixtures/gateway.ts";
import { readAudit, until } from "../golden/observe.ts";
import type { ElderWorld, TokenOptions } from "./elder-world.ts";
import { createClient, type HttpAnswer, initialize } from "./http.ts";
import { type TrustingFetch, trustGateway } from "./sdk.ts";
import {
  answerKindly,
  type CallOptions,
  type ConnectOptions,
  type Heard,
  type ToolAnswer,
  writeDown,
} from "./sdk-client.ts";

/** A message as a client reads it. */
export interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly data?: Readonly<Record<string, unknown>> };
}

/** An event stream of 2024-11-05, read only while it is let. */
export interface PlainDoor {
  /** Where the gateway says that messages go; a path. */
  readonly path: string;
  /** Everything that was heard, in order. */
  readonly heard: readonly Message[];
  /** The stream itself, to be paused or cut. */
  readonly stream: IncomingMessage;
  post(message: object, headers?: Readonly<Record<string, string>>): Promise<HttpAnswer>;
  /** Resolves with the answer to a request, come or still to come. */
  answer(id: unknown): Promise<Message>;
  /** Begins a session: resolves when the server knows that the client is there. */
  begin(): Promise<void>;
}

export interface PlainDoorOptions {
  /** Default `alpha`. */
  readonly server?: string;
  readonly token: string;
  /** Most requests at the same time. Default 16. */
  readonly connections?: number;
}

/** Opens any event stream of a gateway, and gives it unread; its connection is gone when the test is over. */
export async function openStream(gateway: Gateway, path: string, token: string): Promise<IncomingMessage> {
  const outgoing = request(`${gateway.publicUrl}${path}`, {
    agent: false,
    ca: await readFile(gateway.caFile),
    headers: { accept: "text/event-stream", authorization: `Bearer ${token}` },
  });
  outgoing.on("error", () => {}).end();
  onTestFinished(() => void outgoing.destroy());
  const [stream] = (await once(outgoing, "response")) as [IncomingMessage];
  return stream.on("error", () => {});
}

/** Opens a door as a client without manners does; it can be told to say anything. */
export async function openDoor(gateway: Gateway, options: PlainDoorOptions): Promise<PlainDoor> {
  const { server = "alpha", token, connections = 16 } = options;
  const stream = await openStream(gateway, `/${server}/sse`, token);
  expect(stream.statusCode).toBe(200);
  let path = "";
  const heard: Message[] = [];
  const parser = createParser({
    onEvent({ event, data }) {
      if (event === "endpoint") path = data;
      else heard.push(JSON.parse(data) as Message);
    },
  });
  stream.setEncoding("utf8").on("data", (chunk: string) => parser.feed(chunk));
  await until("the endpoint", () => path !== "");
  const client = await createClient(gateway, server, token, connections);
  onTestFinished(() => client.close());
  const post = (message: object, headers = {}) =>
    client.send("POST", { path, headers, body: JSON.stringify({ jsonrpc: "2.0", ...message }) });
  const answer = (id: unknown) =>
    until(`the answer to ${id}`, () => heard.find((message) => message.id === id && message.method === undefined));
  return {
    path,
    heard,
    stream,
    post,
    answer,
    async begin() {
      await post(initialize);
      expect(await answer(initialize.id)).toMatchObject({ result: { protocolVersion: expect.any(String) } });
      const { status, requestId } = await post({ method: "notifications/initialized" });
      expect(status).toBe(202);
      await until("the server to know", async () => (await readAudit(gateway)).some(({ id }) => id === requestId));
    },
  };
}

/** The official client of SDK v1 over HTTP with SSE, over TLS, through the gateway. */
export interface ElderClient {
  readonly inner: Client;
  readonly http: TrustingFetch;
  /** Requests of the server, in order. */
  readonly asked: readonly Heard[];
  /** Notifications but progress, in order. */
  readonly heard: readonly Heard[];
  /** What the transport complains of; the end of its stream is among it. */
  readonly complaints: readonly string[];
  call(name: string, args?: object, options?: CallOptions): Promise<ToolAnswer>;
}

export interface ElderOptions extends TokenOptions, Pick<ConnectOptions, "respond"> {
  readonly token?: string;
}

/** Connects, and closes when the test is over. */
export async function connectElder(
  world: Pick<ElderWorld, "gateway" | "token">,
  server: string,
  options: ElderOptions = {},
): Promise<ElderClient> {
  const { gateway } = world;
  const token = options.token ?? (await world.token(server, options));
  const http = await trustGateway(gateway);
  onTestFinished(() => http.close());
  const transport = new SSEClientTransport(new URL(`${gateway.publicUrl}/${server}/sse`), {
    fetch: http.fetch,
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });
  const inner = new Client({ name: "e2e", version: "1.0.0" }, { capabilities: { sampling: {}, elicitation: {} } });
  const { asked, heard, answer, hear } = writeDown(options.respond ?? answerKindly);
  for (const schema of [ElicitRequestSchema, CreateMessageRequestSchema]) {
    inner.setRequestHandler(schema, async (request) => (await answer(request)) as ClientResult);
  }
  inner.fallbackNotificationHandler = hear;
  const complaints: string[] = [];
  inner.onerror = ({ message }) => void complaints.push(message);
  onTestFinished(() => inner.close());
  await inner.connect(transport);
  return {
    inner,
    http,
    asked,
    heard,
    complaints,
    call: async (name, args = {}, callOptions = {}) =>
      (await inner.callTool({ name, arguments: { ...args } }, undefined, callOptions)) as ToolAnswer,
  };
}

/** Connects, and waits until the gateway listens to the server on the client's behalf. */
export async function connectListening(
  world: Pick<ElderWorld, "gateway" | "token">,
  server: string,
  options: ElderOptions = {},
): Promise<ElderClient> {
  // Nobody else's stream, of a client that has just gone, is to be taken for this one's.
  const { subject = randomUUID() } = options;
  const client = await connectElder(world, server, { ...options, subject });
  await until("the gateway to listen", async () =>
    (await readAudit(world.gateway)).some(
      ({ event, session, identity }) => event === "stream" && session !== null && identity?.subject === subject,
    ),
  );
  return client;
}
