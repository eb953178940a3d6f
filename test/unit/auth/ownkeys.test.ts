import type { JSONWebKeySet } from "jose";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { createOwnKeySource, type OwnKeys } from "../../../src/auth/ownkeys.ts";
import { makeKey, type TestKey } from "./issuer.ts";

let k1: TestKey;
let k2: TestKey;
let set: JSONWebKeySet;
let onDisk: JSONWebKeySet;
let refreshes: number;
let nowMs: number;

beforeAll(async () => {
  k1 = await makeKey("k1");
  k2 = await makeKey("k2");
});
beforeEach(() => {
  set = { keys: [k1.publicJwk] };
  onDisk = set;
  refreshes = 0;
  nowMs = 0;
});

const keys: OwnKeys = {
  publicJwks: () => set,
  async refresh() {
    refreshes += 1;
    await Promise.resolve();
    set = onDisk;
  },
};
const header = (kid: string) => ({ alg: "ES256", kid });

test("finds a key without looking further", async () => {
  await expect(createOwnKeySource(keys, () => nowMs).getKey(header("k1"))).resolves.toBeDefined();
  expect(refreshes).toBe(0);
});

test("a key that another process added is looked for once, for all who ask", async () => {
  const source = createOwnKeySource(keys, () => nowMs);
  onDisk = { keys: [k1.publicJwk, k2.publicJwk] };
  await Promise.all(Array.from({ length: 50 }, () => source.getKey(header("k2"))));
  expect(refreshes).toBe(1);
});

test("keys that changed without being asked for are seen", async () => {
  const source = createOwnKeySource(keys, () => nowMs);
  set = onDisk = { keys: [k2.publicJwk] };
  await source.getKey(header("k2"));
  await expect(source.getKey(header("k1"))).rejects.toMatchObject({ code: "token_key" });
});

test("invented key ids do not keep the disk busy", async () => {
  const source = createOwnKeySource(keys, () => nowMs);
  for (let i = 0; i < 20; i++) await expect(source.getKey(header("x"))).rejects.toMatchObject({ code: "token_key" });
  expect(refreshes).toBe(1);
  nowMs += 30_000;
  await expect(source.getKey(header("x"))).rejects.toMatchObject({ code: "token_key" });
  expect(refreshes).toBe(2);
});

test("a clock that was set back keeps no key from being looked for", async () => {
  const source = createOwnKeySource(keys, () => nowMs);
  await expect(source.getKey(header("k2"))).rejects.toMatchObject({ code: "token_key" });
  nowMs -= 3_600_000;
  onDisk = { keys: [k1.publicJwk, k2.publicJwk] };
  await expect(source.getKey(header("k2"))).resolves.toBeDefined();
});

test("a ring that cannot be read leaves known keys in use", async () => {
  const broken = { ...keys, refresh: () => Promise.reject(new Error("keys.json is gone")) };
  const source = createOwnKeySource(broken, () => nowMs);
  await expect(source.getKey(header("k2"))).rejects.toMatchObject({ code: "keys_unavailable" });
  await expect(source.getKey(header("k1"))).resolves.toBeDefined();
});
