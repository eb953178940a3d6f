import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { Agent } from "undici";
import type { ServerConfig } from "../config/schema.ts";
import { Denial } from "../denial.ts";

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
  readonly signal: AbortSignal;
}

/** The head of the server's answer; its body is still on the way. */
export interface Answer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/** How one server is spoken to. */
export interface Transport {
  /** @throws Error of undici or of the socket; failure.ts gives it a name */
  send(outgoing: Outgoing): Promise<Answer>;
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
/** Answers of status 1xx before the one that counts (RFC 9110 section 15.2). */
const maxInterim = 16;

/** Nothing is connected before the first use. No cap on connections: a capped pool queues what exceeds it, for ever. */
export function createPools({ timeouts }: ServerConfig): Pools {
  const options: Agent.Options = {
    // MCP servers speak HTTP/1.1; one exchange a connection, so that a slow answer never delays another.
    allowH2: false,
    pipelining: 1,
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: timeouts.firstByte,
    connect: { timeout: timeouts.connect },
  };
  return {
    calls: new Agent({ ...options, bodyTimeout: timeouts.idle }),
    streams: new Agent({ ...options, bodyTimeout: 0 }),
  };
}

const verbs = { listen: "GET", end: "DELETE", request: "POST", notification: "POST", response: "POST" } as const;

/** Streamable HTTP (MCP 2025-03-26 and later, Transports): every message is an exchange of its own. */
export function createStreamableTransport({ url }: ServerConfig, { calls, streams }: Pools): Transport {
  return {
    send({ kind, endless, headers, body, signal }) {
      let interim = 0;
      return (endless ? streams : calls).request({
        origin: url.origin,
        path: url.pathname,
        method: verbs[kind],
        headers: headers as Record<string, string>,
        body,
        signal,
        // Each of them starts the time for a first byte anew.
        onInfo() {
          interim += 1;
          if (interim > maxInterim) throw new Denial("upstream_malformed", { detail: "interim answers without end" });
        },
      });
    },
    async close() {
      await Promise.all([calls.close(), streams.close()]);
    },
    async destroy() {
      await Promise.all([calls.destroy(), streams.destroy()]);
    },
  };
}
