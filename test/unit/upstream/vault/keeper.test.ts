import { expect, it } from "vitest";
import { type Store, StoreError } from "../../../../src/state/store.ts";
import type { Issued } from "../../../../src/upstream/credentials/token-answer.ts";
import { TokenFailure, type TokenFault } from "../../../../src/upstream/credentials/token-failure.ts";
import { createKeeper, type KeeperKit, type Renewal } from "../../../../src/upstream/vault/keeper.ts";
import { farewells, type Login, loginKey, logins } from "../../../../src/upstream/vault/logins.ts";
import { openStores } from "./world.ts";

const ann = { issuer: "builtin", subject: "ann" };
const key = loginKey({ ...ann, server: "files" });
const startMs = 1_000_000_000_000;
const lifeMs = 3_600_000;

const login: Login = {
  url: "https://files.test/mcp",
  issuer: "https://as.test",
  tokenEndpoint: "https://as.test/token",
  clientId: "gateway",
  resource: "https://files.test/mcp",
  scopes: ["a"],
  token: "token-1",
  refreshToken: "refresh-1",
  atMs: startMs,
  untilMs: startMs + lifeMs,
  isRejected: false,
  renewingUntilMs: null,
  sinceMs: startMs,
};

/** Processes of one gateway, and an authorization server that answers as `answer` says. */
async function open(has: Partial<Login> | null = {}, more: Partial<KeeperKit> = {}, count = 1) {
  let nowMs = startMs;
  let number = 1;
  const asked: string[] = [];
  const records: Renewal[] = [];
  const world = {
    answer: async (): Promise<Issued | null> => {
      number += 1;
      return { token: `token-${number}`, refreshToken: `refresh-${number}`, lifetimeMs: lifeMs, scope: null };
    },
  };
  const stores = await openStores(() => nowMs, count);
  const [store] = stores as [Store];
  if (has !== null) await store.put(logins, key, { ...login, ...has });
  const keepers = stores.map((each) =>
    createKeeper({
      server: "files",
      store: each,
      now: () => nowMs,
      chance: () => 0,
      async delay(ms) {
        nowMs += ms;
        await new Promise(setImmediate);
      },
      fits: ({ url }) => url === login.url,
      async renew(_login, refreshToken) {
        asked.push(refreshToken);
        return world.answer();
      },
      disowned: async () => true,
      tokenFetched() {},
      record: async (renewal) => void records.push(renewal),
      ...more,
    }),
  );
  const [keeper] = keepers as [(typeof keepers)[0]];
  return {
    ...{ world, keeper, keepers, store, asked, records },
    kept: async () => (await store.get(logins, key))?.value,
    pass: (ms: number) => {
      nowMs += ms;
    },
    fails: (fault: TokenFault) => {
      world.answer = () => Promise.reject(new TokenFailure(fault, "why"));
    },
  };
}

it.each<[string, Partial<Login> | null, string | null, number]>([
  ["nobody has logged in", null, null, 0],
  ["the token is good", {}, "token-1", 0],
  ["nobody says how long it is good", { untilMs: null }, "token-1", 0],
  ["it is about to end", { untilMs: startMs + 9_000, atMs: startMs - lifeMs }, "token-2", 1],
  ["it is over", { untilMs: startMs - 1 }, "token-2", 1],
  ["it is over, and there is no other way", { untilMs: startMs - 1, refreshToken: null }, null, 0],
  ["the server has refused it", { isRejected: true }, "token-2", 1],
  ["it is for another server of the same name", { url: "https://other.test/mcp" }, null, 0],
  [
    "a process died while it renewed it, an hour ago by another clock",
    { untilMs: 0, renewingUntilMs: startMs + lifeMs },
    "token-2",
    1,
  ],
])("where %s", async (_what, has, token, questions) => {
  const { keeper, asked } = await open(has);
  expect(await keeper.obtain(ann)).toBe(token);
  expect(asked).toHaveLength(questions);
  expect(await keeper.obtain({ ...ann, subject: "bob" })).toBeNull();
  expect(await keeper.obtain({ ...ann, issuer: "corp" })).toBeNull();
});

it("renews once, however many calls and processes want it at the same time", async () => {
  const { keepers, asked, kept, records } = await open({ untilMs: startMs - 1 }, {}, 3);
  const tokens = await Promise.all([...keepers, ...keepers].map((keeper) => keeper.obtain(ann)));
  expect(tokens).toEqual(Array(6).fill("token-2"));
  expect(asked).toEqual(["refresh-1"]);
  expect(records).toEqual([{ user: ann, successful: true, detail: null }]);
  expect(await kept()).toMatchObject({
    token: "token-2",
    refreshToken: "refresh-2",
    renewingUntilMs: null,
    scopes: ["a"],
  });
});

it("keeps what was issued as soon as the store is back, where it was away when it came", async () => {
  const { keeper, store, world, kept, asked, records } = await open({ untilMs: startMs - 1 });
  const usual = world.answer;
  const away = Promise.withResolvers<void>();
  const { put } = store;
  let failures = 0;
  world.answer = async () => {
    store.put = async () => {
      failures += 1;
      if (failures === 3) {
        store.put = put;
        away.resolve();
      }
      throw new StoreError("away");
    };
    return usual();
  };
  await expect(keeper.obtain(ann)).rejects.toBeInstanceOf(StoreError);
  await away.promise;
  expect(await keeper.obtain(ann)).toBe("token-2");
  expect(asked).toEqual(["refresh-1"]);
  expect(await kept()).toMatchObject({ refreshToken: "refresh-2", renewingUntilMs: null });
  expect(records).toEqual([{ user: ann, successful: true, detail: null }]);
});

