import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { Secret } from "../../../src/config/secret.ts";
import { createEntryCipher } from "../../../src/crypto/entry-cipher.ts";
import { openKeyring } from "../../../src/crypto/keyring.ts";
import { createLog } from "../../../src/observe/log.ts";
import { connectRedis } from "../../../src/state/redis.ts";
import { openSqliteStore, storeName } from "../../../src/state/sqlite-store.ts";
import { createStore, type Kind, type Store, type StoreBackend, StoreError } from "../../../src/state/store.ts";
import { hasRedis, type Redis, startRedis } from "../../fixtures/redis.ts";

const cups: Kind<{ color: string }> = { name: "cup", schema: z.strictObject({ color: z.string() }) };
const plates: Kind<{ color: string }> = { ...cups, name: "plate" };
const cipher = createEntryCipher(randomBytes(32));
const never = (kind: string) => expect.unreachable(`a broken ${kind}`);

let directory: string;
let redis: Redis | null = null;
const closing: (() => void)[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sallyport-store-"));
  if (hasRedis) redis = await startRedis();
});

afterAll(async () => {
  for (const close of closing) close();
  await redis?.stop();
  await rm(directory, { recursive: true });
});

let drawn = 0;
/** A place that is empty, and can be opened several times. */
const backends: Readonly<Record<string, () => Promise<() => Promise<StoreBackend>>>> = {
  async sqlite() {
    drawn += 1;
    const path = join(directory, `${drawn}`, storeName);
    return async () => openSqliteStore(path, Date.now);
  },
  async redis() {
    drawn += 1;
    const keys = join(directory, `${drawn}`);
    const keyring = await openKeyring(keys, { now: Date.now, sessionLifetimeMs: 1_000 });
    return async () => {
      const log = createLog("error", () => {});
      const shared = connectRedis({ url: new Secret(redis?.url ?? ""), keyring, log, now: () => performance.now() });
      closing.push(() => shared.close());
      await expect.poll(() => shared.ready).toBe(true);
      return shared.store;
    };
  },
};

const kept = Object.keys(backends).filter((name) => name !== "redis" || hasRedis);

describe.each(kept)("%s", (name) => {
  const prepare = async () => {
    const open = await (backends[name] as (typeof backends)[string])();
    const stores: Store[] = [];
    for (const backend of [await open(), await open()]) {
      const store = createStore(backend, cipher, never);
      closing.push(() => store.close());
      stores.push(store);
    }
    return stores as [Store, Store];
  };

  it("keeps so many of a kind as it is told, and of others all", async () => {
    const [mine, yours] = await prepare();
    await mine.put(plates, "a", { color: "red" });
    for (const key of ["a", "b", "c"]) await mine.put(cups, key, { color: "red" }, { most: 3 });
    await yours.put(cups, "a", { color: "blue" }, { most: 3 });
    await yours.put(cups, "d", { color: "red" }, { most: 3 });
    expect((await mine.list(cups)).map(({ key }) => key)).toEqual(["c", "a", "d"]);
    expect(await mine.get(cups, "b")).toBeNull();
    expect(await mine.get(plates, "a")).not.toBeNull();
  });

  it("gives what was put, to every process, and nothing under another key or kind", async () => {
    const [mine, yours] = await prepare();
    expect(await yours.get(cups, "a")).toBeNull();
    await mine.put(cups, "a", { color: "red" });
    await mine.put(cups, "a", { color: "blue" });
    expect(await yours.get(cups, "a")).toMatchObject({ key: "a", value: { color: "blue" } });
    expect(await yours.get(cups, "b")).toBeNull();
    expect(await yours.get(plates, "a")).toBeNull();
  });

  it("lets one of several writers win", async () => {
    const [mine, yours] = await prepare();
    const first = await mine.put(cups, "a", { color: "red" }, { expected: 0 });
    expect(first).not.toBeNull();
    expect(await yours.put(cups, "a", { color: "blue" }, { expected: 0 })).toBeNull();
    const tries = await Promise.all(
      [mine, yours, mine, yours].map((store, at) =>
        store.put(cups, "a", { color: `${at}` }, { expected: first ?? -1 }),
      ),
    );
    expect(tries.filter((revision) => revision !== null)).toHaveLength(1);
  });

  it("lets one of several takers have it", async () => {
    const [mine, yours] = await prepare();
    await mine.put(cups, "a", { color: "red" });
    const taken = await Promise.all([mine, yours, mine].map((store) => store.delete(cups, "a")));
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect(await yours.get(cups, "a")).toBeNull();
    const revision = await mine.put(cups, "b", { color: "red" });
    expect(await yours.delete(cups, "b", (revision ?? 0) + 1)).toBe(false);
    expect(await yours.delete(cups, "b", revision ?? 0)).toBe(true);
  });

  it("forgets what has expired", async () => {
    const [mine] = await prepare();
    await mine.put(cups, "past", { color: "red" }, { expiresAtMs: Date.now() - 1 });
    await mine.put(cups, "later", { color: "red" }, { expiresAtMs: Date.now() + 60_000 });
    expect(await mine.get(cups, "past")).toBeNull();
    expect((await mine.list(cups)).map(({ key }) => key)).toEqual(["later"]);
    expect(await mine.put(cups, "past", { color: "blue" }, { expected: 0 })).not.toBeNull();
    // What lasts for ever now did not before.
    await mine.put(cups, "later", { color: "blue" });
    expect((await mine.list(cups)).map(({ key }) => key)).toEqual(["past", "later"]);
  });

  it("lists a kind in the order of changes, from any of them on", async () => {
    const [mine, yours] = await prepare();
    const revision = (await mine.put(cups, "a", { color: "red" })) ?? 0;
    await mine.put(cups, "b", { color: "red" });
    await mine.put(plates, "c", { color: "red" });
    await mine.put(cups, "a", { color: "blue" });
    expect((await yours.list(cups)).map(({ key, value }) => [key, value.color])).toEqual([
      ["b", "red"],
      ["a", "blue"],
    ]);
    expect((await yours.list(cups, revision + 1)).map(({ key }) => key)).toEqual(["a"]);
  });

  it("says what another process changed: put, changed, deleted", async () => {
    const [mine, yours] = await prepare();
    let changes = 0;
    let fails = true;
    await yours.follow(cups, async () => {
      changes += 1;
      if (fails) throw new Error("read it again");
    });
    expect(changes).toBe(1);
    await expect.poll(() => changes).toBeGreaterThan(1);
    fails = false;
    for (const act of [
      () => mine.put(cups, "a", { color: "red" }),
      () => mine.put(cups, "a", { color: "blue" }),
      () => mine.delete(cups, "a"),
    ]) {
      const before = changes;
      await act();
      await expect.poll(() => changes).toBeGreaterThan(before);
    }
  });

  it("says at once what is there by now to whoever waits for it", async () => {
    const [mine, yours] = await prepare();
    let known: string[] = [];
    await yours.follow(cups, async () => {
      known = (await yours.list(cups)).map(({ key }) => key);
    });
    for (const key of ["a", "b", "c"]) {
      await mine.put(cups, key, { color: "red" });
      await yours.look();
      expect(known).toContain(key);
    }
  });
});

