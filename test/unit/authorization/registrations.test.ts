import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createRegistrations, maxUnused, unusedMs } from "../../../src/authorization/clients/registrations.ts";
import { kindOf } from "../../../src/authorization/models.ts";
import { createEntryCipher } from "../../../src/crypto/entry-cipher.ts";
import { openSqliteStore } from "../../../src/state/sqlite-store.ts";
import { createStore } from "../../../src/state/store.ts";
import { logIn, openWorld, whereIs } from "./world.ts";

const refreshMs = 30 * 86_400_000;

async function open() {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-registrations-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  let nowMs = 1_000_000_000_000;
  const store = createStore(
    openSqliteStore(join(directory, "state.db"), () => nowMs),
    createEntryCipher(randomBytes(32)),
    () => {},
  );
  onTestFinished(() => store.close());
  return {
    registrations: createRegistrations(store, () => nowMs, refreshMs),
    has: async (id: string) => (await store.get(kindOf("Client"), id)) !== null,
    count: async () => (await store.list(kindOf("Client"))).length,
    pass(ms: number) {
      nowMs += ms;
    },
  };
}

it("a client that nobody logs in with is gone after a day", async () => {
  const { registrations, has, pass } = await open();
  await registrations.add("a", {});
  pass(unusedMs - 1);
  expect(await has("a")).toBe(true);
  pass(1);
  expect(await has("a")).toBe(false);
  await registrations.use("a");
  expect(await has("a")).toBe(false);
});

it("one that somebody has logged in with stays as long as its last refresh token may be good", async () => {
  const { registrations, has, pass } = await open();
  await registrations.add("a", {});
  await registrations.use("a");
  pass(refreshMs - 1);
  expect(await has("a")).toBe(true);
  await registrations.use("a");
  pass(refreshMs - 1);
  expect(await has("a")).toBe(true);
  pass(1);
  expect(await has("a")).toBe(false);
});

it("of too many the oldest goes that nobody has used, and none that somebody has", async () => {
  const { registrations, has, count } = await open();
  await registrations.add("used", {});
  await registrations.use("used");
  await registrations.add("oldest", {});
  for (let at = 1; at < maxUnused; at += 1) await registrations.add(`stranger-${at}`, {});
  expect([await has("oldest"), await count()]).toEqual([true, maxUnused + 1]);
  await Promise.all([registrations.add("late", {}), registrations.add("later", {})]);
  const kept = await Promise.all(["used", "oldest", "stranger-1", "stranger-2", "late", "later"].map(has));
  expect(kept).toEqual([true, false, false, true, true, true]);
  expect(await count()).toBe(maxUnused + 1);
});

it("the authorization server forgets the client that came to nothing, and knows the one that was used", async () => {
  const world = await openWorld();
  await world.addUser("ann");
  const browser = world.browser();
  world.pass(unusedMs - 60_000);
  const consent = await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann");
  expect(whereIs(consent)).toBe("Allow access?");
  if (consent instanceof URL) throw new Error("sent away");
  const tokens = await world.redeem(await browser.submit(consent, { do: "allow" }));
  world.pass(refreshMs - 1_000);
  const next = await world.refresh(tokens);
  expect(next).toMatchObject({ access_token: expect.any(String) });
  world.pass(refreshMs + 1_000);
  expect(await world.refresh(next)).toMatchObject({ error: "invalid_client" });

  const other = await openWorld();
  other.pass(unusedMs);
  expect(whereIs(await other.browser().open(other.authorizeUrl("mcp")))).toBe("This did not work");
});
