/** What authorization servers are told of logins that have ended, and that nobody waits for it. */
import { expect, it } from "vitest";
import type { AuditEntry } from "../../../../src/audit/record.ts";
import { type Store, StoreError } from "../../../../src/state/store.ts";
import { createFarewells } from "../../../../src/upstream/vault/farewells.ts";
import { VaultFault } from "../../../../src/upstream/vault/fault.ts";
import type { Question } from "../../../../src/upstream/vault/guarded-fetch.ts";
import {
  dropLogin,
  dropLogins,
  farewells,
  type Login,
  loginKey,
  logins,
} from "../../../../src/upstream/vault/logins.ts";
import { createVault } from "../../../../src/upstream/vault/vault.ts";
import { openStores } from "./world.ts";

const url = new URL("https://files.test/mcp");
const ann = { issuer: "builtin", subject: "ann" };
const key = loginKey({ ...ann, server: "files" });
const login: Login = {
  ...{ url: url.href, issuer: "https://as.test", tokenEndpoint: "https://as.test/token", clientId: "own" },
  ...{ revocationEndpoint: "https://as.test/revoke", resource: url.href, scopes: [], token: "secret-token" },
  ...{ refreshToken: "secret-refresh", atMs: 0, untilMs: null, isRejected: false, renewingUntilMs: null, sinceMs: 0 },
};
const never = new Promise<never>(() => {});

