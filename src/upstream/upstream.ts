import type { ServerConfig } from "../config/schema.ts";
import { createPools, createStreamableTransport, type Transport } from "./transport.ts";

/** One protected MCP server: how it is reached and what of it is in progress. */
export interface Upstream {
  readonly name: string;
  /** Headers that every request to it carries: credentials and static extras. */
  readonly headers: Readonly<Record<string, string>>;
  readonly maxResponseBytes: number;
  readonly clientRequests: ReadonlySet<string>;
  readonly transport: Transport;
  /** Exchanges and standalone streams in progress; read by the gauges. */
  readonly load: Readonly<Load>;
  /** Counts an exchange in; what it returns counts it out. */
  begin(isStream: boolean): () => void;
  /** Refusals of its own requests that it is being told of. */
  refusing: number;
  /** Whether the last exchange reached it; unknown before the first. */
  reachable: boolean | null;
}

/** What is in progress at one server. */
export interface Load {
  calls: number;
  streams: number;
}

/** Makes a server's place in the gateway; nothing is connected before the first call. */
export function createUpstream(name: string, config: ServerConfig): Upstream {
  const load: Load = { calls: 0, streams: 0 };
  return {
    name,
    headers: staticHeaders(config),
    maxResponseBytes: config.maxResponse,
    clientRequests: new Set(config.clientRequests),
    transport: createStreamableTransport(config, createPools(config)),
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
  };
}

function staticHeaders(config: ServerConfig): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [header, value] of Object.entries(config.headers)) headers[header.toLowerCase()] = value.reveal();
  if (config.credentials !== undefined) headers.authorization = `Bearer ${config.credentials.bearer.reveal()}`;
  return headers;
}
