import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createSecondFactor, secondFactors } from "../../../../src/auth/users/second-factor.ts";
import { createSecondFactors } from "../../../../src/auth/users/second-factors.ts";
import { codeAt, counterAt } from "../../../../src/auth/users/totp.ts";
import { createEntryCipher } from "../../../../src/crypto/entry-cipher.ts";
import { openSqliteStore, storeName } from "../../../../src/state/sqlite-store.ts";
import { createStore } from "../../../../src/state/store.ts";

const nowMs = 1_000_000_000_000;

async function open() {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-factors-"));
  const backend = openSqliteStore(join(directory, storeName), () => nowMs);
  const store = createStore(backend, createEntryCipher(randomBytes(32)), () => {});
  onTestFinished(() => rm(directory, { recursive: true }));
  onTestFinished(() => store.close());
  const made = createSecondFactor();
  await store.put(secondFactors, "ann", made.factor);
  const codeOf = (step: number) => codeAt(made.secret, counterAt(nowMs) + step);
  return { store, made, codeOf, factors: createSecondFactors(store, () => nowMs) };
}

it("knows who has one", async () => {
  const { factors } = await open();
  expect([await factors.has("ann"), await factors.has("bob")]).toEqual([true, false]);
});

it("takes a code once, however it is typed, and none that is older", async () => {
  const { factors, codeOf } = await open();
  const code = codeOf(0);
  expect(await factors.spend("ann", ` ${code.slice(0, 3)} ${code.slice(3)} `)).toBe("totp");
  expect(await factors.spend("ann", code)).toBeNull();
  expect(await factors.spend("ann", codeOf(-1))).toBeNull();
  expect(await factors.spend("ann", codeOf(1))).toBe("totp");
});

it.each([
  ["a code", ({ codeOf }: Awaited<ReturnType<typeof open>>) => codeOf(0)],
  ["a recovery code", ({ made }: Awaited<ReturnType<typeof open>>) => made.recovery[0] ?? ""],
])("lets one of several in who come with %s at the same moment", async (_what, pick) => {
  const opened = await open();
  const code = pick(opened);
  // Each of them reads before any of them has written.
  const everybodyIsThere = Promise.withResolvers<void>();
  let readers = 0;
  const get: typeof opened.store.get = async (kind, key) => {
    const found = await opened.store.get(kind, key);
    readers += 1;
    if (readers === 3) everybodyIsThere.resolve();
    await everybodyIsThere.promise;
    return found;
  };
  const factors = createSecondFactors({ get, put: opened.store.put }, () => nowMs);
  const verdicts = await Promise.all([1, 2, 3].map(() => factors.spend("ann", code)));
  expect(verdicts.filter((verdict) => verdict !== null)).toHaveLength(1);
});

it("lets two in who come with two codes at the same moment", async () => {
  const { factors, made } = await open();
  const [first = "", second = ""] = made.recovery;
  expect(await Promise.all([factors.spend("ann", first), factors.spend("ann", second)])).toEqual([
    "recovery",
    "recovery",
  ]);
});

it("takes each of ten recovery codes once, and keeps none of them", async () => {
  const { factors, made, store } = await open();
  expect(new Set(made.recovery).size).toBe(10);
  const kept = JSON.stringify(await store.get(secondFactors, "ann"));
  for (const code of made.recovery) {
    expect(code).toMatch(/^(?:[a-z2-7]{4}-){5}[a-z2-7]{4}$/);
    expect(kept).not.toContain(code.replaceAll("-", ""));
    expect(await factors.spend("ann", code.toUpperCase().replaceAll("-", " "))).toBe("recovery");
    expect(await factors.spend("ann", code)).toBeNull();
  }
});

it.each([
  ["nothing", "ann", ""],
  ["six digits of nobody", "bob", "123456"],
  ["what is no code", "ann", "correct horse"],
])("takes %s for wrong", async (_what, name, code) => {
  const { factors } = await open();
  expect(await factors.spend(name, code)).toBeNull();
});
