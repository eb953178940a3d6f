import type { ServerConfig } from "../config/schema.ts";
import { createTurns, type TurnLimits, type Turns } from "../limits/turns.ts";
import { type CredentialKit, createCredentials } from "./credentials/credentials.ts";
import { createOwnTransport, createSender, type Send } from "./credentials/sender.ts";
import { type Curiosity, createCuriosity } from "./curiosity.ts";
import { createListMemory, type ListMemory } from "./lists.ts";
import { probe } from "./probe.ts";
import { alwaysLegacy, createServerEra, type ServerEra } from "./server-era.ts";
import { createSseTransport } from "./sse-transport.ts";
import { survey } from "./survey.ts";
import { createPools, createStreamableTransport, type Transport } from "./transport.ts";

/** One protected MCP server: how it is reached and what of it is in progress. */
export interface Upstream {
  readonly name: string;
  /** Headers that every request to it carries: a credential that is always the same, and static extras. */
  readonly headers: Readonly<Record<string, string>>;
  readonly maxResponseBytes: number;
  readonly clientRequests: ReadonlySet<string>;
  readonly transport: Transport;
  /** The same for what the gateway asks for itself. */
  readonly own: Transport;
  /** Sends a message with what the server is to see of its caller. */
  readonly send: Send;
  /** Its places, and who waits for one. */
  readonly turns: Turns;
  /** How long a request may wait for a place, in milliseconds. */
  readonly turnTimeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What it speaks. */
  readonly era: ServerEra;
  /** What is known of its lists. */
  readonly lists: ListMemory;
  /** What is not known of its tools. */
  readonly tools: Curiosity;
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

/** What is at a server at the moment, however it is configured by now. */
export interface Occupancy {
  readonly turns: Turns;
  readonly load: Load;
}

/** A server with nobody at it. */
export function createOccupancy(limits: TurnLimits): Occupancy {
  return { turns: createTurns(limits), load: { calls: 0, streams: 0 } };
}

const transports = { "streamable-http": createStreamableTransport, sse: createSseTransport } as const;

/**
 * Makes a server's place in the gateway; nothing is connected before the first call.
 *
 * @param occupancy counts what is at the server, under this configuration or another
 */
export function createUpstream(
  name: string,
  config: ServerConfig,
  kit: CredentialKit,
  occupancy: Occupancy = createOccupancy(config),
): Upstream {
  const { now } = kit;
  const { turns, load } = occupancy;
  const headers = staticHeaders(config);
  const transport = transports[config.transport](config, createPools(config));
  const credentials = createCredentials(name, config, kit);
  const own = createOwnTransport(transport, credentials.own);
  const era = config.transport === "sse" ? alwaysLegacy : createServerEra(() => probe(own, headers), now);
  const lists = createListMemory();
  return {
    name,
    headers,
    maxResponseBytes: config.maxResponse,
    clientRequests: new Set(config.clientRequests),
    transport,
    own,
    send: createSender(transport, credentials),
    turns,
    turnTimeoutMs: config.timeouts.turn,
    now,
    era,
    lists,
    tools: createCuriosity(async () => {
      const ticket = lists.begin("tools");
      const offered = await survey({ own, headers, era }, ["tools/list"]);
      lists.learnAllTools(ticket, { tools: offered.get("tools/list") }, now());
    }, now),
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

/** What every request to the server carries. */
export function staticHeaders(config: ServerConfig): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [header, value] of Object.entries(config.headers)) headers[header.toLowerCase()] = value.reveal();
  const { bearer } = config.credentials ?? {};
  if (bearer !== undefined) headers.authorization = `Bearer ${bearer.reveal()}`;
  return headers;
}
