import { randomUUID } from "node:crypto";
import { createClient } from "@redis/client";
import type { Secret } from "../config/secret.ts";
import type { Keyring } from "../crypto/keyring.ts";
import { verified } from "../network/verified.ts";
import type { Log } from "../observe/log.ts";
import { createRedisBoard } from "./redis-board.ts";
import { findEviction } from "./redis-eviction.ts";
import { createRedisPermits, takeScript } from "./redis-permits.ts";
import { createRedisStore, dropEntryScript, forgetEntryScript, putEntryScript } from "./redis-store.ts";
import type { Shared } from "./station.ts";
import type { StoreBackend } from "./store.ts";

/** A Redis or Valkey that replicas share. */
export interface RedisShared extends Shared {
  /** Whether it can be asked at the moment. */
  readonly ready: boolean;
  readonly store: StoreBackend;
  close(): void;
}

/** What {@link connectRedis} needs. */
export interface RedisOptions {
  readonly url: Secret;
  readonly keyring: Keyring;
  readonly log: Log;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * Connects to a Redis, now or whenever it can be reached: a gateway starts and serves without it, as the limits' `onFailure` says.
 *
 * Whoever else can write there can empty counters and withhold notices, but not read or make one: they are sealed with the
 * key ring that the replicas have in common, and keys are fingerprints.
 */
export function connectRedis({ url, keyring, log, now }: RedisOptions): RedisShared {
  const prefix = `sallyport:${keyring.fingerprint("redis", "prefix")}`;
  const open = () =>
    createClient({
      url: url.reveal(),
      name: "sallyport",
      scripts,
      disableOfflineQueue: true,
      commandsQueueMaxLength: 10_000,
      pingInterval: pingMs,
      socket: {
        ...(url.reveal().startsWith("rediss:") ? ({ tls: true, ...verified } as const) : {}),
        connectTimeout: 2_000,
        socketTimeout: 3 * pingMs,
        reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 1_000),
      },
    });
  const client = open();
  const reader = open();
  let lost = false;
  client.on("error", (error: unknown) => {
    if (!lost)
      log.warn(
        { problem: error instanceof Error ? error.message : String(error) },
        "Redis cannot be reached; limits.*.onFailure says what holds until it is back",
      );
    lost = true;
  });
  client.on("ready", () => {
    log.info({}, lost ? "Redis is back" : "connected to Redis");
    lost = false;
    // Who may not ask that is told nothing.
    client.info("memory").then(
      (memory) => {
        const policy = findEviction(memory);
        if (policy !== null)
          log.warn({ policy }, "Redis drops entries when its memory is full: set maxmemory-policy noeviction");
      },
      () => {},
    );
  });
  // The same fault as the client's.
  reader.on("error", () => {});
  let closed = false;
  for (const each of [client, reader]) {
    // The client (6.3) goes on with a connection that comes about while it is destroyed, and would keep the process for seconds.
    each.on("connect", () => {
      if (closed) each.destroy();
    });
    // Both go on trying for as long as they are not closed; until then nobody waits for them.
    each.connect().catch(() => {});
  }
  const fingerprint = (text: string) => keyring.fingerprint("redis", text);
  const keys = { ended: `${prefix}:ended`, answered: `${prefix}:answered`, passing: `${prefix}:replicas` };
  let warned = false;
  const unopened = () => {
    if (!warned) log.warn({}, "a notice in Redis cannot be opened: do all replicas have the same keys.json?");
    warned = true;
  };
  const own = randomUUID();
  const board = createRedisBoard({
    ...{ client, reader, keys, own, sealer: keyring, unopened },
    missed: () =>
      log.warn({}, "notices of another gateway never came; what it ended or answered meanwhile is not known"),
    refused: (problem) =>
      log.warn({ problem }, "Redis takes no notices; other gateways do not learn what this one does"),
  });
  const refused = (problem: string) =>
    log.warn({ problem }, "Redis refuses to count; limits.*.onFailure says what holds until it does");
  const permits = createRedisPermits({ client, prefix, fingerprint, now, refused });
  return {
    permits,
    board,
    store: createRedisStore(client, prefix),
    get ready() {
      return client.isReady && permits.counting;
    },
    close() {
      closed = true;
      board.close();
      for (const each of [client, reader]) if (each.isOpen) each.destroy();
    },
  };
}

/** How often a connection shows that it is alive, in milliseconds. */
const pingMs = 2_000;

const scripts = {
  take: takeScript,
  putEntry: putEntryScript,
  dropEntry: dropEntryScript,
  forgetEntry: forgetEntryScript,
};

export type RedisClient = ReturnType<typeof createClient<Record<never, never>, Record<never, never>, typeof scripts>>;
