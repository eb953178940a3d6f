import { setTimeout as delay } from "node:timers/promises";
import type { Keyring } from "../crypto/keyring.ts";
import { type Notice, type NoticeBoard, readNotice } from "./notices.ts";
import type { RedisClient } from "./redis.ts";

/** What {@link createRedisBoard} needs. */
export interface RedisBoardOptions {
  readonly client: Pick<RedisClient, "xAdd" | "isReady" | "on">;
  /** A connection of its own: its reads wait for what comes. */
  readonly reader: Pick<RedisClient, "xRead">;
  readonly key: string;
  /** By whom notices of this process are signed, so that it does not hear itself. */
  readonly own: string;
  readonly sealer: Pick<Keyring, "seal" | "unseal">;
}

/** About this many notices are kept for those who were away. */
const maxKept = 10_000;
/** Notices that wait for Redis; the oldest go first. */
const maxWaiting = 1_000;
const readAtOnce = 100;
const blockMs = 1_000;
const retryMs = 500;
const purpose = "notice";

/**
 * A stream in Redis (https://redis.io/docs/latest/develop/data-types/streams/): each process reads it from its beginning and
 * remembers how far it got, so that whoever was cut off for a while catches up.
 */
export function createRedisBoard(options: RedisBoardOptions): NoticeBoard & { close(): void } {
  const { client, reader, key, own, sealer } = options;
  const hearers: ((notice: Notice) => void)[] = [];
  const waiting: Notice[] = [];
  let sending = false;
  let closed = false;

  async function send(): Promise<void> {
    if (sending || !client.isReady) return;
    sending = true;
    try {
      for (let [notice] = waiting; notice !== undefined; [notice] = waiting) {
        const sealed = sealer.seal(purpose, { from: own, notice });
        await client.xAdd(
          key,
          "*",
          { sealed },
          { TRIM: { strategy: "MAXLEN", strategyModifier: "~", threshold: maxKept } },
        );
        if (waiting[0] === notice) waiting.shift();
      }
    } catch {
      // It waits until Redis is back.
    } finally {
      sending = false;
    }
  }

  async function read(): Promise<void> {
    let last = "0-0";
    while (!closed) {
      try {
        const streams = await reader.xRead({ key, id: last }, { BLOCK: blockMs, COUNT: readAtOnce });
        for (const { id, message } of streams?.[0]?.messages ?? []) {
          last = id;
          hear(sealer.unseal(purpose, message.sealed ?? ""));
        }
      } catch {
        if (!closed) await delay(retryMs, undefined, { ref: false });
      }
    }
  }

  function hear(said: unknown): void {
    const { from, notice } = (said ?? {}) as { from?: unknown; notice?: unknown };
    const known = readNotice(notice);
    if (from !== own && known !== undefined) for (const hearer of hearers) hearer(known);
  }

  client.on("ready", () => void send());
  return {
    post(notice) {
      waiting.push(notice);
      if (waiting.length > maxWaiting) waiting.shift();
      void send();
    },
    attend(hearer) {
      hearers.push(hearer);
      // Whoever attends in the same turn hears the past as well.
      if (hearers.length === 1) setImmediate(() => void read());
    },
    close() {
      closed = true;
    },
  };
}
