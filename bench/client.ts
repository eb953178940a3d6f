import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type IncomingMessage, Agent as PlainAgent, request as requestPlain } from "node:http";
import { request as requestTls, Agent as TlsAgent } from "node:https";
import { Pool } from "undici";
import { renderCall, requestHeaders } from "./call.ts";

/** How a stream is asked for: GET in a session of 2025-11-25, or `subscriptions/listen` of 2026-07-28. */
export type StreamKind = "get" | "listen";

/** An open stream of the client. */
export interface Stream {
  readonly open: boolean;
  /** Breaks the connection off, as a client does that goes away. */
  drop(): void;
}

/** An MCP client with as many connections as it needs. */
export interface Client {
  /** `initialize` and `notifications/initialized`; resolves to the session id. */
  openSession(token: string): Promise<string>;
  /** Resolves when the stream is open, on a connection of its own. */
  openStream(kind: StreamKind, token: string): Promise<Stream>;
  /** One call of a tool; resolves to the milliseconds until its answer was there. */
  call(token: string): Promise<number>;
  /** Closes the connections that no stream is on. */
  close(): Promise<void>;
}

/** @param caFile PEM of the CA to trust, where the URL is one of https */
export async function createClient(url: string, caFile: string | null): Promise<Client> {
  const { origin, pathname } = new URL(url);
  const ca = caFile === null ? null : await readFile(caFile);
  const pool = new Pool(origin, ca === null ? {} : { connect: { ca } });
  const agent = ca === null ? new PlainAgent({ keepAlive: true }) : new TlsAgent({ keepAlive: true, ca });
  let lastId = 0;

  async function post(headers: Record<string, string>, body: string) {
    const answer = await pool.request({ path: pathname, method: "POST", headers, body });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`status ${answer.statusCode}: ${text}`);
    return { headers: answer.headers, text };
  }

  async function openSession(token: string): Promise<string> {
    const { headers } = await post(requestHeaders(token), initialize);
    const id = String(headers["mcp-session-id"]);
    await post({ ...requestHeaders(token), "mcp-session-id": id }, initialized);
    return id;
  }

  async function requestStream(kind: StreamKind, token: string): Promise<Exchange> {
    if (kind === "listen") return { method: "POST", headers: listenHeaders(token), body: renderListen(++lastId) };
    return { method: "GET", headers: { ...requestHeaders(token), "mcp-session-id": await openSession(token) } };
  }

  return {
    openSession,
    async openStream(kind, token) {
      const { method, headers, body } = await requestStream(kind, token);
      const request = (ca === null ? requestPlain : requestTls)(url, { method, headers, agent });
      request.end(body);
      const [response] = (await once(request, "response")) as [IncomingMessage];
      if (response.statusCode !== 200) throw new Error(`status ${response.statusCode} for a stream`);
      // A subscription is open when the server has said what it honours.
      if (kind === "listen") await once(response, "data");
      // Whoever breaks a stream off hears of it as an error.
      response.on("error", () => {}).resume();
      return {
        get open() {
          return !response.closed;
        },
        drop: () => void request.destroy(),
      };
    },
    async call(token) {
      const begin = performance.now();
      const { text } = await post(requestHeaders(token), renderCall(++lastId));
      if (!text.includes('"result"')) throw new Error(`no result of a call: ${text}`);
      return performance.now() - begin;
    },
    close: () => pool.close(),
  };
}

/** A request for a stream. */
interface Exchange {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

/** The message that begins a session. */
export const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "bench", version: "1.0.0" } },
});
/** The message that says that the session can be used. */
export const initialized = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" });

function listenHeaders(token: string): Record<string, string> {
  return {
    ...requestHeaders(token),
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "subscriptions/listen",
  };
}

function renderListen(id: number): string {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1.0.0" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const params = { _meta: meta, notifications: { toolsListChanged: true } };
  return JSON.stringify({ jsonrpc: "2.0", id, method: "subscriptions/listen", params });
}

/** Runs `task` for 0 to `count - 1`, some at once. */
export async function repeat(count: number, task: (index: number) => Promise<unknown>, atOnce = 32): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
