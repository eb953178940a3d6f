import { type CommandParser, defineScript } from "@redis/client";
import { answeredWithin } from "../patience.ts";
import type { RedisClient } from "./redis.ts";
import { type KeptEntry, type PutOptions, type StoreBackend, StoreError } from "./store.ts";

/** Where an entry is kept, the entries of its kind by revision, and the newest revisions of all kinds. */
type Places = readonly [entry: string, kind: string, heads: string];

function pushPlaces(parser: CommandParser, places: Places): void {
  for (const place of places) parser.pushKey(place);
}

/**
 * Writes an entry unless its revision is another than ARGV[5], if that is given. Answers with its revision, or 0.
 *
 * Redis drops entries whose time is over, but not their names in the list of the kind. So each write also takes up to four such names out:
 * of a kind that nobody lists they would stay for ever. Of ARGV[6], if that is given, see {@link PutOptions.most}.
 */
export const putEntryScript = defineScript({
  SCRIPT: `
local found = redis.call('HGET', KEYS[1], 'revision') or '0'
if ARGV[5] ~= '' and found ~= ARGV[5] then return 0 end
local revision = redis.call('HINCRBY', KEYS[3], ARGV[1], 1)
redis.call('HSET', KEYS[1], 'sealed', ARGV[3], 'revision', revision)
if ARGV[4] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIREAT', KEYS[1], ARGV[4]) end
redis.call('ZADD', KEYS[2], revision, ARGV[2])
local before = string.sub(KEYS[1], 1, -1 - #ARGV[2])
for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, 3)) do
  if redis.call('EXISTS', before .. name) == 0 then redis.call('ZREM', KEYS[2], name) end
end
if ARGV[6] == '' then return revision end
for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1 - ARGV[6])) do
  redis.call('DEL', before .. name)
  redis.call('ZREM', KEYS[2], name)
end
return revision`,
  NUMBER_OF_KEYS: 3,
  parseCommand(parser: CommandParser, places: Places, kind: string, name: string, sealed: string, options: PutOptions) {
    pushPlaces(parser, places);
    parser.push(
      kind,
      name,
      sealed,
      String(options.expiresAtMs ?? ""),
      String(options.expected ?? ""),
      String(options.most ?? ""),
    );
  },
  transformReply: undefined as unknown as () => number,
});

/** Takes an entry out, unless its revision is another than ARGV[3], if that is given. Answers with 1 if it was there. */
export const dropEntryScript = defineScript({
  SCRIPT: `
local found = redis.call('HGET', KEYS[1], 'revision')
if not found or (ARGV[3] ~= '' and found ~= ARGV[3]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('HINCRBY', KEYS[3], ARGV[1], 1)
return 1`,
  NUMBER_OF_KEYS: 3,
  parseCommand(parser: CommandParser, places: Places, kind: string, name: string, expected: number | undefined) {
    pushPlaces(parser, places);
    parser.push(kind, name, String(expected ?? ""));
  },
  transformReply: undefined as unknown as () => number,
});

/** Forgets the name of an entry whose time is over. */
export const forgetEntryScript = defineScript({
  SCRIPT: "if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZREM', KEYS[2], ARGV[1]) end",
  NUMBER_OF_KEYS: 2,
  parseCommand(parser: CommandParser, entry: string, kind: string, name: string) {
    parser.pushKey(entry);
    parser.pushKey(kind);
    parser.push(name);
  },
  transformReply: undefined as unknown as () => null,
});

type StoreClient = Pick<
  RedisClient,
  "isReady" | "on" | "hmGet" | "zRangeByScore" | "hGetAll" | "putEntry" | "dropEntry" | "forgetEntry"
>;

/** How long an answer may take, in milliseconds: people log in by it, no call waits for it. */
const patienceMs = 2_000;
/** How many entries are asked for together. */
const readAtOnce = 100;

/** Keeps entries in a Redis or Valkey, for several machines. @param prefix of its keys there */
export function createRedisStore(client: StoreClient, prefix: string): StoreBackend {
  const heads = `${prefix}:heads`;
  // After a new connection it may be another Redis, or an older state of the same one, whose count happens to be the same: each head names the connection.
  let connections = 0;
  client.on("ready", () => {
    connections += 1;
  });
  const placesOf = (kind: string, name: string): Places => [
    `${prefix}:entry:${kind}:${name}`,
    `${prefix}:entries:${kind}`,
    heads,
  ];

  async function ask<Answer>(command: () => Promise<Answer>): Promise<Answer> {
    if (!client.isReady) throw new StoreError("Redis cannot be reached");
    try {
      return await answeredWithin(patienceMs, command());
    } catch (cause) {
      throw new StoreError(`Redis: ${(cause as Error).message}`, { cause });
    }
  }

  async function read(kind: string, name: string): Promise<KeptEntry | null> {
    const [entry] = placesOf(kind, name);
    const [sealed, revision] = await ask(() => client.hmGet(entry, ["sealed", "revision"]));
    return sealed == null || revision == null ? null : { name, sealed, revision: Number(revision) };
  }

  async function findOrForget(kind: string, name: string): Promise<KeptEntry | null> {
    const found = await read(kind, name);
    const [entry, all] = placesOf(kind, name);
    if (found === null) await ask(() => client.forgetEntry(entry, all, name));
    return found;
  }

  return {
    read,
    async write(kind, name, sealed, options) {
      const revision = await ask(() => client.putEntry(placesOf(kind, name), kind, name, sealed, options));
      return revision === 0 ? null : revision;
    },
    erase: async (kind, name, expected) =>
      (await ask(() => client.dropEntry(placesOf(kind, name), kind, name, expected))) === 1,
    async list(kind, after) {
      const [, all] = placesOf(kind, "");
      const names = await ask(() => client.zRangeByScore(all, `(${after}`, "+inf"));
      const kept: KeptEntry[] = [];
      for (let from = 0; from < names.length; from += readAtOnce) {
        const part = names.slice(from, from + readAtOnce);
        const found = await Promise.all(part.map((name) => findOrForget(kind, name)));
        kept.push(...found.filter((entry) => entry !== null));
      }
      return kept.toSorted((a, b) => a.revision - b.revision);
    },
    async heads() {
      const found = await ask(() => client.hGetAll(heads));
      return new Map(Object.entries(found).map(([kind, head]) => [kind, `${connections}:${head}`]));
    },
    close() {
      // The connection is not this one's own.
    },
  };
}
