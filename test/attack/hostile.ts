import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { createParser } from "eventsource-parser";
import { type Gateway, startGateway } from "../fixtures/gateway.ts";
import { answerMinimally, type Recorder, type RecorderHandler, startRecorder } from "../fixtures/recorder.ts";
import type { HttpText } from "./httpText.ts";
import { type RawHandler, type RawUpstream, startRawUpstream } from "./rawUpstream.ts";

/** Whom a request is made as: `all` may use everything, `some` only tools that begin with `open-`. */
export type Caller = "all" | "some" | "other";

/** What to send; POST with a body unless `verb` says otherwise. */
export interface Ask {
  readonly verb?: "POST" | "GET";
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly as?: Caller;
}

/** An answer on its way. */
export interface Opened {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** Everything received so far. */
  text(): string;
  /** Waits for the end, and reads the whole. */
  finish(): Promise<Finished>;
  /** Goes away without waiting. */
  abort(): void;
}

/** A whole answer. */
export interface Finished {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  /** The JSON-RPC messages in it, whether it came as JSON or as events. */
  readonly messages: readonly Message[];
  /** `error.data.reason` of the last message. */
  readonly reason: string | undefined;
}

export interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly data?: { readonly reason?: string } };
}

/** A gateway, and three callers of the server behind it. */
export interface Front {
  readonly gateway: Gateway;
  /** An answer that nobody reads until the caller does. */
  leaveUnread(ask: Ask): Promise<IncomingMessage>;
  open(ask: Ask): Promise<Opened>;
  send(ask: Ask): Promise<Finished>;
  stop(): Promise<void>;
}

/** A gateway before an upstream that does as it is told. */
export interface Scene extends Front {
  readonly upstream: Recorder;
  /** Decides how the upstream answers from now on. */
  behave(handler: RecorderHandler): void;
}

/** A gateway before an upstream that says any bytes whatever. */
export interface RawScene extends Front {
  readonly upstream: RawUpstream;
  /** Decides how the upstream answers from now on. */
  behave(handler: RawHandler): void;
}

const policyYaml = `version: 1
roles:
  everything: { allow: [{ server: "*", tools: ["*"], resources: ["*"], prompts: ["*"] }] }
  something: { allow: [{ server: "*", tools: ["open-*"], resources: ["open://*"], prompts: ["open-*"] }] }
bindings:
  - { roles: [everything], groups: [all] }
  - { roles: [something], groups: [some] }
`;

/** What differs from scene to scene. */
export interface SceneOptions {
  /** Default: none. */
  readonly clientRequests?: readonly string[];
  /** How long the upstream's answer may take to begin. Default: longer than a loaded machine takes. */
  readonly firstByte?: string;
  /** How long the upstream may be silent in the middle of an answer. Default: likewise. */
  readonly idle?: string;
  /** Most bytes of one message of the upstream. Default: `64KiB`. */
  readonly maxResponse?: string;
  /** Requests that an identity may have in flight. Default: 200. */
  readonly concurrent?: number;
}

/** Starts one; a message of the upstream may have 64 KiB. */
export async function startScene(options: SceneOptions = {}): Promise<Scene> {
  let behaviour: RecorderHandler = answerMinimally;
  const upstream = await startRecorder((message, body, response) => behaviour(message, body, response));
  const front = await startFront(upstream, options);
  return {
    ...front,
    upstream,
    behave: (handler) => {
      behaviour = handler;
    },
  };
}

/** The same before a socket without HTTP of its own; only the question which revisions it speaks is answered soundly. */
export async function startRawScene(options: SceneOptions = {}): Promise<RawScene> {
  let behaviour: RawHandler = (socket) => void socket.destroy();
  const upstream = await startRawUpstream((socket, request) =>
    request.body.includes('"server/discover"') ? discover(socket, request) : behaviour(socket, request),
  );
  const front = await startFront(upstream, options);
  return {
    ...front,
    upstream,
    behave: (handler) => {
      behaviour = handler;
    },
  };
}

