import { Agent } from "undici";
import type { ServerConfig } from "../config/schema.ts";
import type { Ending } from "../ending.ts";
import { verified } from "../network/verified.ts";
import { dispatch, type ServerAnswer } from "./dispatch.ts";

/** What goes to a server, in the terms of Streamable HTTP whatever it is that the server speaks. */
export interface Outgoing {
  readonly kind: "request" | "notification" | "response" | "listen" | "end";
  /** Id and method of a request; null for everything else. */
  readonly id: string | number | null;
  readonly method: string | null;
  /** The answer is a stream that lasts until someone ends it. */
  readonly endless: boolean;
  /** All of the request's own headers, lower case; `mcp-session-id` is the server's own id. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string | null;
  readonly signal: Ending;
}

/** How one server is spoken to. */
export interface Transport {
  /** @throws Error of undici or of the socket; failure.ts gives it a name */
  send(outgoing: Outgoing): Promise<ServerAnswer>;
  /** Lets exchanges in progress finish, then closes the connections. */
  close(): Promise<void>;
  /** Breaks every exchange off. */
  destroy(): Promise<void>;
}

/** Connections to a server: calls, and streams in a pool of their own, so that a thousand idle ones never stand in a call's way. */
export interface Pools {
  readonly calls: Agent;
  readonly streams: Agent;
}

const maxHeaderBytes = 16_384;

/** Nothing is connected before the first use. No cap on connections: a capped pool queues what exceeds it, for ever. */
export function createPools({ timeouts }: ServerConfig): Pools {
  const options: Agent.Options = {
    // MCP servers speak HTTP/1.1; one exchange a connection, so that a slow answer never delays another.
    allowH2: false,
    pipelining: 1,
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: timeouts.firstByte,
    connect: { ...verified, timeout: timeouts.connect },
  };
  return {
    calls: new Agent({ ...options, bodyTimeout: timeouts.idle }),
    streams: new Agent({ ...options, bodyTimeout: 0 }),
  };
}

/** By what each kind of message is sent. */
export const verbs = { listen: "GET", end: "DELETE", request: "POST", notification: "POST", response: "POST" } as const;

/** undici keeps a request as long as its answer lasts, and would encode text into a slab of the shared pool. */
function keep(body: Outgoing["body"]): Outgoing["body"] {
  if (typeof body !== "string") return body;
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(body));
  bytes.write(body);
  return bytes;
}

/** Streamable HTTP (MCP 2025-03-26 and later, Transports): every message is an exchange of its own. */
export function createStreamableTransport({ url }: ServerConfig, { calls, streams }: Pools): Transport {
  // A URL puts them together anew each time.
  const { origin, pathname: path } = url;
  return {
    send({ kind, endless, headers, body, signal }) {
      const request = {
        origin,
        path,
        method: verbs[kind],
        headers,
        body: endless ? keep(body) : body,
      };
      return dispatch(endless ? streams : calls, request, signal);
    },
    async close() {
      await Promise.all([calls.close(), streams.close()]);
    },
    async destroy() {
      await Promise.all([calls.destroy(), streams.destroy()]);
    },
  };
}
