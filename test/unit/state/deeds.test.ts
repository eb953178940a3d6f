import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import type { AuditEntry } from "../../../src/audit/record.ts";
import { createEntryCipher } from "../../../src/crypto/entry-cipher.ts";
import { deeds, recordDeeds, reportDeed } from "../../../src/state/deeds.ts";
import { openSqliteStore, storeName } from "../../../src/state/sqlite-store.ts";
import { createStore } from "../../../src/state/store.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sallyport-deeds-"));
});

afterAll(() => rm(directory, { recursive: true }));

function open() {
  const path = join(directory, randomUUID(), storeName);
  const store = createStore(openSqliteStore(path, Date.now), createEntryCipher(randomBytes(32)), () => {});
  onTestFinished(() => store.close());
  const entries: AuditEntry[] = [];
  return { store, entries, append: async (entry: AuditEntry) => void entries.push(entry) };
}

it("records what was done, by whom and when, once", async () => {
  const { store, entries, append } = open();
  await reportDeed(store, "api-key.create", { name: "nightly" }, 1_000);
  await recordDeeds(store, append, 5_000);
  await recordDeeds(store, append, 6_000);
  expect(entries).toMatchObject([
    {
      event: "admin",
      time: "1970-01-01T00:00:05.000Z",
      note: {
        action: "api-key.create",
        name: "nightly",
        by: expect.stringMatching(/./),
        at: "1970-01-01T00:00:01.000Z",
      },
    },
  ]);
  expect(await store.list(deeds)).toEqual([]);
});

it("keeps what could not be recorded", async () => {
  const { store, entries, append } = open();
  await reportDeed(store, "api-key.revoke", {}, 1_000);
  await expect(recordDeeds(store, () => Promise.reject(new Error("disk full")), 2_000)).rejects.toThrow("disk full");
  await recordDeeds(store, append, 2_000);
  expect(entries).toHaveLength(1);
});

it("leaves what another gateway records, until that has taken too long", async () => {
  const { store, entries, append } = open();
  await reportDeed(store, "api-key.revoke", {}, 1_000);
  const dies = new Promise<void>(() => {});
  void recordDeeds(store, () => dies, 2_000);
  await expect.poll(async () => (await store.list(deeds))[0]?.value.claimedAtMs).toBe(2_000);
  await expect(recordDeeds(store, append, 61_999)).rejects.toThrow("another gateway");
  expect(entries).toEqual([]);
  await recordDeeds(store, append, 62_000);
  expect(entries).toHaveLength(1);
});

it("waits no longer for a gateway that died because the clock was set back", async () => {
  const { store, entries, append } = open();
  await reportDeed(store, "api-key.revoke", {}, 3_700_000);
  const dies = new Promise<void>(() => {});
  void recordDeeds(store, () => dies, 3_700_000);
  await expect.poll(async () => (await store.list(deeds))[0]?.value.claimedAtMs).toBe(3_700_000);
  await recordDeeds(store, append, 100_000);
  expect(entries).toHaveLength(1);
});