/** Gateways on one store, and an authorization server that answers as `answer` says. */
async function open(more: Partial<Login> = {}, config: object = {}, count = 1) {
  let nowMs = 1_000_000_000_000;
  const now = () => nowMs;
  const stores = await openStores(now, count);
  const [store] = stores as [Store];
  const told: [url: string, form: Record<string, string>][] = [];
  const entries: AuditEntry[] = [];
  const world = {
    answer: async (_sort: string): Promise<number> => 200,
    record: async (entry: AuditEntry): Promise<void> => void entries.push(entry),
  };
  const fetch = async (place: string, { body = "" }: Question = {}) => {
    const form = Object.fromEntries(new URLSearchParams(body));
    told.push([place, form]);
    return { status: await world.answer(form.token_type_hint ?? ""), headers: {}, body: Buffer.from("secret-answer") };
  };
  const configured = { scopes: [], clientId: "own", insideHosts: [], ...config };
  const vault = { ...createVault("files", { url }, configured as never, "https://mcp.test"), fetch };
  const vaultOf = (name: string) => (name === "files" ? vault : null);
  const tells = stores.map((each) =>
    createFarewells({ store: each, vaultOf, record: (entry) => world.record(entry), now }),
  );
  const [tell] = tells as [() => Promise<void>];
  await store.put(logins, key, { ...login, ...more });
  return {
    ...{ store, told, entries, world, tell, tells },
    notes: () => entries.map(({ note }) => note),
    waiting: async () => (await store.list(farewells)).length,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

const common = { action: "upstream-revocation", user: "ann", server: "files" };

it("ends a login at once, tells of both tokens, and puts that on record", async () => {
  const { store, told, tell, notes, entries, waiting } = await open();
  await dropLogins(store, ann);
  expect(await store.get(logins, key)).toBeNull();
  expect(told).toEqual([]);
  await tell();
  await expect.poll(waiting).toBe(0);
  expect(told).toEqual([
    ["https://as.test/revoke", { token: "secret-refresh", token_type_hint: "refresh_token", client_id: "own" }],
    ["https://as.test/revoke", { token: "secret-token", token_type_hint: "access_token", client_id: "own" }],
  ]);
  expect(notes()).toEqual([{ ...common, successful: true }]);
  expect(entries).toMatchObject([{ event: "auth", server: "files" }]);
  await tell();
  expect(told).toHaveLength(2);
});

it.each<[string, Partial<Login>, object, (sort: string) => Promise<number>, number, string | null]>([
  ["has no refresh token", { refreshToken: null }, {}, async () => 200, 1, null],
  ["is of one that takes no revocations", { revocationEndpoint: undefined }, {}, async () => 200, 0, "known to take"],
  ["was made with another client", { clientId: "former" }, {}, async () => 200, 0, "configured otherwise"],
  [
    "was made where it registered, and is not known any more",
    {},
    { clientId: undefined },
    async () => 200,
    0,
    "client of",
  ],
  ["is of another issuer", {}, { issuer: "https://other.test" }, async () => 200, 0, "configured otherwise"],
  ["is of another server of that name", { url: "https://b.test/mcp" }, {}, async () => 200, 0, "configured otherwise"],
  ["is refused", {}, {}, async () => 503, 1, "503 to the refresh_token"],
  ["is half refused", {}, {}, async (sort) => (sort === "access_token" ? 400 : 200), 2, "400 to the access_token"],
  ["is answered with a redirect", {}, {}, async () => 302, 1, "302 to the refresh_token"],
  ["is answered with a status that there is not", {}, {}, async () => 999, 1, "999 to the refresh_token"],
  [
    "is led inside",
    {},
    {},
    () => Promise.reject(new VaultFault("10.0.0.1 has no public address")),
    1,
    "no public address",
  ],
  [
    "is not answered in time",
    {},
    {},
    () => Promise.reject(new VaultFault("as.test did not answer in time")),
    1,
    "in time",
  ],
])("says on record of a login that %s", async (_what, more, config, answer, questions, reason) => {
  const { store, told, tell, world, notes, entries, waiting } = await open(more, config);
  world.answer = answer;
  await dropLogin(store, key);
  await tell();
  await expect.poll(waiting).toBe(0);
  expect(told).toHaveLength(questions);
  const why = reason === null ? {} : { reason: expect.stringContaining(reason) };
  expect(notes()).toEqual([{ ...common, successful: reason === null, ...why }]);
  expect(JSON.stringify(entries)).not.toContain("secret");
});

it("waits for no answer, and holds no more than sixteen questions open", async () => {
  const { store, told, tell, world, waiting } = await open();
  world.answer = () => never;
  for (let count = 0; count < 17; count += 1) {
    await store.put(logins, key, login);
    await dropLogin(store, key);
  }
  await expect(tell()).rejects.toThrow("not all");
  await expect(tell()).rejects.toThrow("not all");
  await expect.poll(() => told.length).toBe(16);
  expect(await waiting()).toBe(17);
});

it("one of several gateways tells, and another one where that dies over it", async () => {
  const { store, told, tells, world, pass, notes, waiting } = await open({ refreshToken: null }, {}, 2);
  world.answer = () => never;
  await dropLogin(store, key);
  const results = await Promise.allSettled(tells.map((tell) => tell()));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  await expect.poll(() => told.length).toBe(1);
  world.answer = async () => 200;
  pass(59_999);
  for (const tell of tells) await expect(tell()).rejects.toThrow("not all");
  pass(1);
  await tells[1]?.();
  await expect.poll(waiting).toBe(0);
  expect([told.length, notes()]).toEqual([2, [{ ...common, successful: true }]]);
});

it("tells again what could not be put on record", async () => {
  const { store, tell, world, pass, waiting, notes } = await open();
  const { record } = world;
  let failed = 0;
  world.record = async () => {
    failed += 1;
    throw new Error("disk full");
  };
  await dropLogin(store, key);
  await tell();
  await expect.poll(() => failed).toBe(1);
  world.record = record;
  pass(60_000);
  await tell();
  await expect.poll(waiting).toBe(0);
  expect(notes()).toEqual([{ ...common, successful: true }]);
});

it("ends every login of a user where the store takes nothing in any more", async () => {
  const { store } = await open();
  await store.put(logins, loginKey({ ...ann, server: "notes" }), login);
  const put = () => Promise.reject(new StoreError("full"));
  await dropLogins({ list: store.list, get: store.get, delete: store.delete, put }, ann);
  expect(await store.list(logins)).toEqual([]);
});

it("tells of the tokens that there are at last, of a login that changes while it ends", async () => {
  const { store } = await open();
  let isFirst = true;
  const changing: Pick<Store, "get" | "put" | "delete"> = {
    ...{ put: store.put, delete: store.delete },
    async get(kind, name) {
      const found = await store.get(kind, name);
      if (isFirst) await store.put(logins, key, { ...login, refreshToken: "rotated" });
      isFirst = false;
      return found;
    },
  };
  await dropLogin(changing, key);
  expect(await store.get(logins, key)).toBeNull();
  expect((await store.list(farewells)).map(({ value }) => value.login.refreshToken)).toEqual(["rotated"]);
});
