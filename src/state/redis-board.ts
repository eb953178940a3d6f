import { setTimeout as delay } from "node:timers/promises";
import { ErrorReply } from "@redis/client";
import type { Keyring } from "../crypto/keyring.ts";
import { type Notice, type NoticeBoard, readNotice } from "./notices.ts";
import type { RedisClient } from "./redis.ts";

/** What {@link createRedisBoard} needs. */
export interface RedisBoardOptions {
  readonly client: Pick<RedisClient, "multi" | "isReady" | "on">;
  /** A connection of its own: its reads wait for what comes. */
  readonly reader: Pick<RedisClient, "xRead" | "on">;
  /** A stream each for ended sessions, answered questions, and what is told again soon, so that none pushes another out. */
  readonly keys: { readonly ended: string; readonly answered: string; readonly passing: string };
  /** By whom notices of this process are signed, so that it does not hear itself. */
  readonly own: string;
  readonly sealer: Pick<Keyring, "seal" | "unseal">;
  /** Told of each notice that was sealed with keys which this process does not have. */
  unopened(): void;
  /** Told, once for each connection, that notices never came: this process was away for too long, or somebody took them out. */
  missed(): void;
  /** Told why, once, when Redis takes no notices: it is read-only, or has no memory left. */
  refused(problem: string): void;
}

type Shelf = keyof RedisBoardOptions["keys"];

/** Numbered by who posts them, for each shelf from 1: so whoever puts an old one there again is not heard. */
interface Numbered {
  readonly nth: number;
  readonly notice: Notice;
}

/** About this many notices are kept for those who were away, and as many wait where Redis is; the oldest go first. */
const mostKept = { ended: 10_000, answered: 10_000, passing: 1_000 } as const;
/** In the order in which they are sent. */
const shelves = ["ended", "answered", "passing"] as const;
const writtenAtOnce = 100;
/** Fewer: what somebody else puts there may be huge, and comes together. */
const readAtOnce = 20;
const blockMs = 1_000;
const retryMs = 500;
const purpose = "notice";

/**
 * Streams in Redis (https://redis.io/docs/latest/develop/data-types/streams/): each process reads them from their beginning
 * and remembers how far it got, so that whoever was cut off for a while catches up.
 */
export function createRedisBoard(options: RedisBoardOptions): NoticeBoard & { close(): void } {
  const { client, reader, keys, own, sealer, unopened, missed, refused } = options;
  const hearers: ((notice: Notice) => void)[] = [];
  const waiting: Record<Shelf, Numbered[]> = { ended: [], answered: [], passing: [] };
  const posted = { ended: 0, answered: 0, passing: 0 };
  /** How far each of the others was heard, by key and name. */
  const heard = new Map<string, number>();
  /** Up to which entry each stream was read, by its key. */
  const last = new Map<string, string>();
  let sending = false;
  /** False once Redis has refused notices, until it takes one. */
  let taken = true;
  /** Whether this connection has told that notices never came. */
  let told = false;
  let closed = false;

  async function send(): Promise<void> {
    if (sending || closed || !client.isReady) return;
    sending = true;
    try {
      for (let shelf = findNext(waiting); shelf !== undefined; shelf = findNext(waiting)) {
        const queue = waiting[shelf];
        const lot = queue.slice(0, writtenAtOnce);
        await write(shelf, lot);
        taken = true;
        const sent = lot.at(-1)?.nth ?? 0;
        queue.splice(0, queue.filter(({ nth }) => nth <= sent).length);
      }
    } catch (error) {
      // They wait until Redis is back, or takes them.
      if (error instanceof ErrorReply && taken) refused(error.message);
      taken &&= !(error instanceof ErrorReply);
      setTimeout(() => void send(), retryMs).unref();
    } finally {
      sending = false;
    }
  }

  /** All of them or none: one that failed while a later one did not would come again with a number that hearers are past, and be taken for an old one. */
  async function write(shelf: Shelf, lot: readonly Numbered[]): Promise<void> {
    const trim = { strategy: "MAXLEN", strategyModifier: "~", threshold: mostKept[shelf] } as const;
    const all = client.multi();
    for (const numbered of lot) {
      all.xAdd(keys[shelf], "*", { sealed: sealer.seal(purpose, { from: own, ...numbered }) }, { TRIM: trim });
    }
    await all.exec();
  }

  /** Another Redis may be there now, or the same one without what it had: its numbers say nothing of how far one got. */
  function startOver(): void {
    for (const key of Object.values(keys)) last.set(key, "0-0");
    told = false;
  }

  async function read(): Promise<void> {
    while (!closed) {
      try {
        const places = Array.from(last, ([key, id]) => ({ key, id }));
        const streams = await reader.xRead(places, { BLOCK: blockMs, COUNT: readAtOnce });
        for (const { name, messages } of streams ?? []) {
          for (const { id, message } of messages) {
            last.set(name, id);
            hear(name, sealer.unseal(purpose, message.sealed ?? ""));
          }
        }
      } catch {
        if (!closed) await delay(retryMs, undefined, { ref: false });
      }
    }
  }

  function hear(key: string, said: unknown): void {
    if (said === undefined) unopened();
    const { from, nth, notice } = (said ?? {}) as { from?: unknown; nth?: unknown; notice?: unknown };
    if (from === own || typeof nth !== "number") return;
    const place = `${key} ${from}`;
    const before = heard.get(place);
    if (before !== undefined && nth <= before) return;
    heard.set(place, nth);
    // What is told again soon is no loss.
    if (before !== undefined && nth > before + 1 && key !== keys.passing && !told) {
      told = true;
      missed();
    }
    const known = readNotice(notice);
    if (known !== undefined) for (const hearer of hearers) hearer(known);
  }

  startOver();
  client.on("ready", () => void send());
  reader.on("ready", startOver);
  return {
    post(notice) {
      const shelf = shelfOf(notice);
      const queue = waiting[shelf];
      posted[shelf] += 1;
      queue.push({ nth: posted[shelf], notice });
      if (queue.length > mostKept[shelf]) queue.shift();
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

function shelfOf(notice: Notice): Shelf {
  return notice.kind === "recall" ? notice.book : "passing";
}

function findNext(waiting: Readonly<Record<Shelf, readonly Numbered[]>>): Shelf | undefined {
  return shelves.find((shelf) => waiting[shelf].length > 0);
}
