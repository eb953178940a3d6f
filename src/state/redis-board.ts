import { setTimeout as delay } from "node:timers/promises";
import type { Keyring } from "../crypto/keyring.ts";
import { type Notice, type NoticeBoard, readNotice } from "./notices.ts";
import type { RedisClient } from "./redis.ts";

/** What {@link createRedisBoard} needs. */
export interface RedisBoardOptions {
  readonly client: Pick<RedisClient, "xAdd" | "isReady" | "on">;
  /** A connection of its own: its reads wait for what comes. */
  readonly reader: Pick<RedisClient, "xRead">;
  /** Of what is to be known for long, and of what is told again soon, so that the one does not push the other out. */
  readonly keys: { readonly lasting: string; readonly passing: string };
  /** By whom notices of this process are signed, so that it does not hear itself. */
  readonly own: string;
  readonly sealer: Pick<Keyring, "seal" | "unseal">;
}

/** About this many notices are kept for those who were away. */
const mostKept = { lasting: 10_000, passing: 1_000 } as const;
/** Notices that wait for Redis; the oldest go first. */
const maxWaiting = 1_000;
const readAtOnce = 100;
const blockMs = 1_000;
const retryMs = 500;
const purpose = "notice";

/**
 * Two streams in Redis (https://redis.io/docs/latest/develop/data-types/streams/): each process reads them from their beginning
 * and remembers how far it got, so that whoever was cut off for a while catches up.
 */
export function createRedisBoard(options: RedisBoardOptions): NoticeBoard & { close(): void } {
  const { client, reader, keys, own, sealer } = options;
  const hearers: ((notice: Notice) => void)[] = [];
  const waiting: Notice[] = [];
  let sending = false;
  let closed = false;

  async function send(): Promise<void> {
    if (sending || !client.isReady) return;
    sending = true;
    try {
      for (let [notice] = waiting; notice !== undefined; [notice] = waiting) {
        const kind = notice.kind === "runs" ? "passing" : "lasting";
        const sealed = sealer.seal(purpose, { from: own, notice });
        const trim = { strategy: "MAXLEN", strategyModifier: "~", threshold: mostKept[kind] } as const;
        await client.xAdd(keys[kind], "*", { sealed }, { TRIM: trim });
        if (waiting[0] === notice) waiting.shift();
      }
    } catch {
      // It waits until Redis is back.
    } finally {
      sending = false;
    }
  }

  async function read(): Promise<void> {
    const last = new Map(Object.values(keys).map((key) => [key, "0-0"]));
    while (!closed) {
      try {
        const places = Array.from(last, ([key, id]) => ({ key, id }));
        const streams = await reader.xRead(places, { BLOCK: blockMs, COUNT: readAtOnce });
        for (const { name, messages } of streams ?? []) {
          for (const { id, message } of messages) {
            last.set(name, id);
            hear(sealer.unseal(purpose, message.sealed ?? ""));
          }
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
