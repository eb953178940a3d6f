import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { createAdapterFactory } from "../../../src/authorization/adapter.ts";
import { createRegistrations } from "../../../src/authorization/clients/registrations.ts";
import { createEntryCipher } from "../../../src/crypto/entry-cipher.ts";
import { openSqliteStore, storeName } from "../../../src/state/sqlite-store.ts";
import { createStore } from "../../../src/state/store.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sallyport-adapter-"));
});

afterAll(() => rm(directory, { recursive: true }));

function open() {
  let nowMs = 1_000_000_000_000;
  const backend = openSqliteStore(join(directory, randomUUID(), storeName), () => nowMs);
  const store = createStore(backend, createEntryCipher(randomBytes(32)), () => {});
  onTestFinished(() => store.close());
  const voided: string[] = [];
  const now = () => nowMs;
  const registrations = createRegistrations(store, now, 3_600_000);
  const adapterOf = createAdapterFactory({
    ...{ store, now, registrations, idleMs: 1_800_000 },
    voided: async (grant) => void voided.push(grant),
  });
  return {
    adapterOf,
    voided,
    pass(ms: number) {
      nowMs += ms;
    },
    exp: () => nowMs / 1_000 + 3_600,
  };
}

it("keeps what it is given, for as long", async () => {
  const { adapterOf, pass } = open();
  const codes = adapterOf("AuthorizationCode");
  await codes.upsert("a", { grantId: "g" }, 60);
  expect(await codes.find("a")).toMatchObject({ grantId: "g" });
  expect(await adapterOf("RefreshToken").find("a")).toBeUndefined();
  pass(60_001);
  expect(await codes.find("a")).toBeUndefined();
});

it("lets a code be used once, by one of those who come with it at the same time", async () => {
  const { adapterOf, exp, voided } = open();
  const codes = adapterOf("AuthorizationCode");
  await adapterOf("Grant").upsert("g", { clientId: "c" }, 60);
  await codes.upsert("a", { grantId: "g", exp: exp() }, 60);
  const tries = await Promise.allSettled([codes.consume("a"), codes.consume("a"), codes.consume("a")]);
  expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await codes.find("a")).toBeUndefined();
  expect(await adapterOf("Grant").find("g")).toBeUndefined();
  expect(new Set(voided)).toEqual(new Set(["g"]));
});

it("lets a refresh token be used again for half a minute, as a client does that refreshes twice at once", async () => {
  const { adapterOf, exp, pass } = open();
  const tokens = adapterOf("RefreshToken");
  await tokens.upsert("a", { grantId: "g", exp: exp() }, 3_600);
  await tokens.consume("a");
  pass(29_000);
  expect(await tokens.find("a")).not.toHaveProperty("consumed");
  await tokens.consume("a");
  pass(2_000);
  expect(await tokens.find("a")).toHaveProperty("consumed");
  await expect(tokens.consume("a")).rejects.toThrow();
});

it("lets a refresh token be used by all who come with it at the same moment, from different processes", async () => {
  const { adapterOf, exp } = open();
  const tokens = adapterOf("RefreshToken");
  await tokens.upsert("a", { grantId: "g", exp: exp() }, 3_600);
  await Promise.all([tokens.consume("a"), tokens.consume("a"), tokens.consume("a")]);
  expect(await tokens.find("a")).not.toHaveProperty("consumed");
});

it("lets one of those go on from a step of a login who come to it at the same moment", async () => {
  const { adapterOf, exp } = open();
  const steps = adapterOf("Interaction");
  await steps.upsert("a", { uid: "a", exp: exp() }, 900);
  const tries = await Promise.allSettled([steps.destroy("a"), steps.destroy("a"), steps.destroy("a")]);
  expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(tries.find(({ status }) => status === "rejected")).toMatchObject({ reason: { name: "SessionNotFound" } });
});

it("ends everything of a grant", async () => {
  const { adapterOf } = open();
  await adapterOf("AuthorizationCode").upsert("a", { grantId: "g" }, 60);
  await adapterOf("RefreshToken").upsert("b", { grantId: "g" }, 60);
  await adapterOf("RefreshToken").upsert("c", { grantId: "other" }, 60);
  await adapterOf("RefreshToken").revokeByGrantId("g");
  expect(await adapterOf("AuthorizationCode").find("a")).toBeUndefined();
  expect(await adapterOf("RefreshToken").find("b")).toBeUndefined();
  expect(await adapterOf("RefreshToken").find("c")).toBeDefined();
});

it("finds sessions by their other name, as long as they are there", async () => {
  const { adapterOf } = open();
  const sessions = adapterOf("Session");
  await sessions.upsert("a", { uid: "u" }, 60);
  expect(await sessions.findByUid("u")).toMatchObject({ uid: "u" });
  await sessions.destroy("a");
  expect(await sessions.findByUid("u")).toBeUndefined();
  expect(await sessions.find("a")).toBeUndefined();
});