function discover(socket: Socket, { body }: HttpText): void {
  const { id } = JSON.parse(body.toString()) as { id: unknown };
  const result = { supportedVersions: ["2026-07-28"], capabilities: {}, serverInfo: { name: "x", version: "1" } };
  const answer = JSON.stringify({ jsonrpc: "2.0", id, result });
  socket.end(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${answer.length}\r\nConnection: close\r\n\r\n${answer}`,
  );
}

async function startFront(
  upstream: { readonly url: string; stop(): Promise<void> },
  options: SceneOptions,
): Promise<Front> {
  const { clientRequests = [], firstByte = "40s", idle = "40s", maxResponse = "64KiB", concurrent = 200 } = options;
  const rate = { requests: 100_000 };
  const gateway = await startGateway({
    servers: {
      hostile: {
        url: upstream.url,
        clientRequests,
        maxResponse,
        timeouts: { firstByte, idle },
      },
    },
    policyYaml,
    configOverrides: { limits: { address: rate, identity: { ...rate, concurrent, streams: 200 } } },
  });
  const agent = new Agent({ ca: await readFile(gateway.caFile), maxSockets: Number.POSITIVE_INFINITY });
  const [all, some, other] = await Promise.all([
    gateway.mint({ server: "hostile", subject: "all", groups: ["all"] }),
    gateway.mint({ server: "hostile", subject: "some", groups: ["some"] }),
    gateway.mint({ server: "hostile", subject: "other", groups: ["all"] }),
  ]);
  const tokens = { all, some, other };

  async function leaveUnread({ verb = "POST", body, headers = {}, as = "all" }: Ask): Promise<IncomingMessage> {
    const outgoing = request(`${gateway.publicUrl}/hostile/mcp`, {
      agent,
      method: verb,
      headers: {
        authorization: `Bearer ${tokens[as]}`,
        accept: "application/json, text/event-stream",
        ...(body === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
        ...headers,
      },
    });
    outgoing.on("error", () => {});
    outgoing.end(body);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    return response;
  }

  const open = async (ask: Ask) => read(await leaveUnread(ask));
  return {
    gateway,
    leaveUnread,
    open,
    send: async (ask) => (await open(ask)).finish(),
    async stop() {
      agent.destroy();
      await gateway.stop();
      await upstream.stop();
    },
  };
}

function read(response: IncomingMessage): Opened {
  const { statusCode: status = 0, headers } = response;
  let text = "";
  response.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  response.on("error", () => {});
  const over = new Promise<void>((resolve) => response.once("close", resolve));
  return {
    status,
    headers,
    text: () => text,
    abort: () => void response.destroy(),
    async finish() {
      await over;
      const messages = readMessages(String(headers["content-type"]), text);
      return { status, headers, text, messages, reason: messages.at(-1)?.error?.data?.reason };
    },
  };
}

/** The messages of a body, as a client reads them. */
export function readMessages(type: string, text: string): Message[] {
  if (type === "application/json") return [JSON.parse(text) as Message];
  const messages: Message[] = [];
  createParser({ onEvent: ({ data }) => void (data !== "" && messages.push(JSON.parse(data) as Message)) }).feed(text);
  return messages;
}

/**
 * Writes the same bytes until the connection is gone, at the pace at which they are read.
 *
 * @param onWritten told the length of what was written, each time
 */
export async function pour(outlet: Writable, chunk: string, onWritten = (_length: number) => {}): Promise<void> {
  let wake = () => {};
  outlet.on("drain", () => wake()).once("close", () => wake());
  while (!outlet.destroyed) {
    const flows = outlet.write(chunk);
    onWritten(chunk.length);
    if (flows) await new Promise((resolve) => setImmediate(resolve));
    else if (!outlet.destroyed) await new Promise<void>((resolve) => (wake = resolve));
  }
}

/** A tool call. */
export function callTool(id: unknown, name = "open-one"): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name } });
}
