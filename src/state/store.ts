/**
 * What has to outlive a process and be the same for all processes of a gateway: API keys, sessions, codes, revocations. Sealed
 * with the key ring before it is kept (crypto/entry-cipher.ts), so that a copy of the file, or of Redis, is of no use.
 */
import type { z } from "zod";
import type { EntryCipher } from "../crypto/entry-cipher.ts";

/** One sort of entries. Each has a schema, since another version of the gateway may have written what is read. */
export interface Kind<Value> {
  /** Lower-case words joined by hyphens; visible where the store is kept. */
  readonly name: string;
  readonly schema: z.ZodType<Value>;
}

/** An entry as it was read. */
export interface Entry<Value> {
  readonly key: string;
  readonly value: Value;
  /** Grows with each change of the kind. */
  readonly revision: number;
}

/** How an entry is written. */
export interface PutOptions {
  /** Milliseconds since the epoch after which it is gone; default: never. */
  readonly expiresAtMs?: number;
  /** Write only where the entry has this revision; 0: only where there is none. Default: whatever is there. */
  readonly expected?: number;
  /** How many of the kind are kept; beyond that, those written longest ago go. For what anybody can have made. Default: all. */
  readonly most?: number;
}

/** @throws StoreError from each of its methods, where the store cannot be asked */
export interface Store {
  get<Value>(kind: Kind<Value>, key: string): Promise<Entry<Value> | null>;
  /** @returns the entry's revision; null where it is another than `expected` */
  put<Value>(kind: Kind<Value>, key: string, value: Value, options?: PutOptions): Promise<number | null>;
  /**
   * Takes an entry out; of several who try at once one succeeds.
   *
   * @param expected as in {@link PutOptions}
   * @returns whether it was there
   */
  delete<Value>(kind: Kind<Value>, key: string, expected?: number): Promise<boolean>;
  /** Entries of a kind, in the order of their revisions. @param after those up to this revision are left out */
  list<Value>(kind: Kind<Value>, after?: number): Promise<Entry<Value>[]>;
  /**
   * Lets somebody read a kind now and soon after each change, whoever made it; several changes may be one. Where reading fails
   * it is tried again.
   *
   * @returns resolves after the first try
   */
  follow<Value>(kind: Kind<Value>, read: () => Promise<void>): Promise<void>;
  /** Resolves once everybody who follows a kind has read what is there now. Must not be called from within their reading. */
  look(): Promise<void>;
  close(): void;
}

/** The store cannot be asked at the moment, or not by this user. The message is for the operator. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

/** An entry where it is kept. */
export interface KeptEntry {
  readonly name: string;
  readonly sealed: string;
  readonly revision: number;
}

/** Where entries are kept. Knows neither keys nor values. */
export interface StoreBackend {
  read(kind: string, name: string): Promise<KeptEntry | null>;
  write(kind: string, name: string, sealed: string, options: PutOptions): Promise<number | null>;
  erase(kind: string, name: string, expected: number | undefined): Promise<boolean>;
  list(kind: string, after: number): Promise<KeptEntry[]>;
  /**
   * For each kind a value that differs after each change, deleting included. It also differs where nobody can tell whether there was a
   * change, as after a new connection, behind which may be another place.
   */
  heads(): Promise<ReadonlyMap<string, number | string>>;
  close(): void;
}

/** How often changes are looked for, in milliseconds: what is revoked has to be so within a second, on every replica. */
const lookMs = 250;

interface Follower {
  readonly kind: string;
  /** Its head when it was read last; null before that. */
  seen: number | string | null;
  readonly read: () => Promise<void>;
}

/** @param broken told once of each entry that cannot be opened or is not what its kind says, by the kind's name */
export function createStore(backend: StoreBackend, cipher: EntryCipher, broken: (kind: string) => void): Store {
  const followers: Follower[] = [];
  let looking: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;
  const reported = new Set<string>();

  function open<Value>(kind: Kind<Value>, kept: KeptEntry): Entry<Value> | null {
    const text = cipher.open(kept.name, kept.sealed);
    const { key, value } = (text === undefined ? {} : JSON.parse(text)) as { key?: unknown; value?: unknown };
    const read = kind.schema.safeParse(value);
    if (typeof key === "string" && read.success) return { key, value: read.data, revision: kept.revision };
    const mark = `${kept.name} ${kept.revision}`;
    if (!reported.has(mark)) broken(kind.name);
    reported.add(mark);
    return null;
  }

  async function look(): Promise<void> {
    const heads = await backend.heads().catch(() => null);
    if (heads === null) return;
    for (const follower of followers) {
      const head = heads.get(follower.kind) ?? 0;
      // Not only forward: a store that was emptied or restored has changed as well.
      if (head === follower.seen) continue;
      // Taken before it is read: what is written meanwhile shows as another difference.
      await follower.read().then(
        () => {
          follower.seen = head;
        },
        () => {},
      );
    }
  }

  /** One look at a time: where the store is slow, the next one waits. */
  function lookOnce(): Promise<void> {
    looking ??= look().finally(() => {
      looking = null;
    });
    return looking;
  }

  return {
    async get(kind, key) {
      const kept = await backend.read(kind.name, cipher.nameOf(kind.name, key));
      return kept === null ? null : open(kind, kept);
    },
    put(kind, key, value, options = {}) {
      const name = cipher.nameOf(kind.name, key);
      return backend.write(kind.name, name, cipher.seal(name, JSON.stringify({ key, value })), options);
    },
    delete: (kind, key, expected) => backend.erase(kind.name, cipher.nameOf(kind.name, key), expected),
    async list(kind, after = 0) {
      const kept = await backend.list(kind.name, after);
      return kept.map((entry) => open(kind, entry)).filter((entry) => entry !== null);
    },
    async look() {
      // That one may have looked before the last change.
      await looking;
      await lookOnce();
    },
    async follow(kind, read) {
      await looking;
      followers.push({ kind: kind.name, seen: null, read });
      timer ??= setInterval(() => void lookOnce(), lookMs).unref();
      await lookOnce();
    },
    close() {
      clearInterval(timer);
      backend.close();
    },
  };
}