it.runIf(hasRedis)("in Redis names go too of what has expired, though nobody lists them", async () => {
  const open = await backends.redis?.();
  if (open === undefined) throw new Error("no Redis");
  const store = createStore(await open(), cipher, never);
  const spoons: Kind<{ color: string }> = { ...cups, name: "spoon" };
  for (let count = 0; count < 20; count += 1)
    await store.put(spoons, `${count}`, { color: "red" }, { expiresAtMs: Date.now() - 1 });
  await store.put(spoons, "last", { color: "red" });
  const raw = await createClient({ url: redis?.url ?? "" }).connect();
  closing.push(() => raw.destroy());
  const [names = ""] = await raw.keys("*:entries:spoon");
  expect(await raw.zCard(names)).toBe(1);
});

describe("what is kept", () => {
  it("shows neither keys nor values, and no entry can be given another's", async () => {
    const path = join(directory, "sealed", storeName);
    const backend = openSqliteStore(path, Date.now);
    const store = createStore(backend, cipher, never);
    await store.put(cups, "key-canary", { color: "value-canary" });
    await store.put(cups, "other", { color: "red" });
    for (const file of await readdir(join(directory, "sealed"))) {
      const bytes = await readFile(join(directory, "sealed", file), "latin1");
      expect(bytes, file).not.toMatch(/canary/);
      expect((await stat(join(directory, "sealed", file))).mode & 0o777, file).toBe(0o600);
    }
    store.close();
    const raw = new DatabaseSync(path);
    raw.exec("CREATE TEMP TABLE before AS SELECT * FROM entries");
    raw.exec("UPDATE entries SET sealed = (SELECT sealed FROM before WHERE before.name <> entries.name)");
    raw.close();
    const broken: string[] = [];
    const again = createStore(openSqliteStore(path, Date.now), cipher, (kind) => broken.push(kind));
    expect([await again.get(cups, "other"), await again.list(cups), broken]).toEqual([null, [], ["cup", "cup"]]);
    again.close();
  });

  it("is not read where it is not what its kind says", async () => {
    const path = join(directory, "elder", storeName);
    const elder = createStore(openSqliteStore(path, Date.now), cipher, never);
    await elder.put({ name: "cup", schema: z.unknown() }, "a", { handle: true });
    elder.close();
    const broken: string[] = [];
    const store = createStore(openSqliteStore(path, Date.now), cipher, (kind) => broken.push(kind));
    expect([await store.get(cups, "a"), broken]).toEqual([null, ["cup"]]);
    store.close();
  });

  it("is opened by processes that start together: each waits for the one that makes the file", async () => {
    const path = join(await mkdtemp(join(directory, "together-")), storeName);
    await writeFile(path, "", { mode: 0o600 });
    // Holds the file as another process does that makes its tables; on another thread, for opening blocks this one.
    const other = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
       const raw = new (require("node:sqlite").DatabaseSync)(workerData);
       raw.exec("BEGIN IMMEDIATE");
       parentPort.postMessage("held");
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
       raw.exec("ROLLBACK");
       raw.close();`,
      { eval: true, workerData: path },
    );
    await once(other, "message");
    const store = createStore(openSqliteStore(path, Date.now), cipher, never);
    await store.put(cups, "a", { color: "red" });
    expect((await store.get(cups, "a"))?.value).toEqual({ color: "red" });
    store.close();
  });

  it.each([
    [
      "a file that is no database",
      async (path: string) => writeFile(path, "no database at all", { mode: 0o600 }),
      /not a database/,
    ],
    [
      "a file that others can read",
      async (path: string) => {
        openSqliteStore(path, Date.now).close();
        await chmod(path, 0o644);
      },
      /chmod 600/,
    ],
    [
      "the file of a later version",
      async (path: string) => {
        openSqliteStore(path, Date.now).close();
        const raw = new DatabaseSync(path);
        raw.exec("PRAGMA user_version = 2");
        raw.close();
      },
      /later version/,
    ],
  ])("is not opened in %s", async (_what, spoil, words) => {
    const path = join(await mkdtemp(join(directory, "bad-")), storeName);
    await spoil(path);
    expect(() => openSqliteStore(path, Date.now)).toThrow(StoreError);
    expect(() => openSqliteStore(path, Date.now)).toThrow(words);
  });
});
