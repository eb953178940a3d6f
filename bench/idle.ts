import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startChild } from "../test/fixtures/child.ts";
import { type Client, createClient, repeat, type Stream, type StreamKind } from "./client.ts";
import { measure } from "./measure.ts";
import { createScale, type Memory, type Scale } from "./memory.ts";
import type { Sallyport } from "./sallyport.ts";

/** The server behind the gateway, and what it sees. */
export interface Stub {
  readonly url: string;
  /** Connections to it, and streams that it holds open. */
  look(): Promise<{ readonly connections: number; readonly streams: number }>;
  stop(): Promise<unknown>;
}

export async function startStub(): Promise<Stub> {
  const { ready, stop } = await startChild([fileURLToPath(new URL("stub.ts", import.meta.url))]);
  const url = String(ready.url);
  return {
    url,
    look: async () => (await fetch(new URL("/state", url))).json() as ReturnType<Stub["look"]>,
    stop,
  };
}

/** A gateway that streams are opened through. */
export interface Setting {
  readonly sallyport: Sallyport;
  readonly stub: Stub;
  readonly kind: StreamKind;
  /** One for each identity. */
  readonly tokens: readonly string[];
}

/** What idle streams cost. */
export interface Weight {
  /** Bytes, of one stream. */
  readonly each: Memory;
  /** To the server, for calls, with all streams open. */
  readonly callConnections: number;
  readonly slowestCallMs: number;
}

/** What is allocated between two streams shows whether a stream holds on to more than its own, such as a whole slab of buffers. */
const callsBeforeEach = 8;
const warmUp = { calls: 10_000, streams: 50 };
/** So many streams are opened between two collections: what counts is what streams hold, not what calls have left. */
const batch = 50;

/**
 * Opens idle streams amid calls, and weighs them.
 *
 * @throws Error when a stream or a call fails
 */
export async function weighStreams(setting: Setting, count: number): Promise<Weight> {
  const { sallyport, stub } = setting;
  const scale = await createScale(sallyport.gateway);
  await withClient(setting, (client) => repeat(warmUp.calls, (index) => client.call(tokenOf(setting, index))));
  await close(stub, await openAmidCalls(setting, warmUp.streams, scale));
  const before = await scale.weigh();
  const streams = await openAmidCalls(setting, count, scale);
  await settle(stub, count);
  const after = await scale.weigh();
  const beside = await callBeside(setting);
  await close(stub, streams);
  const each = (part: keyof Memory) => (after[part] - before[part]) / count;
  return { each: { own: each("own"), heap: each("heap"), buffers: each("buffers") }, ...beside };
}

/** Processor time of a call in one round, in microseconds. */
export interface Round {
  readonly without: number;
  readonly beside: number;
}

/** Sends load without streams and then, through the same process, beside `count` idle ones. */
export async function compareCalls(setting: Setting, count: number, seconds: number): Promise<Round> {
  const load = { connections: 16, seconds, tokens: [tokenOf(setting, 0)] };
  const without = await measure(setting.sallyport, load);
  const streams = await withClient(setting, (client) => open(setting, client, count));
  const beside = await measure(setting.sallyport, load);
  await close(setting.stub, streams);
  return { without: without.cpuMicrosPerCall, beside: beside.cpuMicrosPerCall };
}

async function withClient<Result>({ sallyport }: Setting, use: (client: Client) => Promise<Result>): Promise<Result> {
  const client = await createClient(sallyport.url, sallyport.caFile);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

function tokenOf({ tokens }: Setting, index: number): string {
  return tokens[index % tokens.length] ?? "";
}

async function open(setting: Setting, client: Client, count: number): Promise<Stream[]> {
  const streams: Stream[] = [];
  await repeat(count, async (index) => {
    streams.push(await client.openStream(setting.kind, tokenOf(setting, index)));
  });
  return streams;
}

async function openAmidCalls(setting: Setting, count: number, scale: Scale): Promise<Stream[]> {
  return withClient(setting, async (client) => {
    const streams: Stream[] = [];
    while (streams.length < count) {
      await repeat(Math.min(batch, count - streams.length), async (index) => {
        for (let calls = 0; calls < callsBeforeEach; calls++) await client.call(tokenOf(setting, index));
        streams.push(await client.openStream(setting.kind, tokenOf(setting, index)));
      });
      await scale.collect();
    }
    return streams;
  });
}

/** Calls, one after the other, while all streams are open. */
async function callBeside(setting: Setting): Promise<Omit<Weight, "each">> {
  let slowestCallMs = 0;
  await withClient(setting, async (client) => {
    for (let index = 0; index < 100; index++) {
      slowestCallMs = Math.max(slowestCallMs, await client.call(tokenOf(setting, index)));
    }
  });
  const { connections, streams } = await setting.stub.look();
  return { callConnections: connections - streams, slowestCallMs };
}

async function close(stub: Stub, streams: readonly Stream[]): Promise<void> {
  if (!streams.every((stream) => stream.open)) throw new Error("a stream has ended that nobody ended");
  for (const stream of streams) stream.drop();
  await settle(stub, 0);
}

const settleMs = 60_000;

/** Waits until the server has these streams and no other connection: those that calls were on have been closed for idleness. */
async function settle(stub: Stub, streams: number): Promise<void> {
  for (const begin = performance.now(); ; await wait(200)) {
    const seen = await stub.look();
    if (seen.streams === streams && seen.connections === streams) return;
    if (performance.now() - begin > settleMs) {
      throw new Error(`the server has ${seen.streams} streams on ${seen.connections} connections, expected ${streams}`);
    }
  }
}
