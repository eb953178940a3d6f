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
  /** Told of each notice that was sealed with keys which this process does not have. */
  unopened(): void;
}

type Kind = keyof RedisBoardOptions["keys"];

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
  const { client, reader, keys, own, sealer, unopened } = options;
  const hearers: ((notice: Notice) => void)[] = [];
  const waiting: Record<Kind, Notice[]> = { lasting: [], passing: [] };
  let sending = false;
  let closed = false;

  async function send(): Promise<void> {
    if (sending || !client.isReady) return;
    sending = true;
    try {
      for (let next = findNext(waiting); next !== undefined; next = findNext(waiting)) {
        const { kind, notice } = next;
        const sealed = sealer.seal(purpose, { from: own, notice });
        const trim = { strategy: "MAXLEN", strategyModifier: "~", threshold: mostKept[kind] } as const;
        await client.xAdd(keys[kind], "*", { sealed }, { TRIM: trim });
        if (waiting[kind][0] === notice) waiting[kind].shift();
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
    if (said === undefined) unopened();
    const { from, notice } = (said ?? {}) as { from?: unknown; notice?: unknown };
    const known = readNotice(notice);
    if (from !== own && known !== undefined) for (const hearer of hearers) hearer(known);
  }

  client.on("ready", () => void send());
  return {
    post(notice) {
      // What is of no use in a minute must not push out what a session's end depends on.
      const queue = waiting[notice.kind === "recall" ? "lasting" : "passing"];
      queue.push(notice);
      if (queue.length > maxWaiting) queue.shift();
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

/** The oldest that waits; what lasts comes first. */
function findNext(waiting: Readonly<Record<Kind, readonly Notice[]>>): { kind: Kind; notice: Notice } | undefined {
  const [lasting] = waiting.lasting;
  if (lasting !== undefined) return { kind: "lasting", notice: lasting };
  const [passing] = waiting.passing;
  return passing && { kind: "passing", notice: passing };
}
