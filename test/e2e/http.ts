import { readFile } from "node:fs/promises";
import { Agent, request } from "undici";
import type { Gateway } from "../fixtures/gateway.ts";

/** An answer, read whole. */
export interface HttpAnswer {
  readonly status: number;
  readonly requestId: string;
  readonly session: string | undefined;
  /** The JSON in the body; of a stream, that of its last event. */
  readonly message: Record<string, unknown>;
  readonly text: string;
}

/** A plain HTTP client of one gateway, for what SDK clients would hide. */
export interface HttpClient {
  post(message: object, headers?: Readonly<Record<string, string>>): Promise<HttpAnswer>;
  /** Any request; `path` defaults to the endpoint of the server. */
  send(verb: "GET" | "POST" | "DELETE", options?: SendOptions): Promise<HttpAnswer>;
  close(): Promise<void>;
}

export interface SendOptions {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * @param token bearer token of every request
 * @param connections most that are open at the same time
 */
export async function createClient(
  gateway: Pick<Gateway, "publicUrl" | "caFile">,
  server: string,
  token: string,
  connections = 1,
): Promise<HttpClient> {
  const dispatcher = new Agent({ connect: { ca: await readFile(gateway.caFile, "utf8") }, connections, pipelining: 1 });
  async function send(verb: "GET" | "POST" | "DELETE", options: SendOptions = {}): Promise<HttpAnswer> {
    const { path = `/${server}/mcp`, headers = {}, body = null } = options;
    const answer = await request(`${gateway.publicUrl}${path}`, {
      dispatcher,
      method: verb,
      headers: {
        authorization: `Bearer ${token}`,
        accept: verb === "GET" ? "text/event-stream" : "application/json, text/event-stream",
        ...(body !== null && { "content-type": "application/json" }),
        ...headers,
      },
      body,
    });
    const text = await answer.body.text();
    const type = String(answer.headers["content-type"]);
    const session = answer.headers["mcp-session-id"];
    return {
      status: answer.statusCode,
      requestId: String(answer.headers["x-request-id"]),
      session: typeof session === "string" ? session : undefined,
      message: readMessage(type.startsWith("text/event-stream") ? lastEvent(text) : text),
      text,
    };
  }
  return {
    send,
    post: (message, headers = {}) => send("POST", { headers, body: JSON.stringify({ jsonrpc: "2.0", ...message }) }),
    close: () => dispatcher.close(),
  };
}

function lastEvent(text: string): string {
  const data = text.split("\n").filter((line) => line.startsWith("data: "));
  return data.at(-1)?.slice("data: ".length) ?? "";
}

function readMessage(text: string): Record<string, unknown> {
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

export const initialize = {
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "e2e", version: "1" } },
};

export function toolCall(id: number, name = "echo", args: object = {}): object {
  return { id, method: "tools/call", params: { name, arguments: args } };
}
