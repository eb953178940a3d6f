import { Agent, type Dispatcher } from "undici";
import type { ServerConfig } from "../config/schema.ts";

/** One protected MCP server: how it is reached and what of it is in progress. */
export interface Upstream {
  readonly name: string;
  readonly url: URL;
  /** Headers that every request to it carries: credentials and static extras. */
  readonly headers: Readonly<Record<string, string>>;
  readonly maxResponseBytes: number;
  readonly timeouts: ServerConfig["timeouts"];
  readonly clientRequests: ReadonlySet<string>;
  /** For messages and their answers. */
  readonly calls: Dispatcher;
  /** For standalone streams, so that a thousand idle ones never stand in a call's way. */
  readonly streams: Dispatcher;
  /** Exchanges and standalone streams in progress; read by the gauges. */
  readonly load: Readonly<Load>;
  /** Counts an exchange in; what it returns counts it out. */
  begin(isStream: boolean): () => void;
  /** Refusals of its own requests that it is being told of. */
  refusing: number;
  /** Whether the last exchange reached it; unknown before the first. */
  reachable: boolean | null;
  /** Lets exchanges in progress finish, then closes the connections. */
  close(): Promise<void>;
  /** Breaks every exchange off. */
  destroy(): Promise<void>;
}

/** What is in progress at one server. */
export interface Load {
  calls: number;
  streams: number;
}

const maxHeaderBytes = 16_384;

/** Makes the connection pools of one server; nothing is connected before the first call. */
export function createUpstream(name: string, config: ServerConfig): Upstream {
  const { timeouts } = config;
  const options: Agent.Options = {
    // MCP servers speak HTTP/1.1; one exchange a connection, so that a slow answer never delays another.
    allowH2: false,
    pipelining: 1,
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: timeouts.firstByte,
    connect: { timeout: timeouts.connect },
  };
  // No cap on connections: a capped pool queues what exceeds it, for ever. Limits refuse instead (stages/limits.ts).
  const calls = new Agent({ ...options, bodyTimeout: timeouts.idle });
  const streams = new Agent({ ...options, bodyTimeout: 0 });
  const load: Load = { calls: 0, streams: 0 };
  return {
    name,
    url: config.url,
    headers: staticHeaders(config),
    maxResponseBytes: config.maxResponse,
    timeouts,
    clientRequests: new Set(config.clientRequests),
    calls,
    streams,
    load,
    begin(isStream) {
      const kind = isStream ? "streams" : "calls";
      load[kind] += 1;
      return () => {
        load[kind] -= 1;
      };
    },
    refusing: 0,
    reachable: null,
    async close() {
      await Promise.all([calls.close(), streams.close()]);
    },
    async destroy() {
      await Promise.all([calls.destroy(), streams.destroy()]);
    },
  };
}

function staticHeaders(config: ServerConfig): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [header, value] of Object.entries(config.headers)) headers[header.toLowerCase()] = value.reveal();
  if (config.credentials !== undefined) headers.authorization = `Bearer ${config.credentials.bearer.reveal()}`;
  return headers;
}
