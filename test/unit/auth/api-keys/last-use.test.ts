import { expect, it } from "vitest";
import type { ApiKey } from "../../../../src/auth/api-keys/api-key.ts";
import { createUseNotes, endOfDay } from "../../../../src/auth/api-keys/last-use.ts";
import type { Store } from "../../../../src/state/store.ts";

const day = 86_400_000;
const startMs = Date.parse("2026-07-28T23:59:00Z");

function open() {
  const entries = new Map<string, { value: unknown; revision: number; expiresAtMs: number | undefined }>();
  let nowMs = startMs;
  let writes = 0;
  let broken = false;
  const store: Pick<Store, "get" | "put"> = {
    async get(_kind, key) {
      if (broken) throw new Error("away");
      const found = entries.get(key);
      return found === undefined ? null : ({ key, ...found } as never);
    },
    async put(_kind, key, value, { expected, expiresAtMs } = {}) {
      const revision = entries.get(key)?.revision ?? 0;
      if (expected !== revision) return null;
      writes += 1;
      entries.set(key, { value, revision: revision + 1, expiresAtMs });
      return revision + 1;
    },
  };
  return {
    entries,
    note: () => createUseNotes(store, () => nowMs),
    writes: () => writes,
    pass(ms: number) {
      nowMs += ms;
    },
    fail(whether: boolean) {
      broken = whether;
    },
  };
}

const keyOf = (id: string, expiresAtMs: number | null = null) => ({ id, expiresAtMs }) as ApiKey;

it("writes once a day for each key, whichever process it is", async () => {
  const { note, writes, entries, pass } = open();
  const [one, other] = [note(), note()];
  await Promise.all([one(keyOf("a")), other(keyOf("a")), one(keyOf("a"))]);
  await one(keyOf("b", startMs + day));
  expect(writes()).toBe(2);
  expect(entries.get("a")).toMatchObject({ value: { day: "2026-07-28" }, expiresAtMs: undefined });
  expect(entries.get("b")?.expiresAtMs).toBeGreaterThan(startMs + day);
  pass(60_000);
  await other(keyOf("a"));
  await one(keyOf("a"));
  expect([writes(), entries.get("a")?.value]).toEqual([3, { day: "2026-07-29" }]);
});

it("tries again where the store could not be asked, and says nothing of it", async () => {
  const { note, writes, fail } = open();
  const one = note();
  fail(true);
  await one(keyOf("a"));
  fail(false);
  await one(keyOf("a"));
  expect(writes()).toBe(1);
});

it.each([
  ["2026-07-28T00:00:00.000Z", "2026-07-29T00:00:00.000Z"],
  ["2026-07-28T23:59:59.999Z", "2026-07-29T00:00:00.000Z"],
])("the day of %s is over at %s", (moment, end) => {
  expect(new Date(endOfDay(Date.parse(moment))).toISOString()).toBe(end);
});
