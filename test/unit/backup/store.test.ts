import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readBytes } from "../../../src/backup/sources.ts";
import { isStoreFile, openStore } from "../../../src/backup/store.ts";
import { openSqliteStore, storeName } from "../../../src/state/sqlite-store.ts";
import { collect } from "../audit/lines.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sallyport-store-"));
});

afterEach(() => rm(directory, { recursive: true }));

it("is copied as it is at one moment, while it is written to", async () => {
  const path = join(directory, storeName);
  const writer = openSqliteStore(path, Date.now);
  await writer.write("cup", "a", "red", {});
  const source = await openStore(path);
  if (source === null) throw new Error("there is a store");
  await writer.write("cup", "b", "blue", {});
  const copy = join(directory, "copy.db");
  await writeFile(copy, Buffer.concat(await collect(readBytes(source))), { mode: 0o600 });
  await source.handle.close();
  const reader = openSqliteStore(copy, Date.now);
  expect([source.path, (await reader.list("cup", 0)).map(({ name }) => name)]).toEqual([path, ["a"]]);
  for (const store of [reader, writer]) store.close();
});

it("leaves nothing behind in the directory for temporary files", async () => {
  const path = join(directory, storeName);
  openSqliteStore(path, Date.now).close();
  const before = new Set(await readdir(tmpdir()));
  await (await openStore(path))?.handle.close();
  expect((await readdir(tmpdir())).filter((name) => name.startsWith("sallyport-backup-") && !before.has(name))).toEqual(
    [],
  );
});

it("is none where there is none, and says what is wrong with what is no store", async () => {
  const path = join(directory, storeName);
  expect(await openStore(path)).toBeNull();
  await writeFile(path, "no database, and longer than the head of one would be");
  await expect(openStore(path)).rejects.toThrow(/cannot be copied/);
});

it.each([
  ["state.db", true],
  ["state.db-wal", true],
  ["state.db-shm", true],
  ["keys.json", false],
  ["state.db.key", false],
])("%s: %s", (name, expected) => {
  expect(isStoreFile(name)).toBe(expected);
});