it("puts on record that what was issued is lost, where the store stays away", async () => {
  const recorded = Promise.withResolvers<Renewal>();
  const record = async (renewal: Renewal) => recorded.resolve(renewal);
  const { keeper, store, world } = await open({ untilMs: startMs - 1 }, { record });
  const usual = world.answer;
  world.answer = async () => {
    store.put = async () => Promise.reject(new StoreError("away"));
    return usual();
  };
  await expect(keeper.obtain(ann)).rejects.toBeInstanceOf(StoreError);
  expect(await recorded.promise).toEqual({
    ...{ user: ann, successful: false },
    detail: "the state was away, and what was issued is lost",
  });
});

it("goes on with the old refresh token where there is no new one", async () => {
  const { keeper, world, kept } = await open({ untilMs: startMs - 1 });
  world.answer = async () => ({ token: "token-x", refreshToken: null, lifetimeMs: null, scope: "b" });
  expect(await keeper.obtain(ann)).toBe("token-x");
  expect(await kept()).toMatchObject({ refreshToken: "refresh-1", untilMs: null, scopes: ["b"] });
});

it.each<[TokenFault | "forgotten", boolean, boolean]>([
  ["denied", true, false],
  ["denied", false, false],
  ["refused", true, false],
  ["refused", false, true],
  ["unavailable", true, true],
  ["forgotten", false, false],
])("after %s (helped by a new login: %s) the login is kept: %s", async (fault, helps, isKept) => {
  const { keeper, fails, world, kept, asked, pass, records, store } = await open(
    { untilMs: startMs - 1 },
    { disowned: async () => helps },
  );
  const usual = world.answer;
  if (fault === "forgotten") world.answer = async () => null;
  else fails(fault);
  const obtained = keeper.obtain(ann).catch((error: unknown) => error);
  if (!isKept) {
    expect(await obtained).toBeNull();
    expect(await kept()).toBeUndefined();
    expect(await store.list(farewells)).toMatchObject([
      { value: { subject: "ann", server: "files", login: { token: "token-1" } } },
    ]);
    expect(records).toMatchObject([{ successful: false, detail: expect.any(String) }]);
    return;
  }
  expect(await obtained).toMatchObject({ fault });
  expect(await kept()).toMatchObject({ refreshToken: "refresh-1", renewingUntilMs: null });
  // It is not asked for each call.
  await expect(keeper.obtain(ann)).rejects.toThrow("not asked again yet");
  expect(asked).toHaveLength(1);
  pass(500);
  world.answer = usual;
  expect(await keeper.obtain(ann)).toBe("token-2");
});

it("shows a token to its last moment where the next one is not to be had", async () => {
  const { keeper, fails, pass } = await open({ atMs: startMs - lifeMs, untilMs: startMs + 5_000 });
  fails("unavailable");
  expect(await keeper.obtain(ann)).toBe("token-1");
  expect(await keeper.obtain(ann)).toBe("token-1");
  pass(5_000);
  await expect(keeper.obtain(ann)).rejects.toMatchObject({ fault: "unavailable" });
});

it("gives nothing to whoever has disconnected while it was renewed", async () => {
  const { keeper, world, store, kept } = await open({ untilMs: startMs - 1 });
  const usual = world.answer;
  world.answer = async () => {
    await store.delete(logins, key);
    return usual();
  };
  expect(await keeper.obtain(ann)).toBeNull();
  expect(await kept()).toBeUndefined();
  // Nobody else has the tokens that came too late.
  expect((await store.list(farewells)).map(({ value }) => value.login)).toMatchObject([
    { token: "token-2", refreshToken: "refresh-2" },
  ]);
});

it("leaves alone what somebody has got who logged in anew while it was renewed", async () => {
  const { keeper, world, store } = await open({ untilMs: startMs - 1 });
  const usual = world.answer;
  world.answer = async () => {
    await store.put(logins, key, { ...login, token: "token-new", refreshToken: "refresh-new" });
    return usual();
  };
  expect(await keeper.obtain(ann)).toBe("token-new");
  expect(await store.list(farewells)).toEqual([]);
});

it.each<[string, Partial<Login>, string, string | null]>([
  ["of which there is another one already", {}, "token-0", "token-1"],
  ["that can be renewed", { atMs: startMs - 10_000 }, "token-1", "token-2"],
  ["that was got just now", { atMs: startMs - 9_999 }, "token-1", null],
  ["that cannot be renewed", { atMs: startMs - lifeMs, refreshToken: null, untilMs: null }, "token-1", null],
])("after the server has refused a token %s", async (_what, has, refused, next) => {
  const { keeper, records, store } = await open(has);
  await keeper.reject(ann, refused);
  expect(await keeper.obtain(ann)).toBe(next);
  expect(await store.list(farewells)).toHaveLength(next === null ? 1 : 0);
  expect(records.filter(({ successful }) => !successful)).toHaveLength(next === null ? 1 : 0);
});

it("keeps no call waiting for a store that does not answer", async () => {
  const store = { get: () => new Promise<never>(() => {}) };
  const { keeper } = await open({}, { store: store as unknown as Store });
  await expect(keeper.obtain(ann)).rejects.toBeInstanceOf(StoreError);
  await expect(keeper.reject(ann, "token-1")).rejects.toBeInstanceOf(StoreError);
});
