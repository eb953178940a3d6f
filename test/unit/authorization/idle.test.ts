/** How long a browser stays logged in that is not used. */
import { expect, it } from "vitest";
import { kindOf } from "../../../src/authorization/models.ts";
import { judgeSession, listBrowserSessions, markUsed } from "../../../src/authorization/sessions/browser-sessions.ts";
import { listSessions } from "../../../src/authorization/sessions/sessions.ts";
import { asPage } from "../../e2e/browser.ts";
import { logIn, openWorld, origin, whereIs } from "./world.ts";

const minutes = 60_000;
const idleMs = 30 * minutes;
const account = `${origin}/oauth/account`;
const ann = { accountId: "ann" };

it.each([
  ["was used a moment ago", { ...ann, usedAtMs: 0 }, 1, "good"],
  ["was used just less than two minutes ago", { ...ann, usedAtMs: 0 }, 2 * minutes - 1, "good"],
  ["was used two minutes ago", { ...ann, usedAtMs: 0 }, 2 * minutes, "due"],
  ["was used just in time", { ...ann, usedAtMs: 0 }, idleMs - 1, "due"],
  ["was not used for so long", { ...ann, usedAtMs: 0 }, idleMs, "over"],
  ["was used by the clock of another replica, which is ahead", { ...ann, usedAtMs: 5_000 }, 0, "good"],
  ["says nothing of its use", ann, 0, "over"],
  ["says of it what is no time", { ...ann, usedAtMs: "0" }, 0, "over"],
  ["is nobody's", { usedAtMs: 0 }, 365 * 86_400_000, "good"],
])("a session that %s is judged so", (_what, session, nowMs, verdict) => {
  expect(judgeSession(session, { idleMs, nowMs })).toBe(verdict);
});

it("notices uses of a session that ends soon more often", () => {
  expect(judgeSession({ ...ann, usedAtMs: 0 }, { idleMs: 8_000, nowMs: 1_000 })).toBe("due");
});

it.each([
  ["somebody's, until it is idle", ann, 100 * minutes, 40 * minutes],
  ["somebody's, not beyond its time", ann, 20 * minutes, 20 * minutes],
  ["nobody's, until its time is over", {}, 100 * minutes, 100 * minutes],
])("is kept where it is %s", (_what, session, endMs, expiresAtMs) => {
  const nowMs = 10 * minutes;
  expect(markUsed(session, endMs, { idleMs, nowMs })).toEqual({ value: { ...session, usedAtMs: nowMs }, expiresAtMs });
});

/** Ann, who is logged in. */
async function begin() {
  const world = await openWorld();
  await world.addUser("ann");
  const browser = world.browser();
  await logIn(browser, await browser.open(account), "ann");
  return { world, browser };
}

const pages = {
  "the account page": account,
  "the page for tokens": `${account}/token`,
  "the page for passkeys": `${account}/passkeys`,
  "the page for a login at a server": `${origin}/oauth/upstream/alpha`,
};

it.each(Object.entries(pages))("logs a browser out that was not used, at %s", async (_what, page) => {
  const { world, browser } = await begin();
  world.pass(idleMs);
  expect(whereIs(await browser.open(page))).toBe("Log in");
  expect(await listBrowserSessions(world.store)).toEqual([]);
});

it("shows no browser that was not used for as long as is configured now, whatever was when it was", async () => {
  const { world } = await begin();
  world.pass(20 * minutes);
  const list = async (browserIdleMs: number) =>
    (await listSessions(world.store, { idleMs, absoluteMs: idleMs }, browserIdleMs, Date.now())).browsers;
  expect(await list(idleMs)).toMatchObject([{ user: "ann" }]);
  expect(await list(20 * minutes)).toEqual([]);
});

it("gives a client nothing for a browser that was not used", async () => {
  const { world, browser } = await begin();
  await browser.submit(asPage(await browser.open(world.authorizeUrl("mcp"))), { do: "allow" });
  world.pass(idleMs);
  expect(whereIs(await browser.open(world.authorizeUrl("mcp", { prompt: "none" })))).toBe("login_required");
  expect(whereIs(await browser.open(world.authorizeUrl("mcp")))).toBe("Log in");
});

it("takes no consent of a browser that was not used since it saw the page", async () => {
  const { world, browser } = await begin();
  world.pass(20 * minutes);
  const consent = asPage(await browser.open(world.authorizeUrl("mcp")));
  world.pass(10 * minutes);
  expect(whereIs(await browser.submit(consent, { do: "deny" }))).toBe("access_denied");
  const late = asPage(await browser.open(world.authorizeUrl("mcp")));
  const [session] = await world.store.list(kindOf("Session"));
  await world.store.put(kindOf("Session"), session?.key ?? "", { ...session?.value, usedAtMs: Date.now() - idleMs });
  const refused = asPage(await browser.submit(late, { do: "allow" }));
  expect([refused.status, world.notes.at(-1)?.reason]).toEqual([400, "login_gone"]);
});

it("keeps a browser logged in that is used, at whichever replica", async () => {
  const { world, browser } = await begin();
  const other = world.replica();
  for (const path of [account, `${account}/passkeys`, account]) {
    world.pass(25 * minutes);
    const cookie = browser.header(new URL(path).pathname);
    await other(path, { headers: { cookie } });
  }
  world.pass(25 * minutes);
  expect(whereIs(await browser.open(account))).toBe("Your account");
  world.pass(idleMs);
  expect((await other(account, { headers: { cookie: browser.header("/oauth/account") } })).status).toBe(303);
});

it("writes a use down once in two minutes, and so may end as much too early", async () => {
  const { world, browser } = await begin();
  const revision = async () => (await world.store.list(kindOf("Session")))[0]?.revision;
  const first = await revision();
  for (let count = 0; count < 3; count += 1) {
    world.pass(39_000);
    await browser.open(account);
    expect(await revision()).toBe(first);
  }
  world.pass(3_000);
  await browser.open(account);
  expect(await revision()).not.toBe(first);
  world.pass(119_000);
  await browser.open(account);
  world.pass(idleMs - 119_000);
  expect(whereIs(await browser.open(account))).toBe("Log in");
});

it("does not bring back what is ended while its use is written down", async () => {
  const { world, browser } = await begin();
  world.pass(3 * minutes);
  const { put } = world.store;
  const kind = kindOf("Session");
  const [session] = await world.store.list(kind);
  world.store.put = async (which, ...rest) => {
    world.store.put = put;
    if (which.name === kind.name) await world.store.delete(kind, session?.key ?? "");
    return put(which, ...rest);
  };
  await browser.open(account);
  expect(await world.store.list(kind)).toEqual([]);
  expect(whereIs(await browser.open(account))).toBe("Log in");
});
