/** People hear what happened to their login: on the page after the next one, until they have read it, and on their account page. */
import { describe, expect, it, vi } from "vitest";
import { endLogins } from "../../../src/auth/users/user.ts";
import { readNote } from "../../../src/authorization/news/hear.ts";
import { changeNews, readNews, tellOwner } from "../../../src/authorization/news/keep.ts";
import {
  addEvent,
  closeFailures,
  countFailure,
  findUnread,
  markRead,
  type News,
  newsKind,
  noNews,
  sumFailing,
  type What,
} from "../../../src/authorization/news/news.ts";
import { asPage, type Browser, goOn, type Page } from "../../e2e/browser.ts";
import { createAuthenticator, readOptions } from "../../fixtures/authenticator.ts";
import { answer, askPasskey, openPasskeyWorld } from "./passkey-world.ts";
import { logIn, openWorld, origin, whereIs } from "./world.ts";

type World = Awaited<ReturnType<typeof openWorld>>;

const minutes = 60_000;
const account = `${origin}/oauth/account`;
const told = "What happened lately";
const stranger = "198.51.100.7";

async function begin(options: Parameters<typeof openWorld>[1] = {}) {
  const world = await openWorld({}, options);
  await world.addUser("ann");
  const fail = async (times: number, name = "ann", ip = stranger) => {
    const browser = world.browser(ip);
    const pages: Page[] = [];
    for (let tries = 0; tries < times; tries += 1)
      pages.push(asPage(await logIn(browser, await browser.open(account), name, "<b>wrong")));
    return pages;
  };
  const enter = async (url = account) => {
    const browser = world.browser();
    return { browser, place: await logIn(browser, await browser.open(url), "ann") };
  };
  return { world, fail, enter };
}

describe("attempts that failed", () => {
  it("are told after the next login, with when and where, until they were read, and on the account page from then on", async () => {
    const { world, fail, enter } = await begin();
    await fail(2);
    world.pass(3 * minutes);
    await fail(1, " ANN ", "198.51.100.8");
    world.pass(minutes);
    const { browser, place } = await enter(world.authorizeUrl("mcp"));
    expect(whereIs(place)).toBe(told);
    const { html, headers } = asPage(place);
    for (const said of [
      "<strong>ann</strong>",
      "3 attempts",
      "2026-06-01 12:00 UTC",
      "2026-06-01 12:03 UTC",
      "<code>198.51.100.8</code>",
    ])
      expect(html).toContain(said);
    expect(html).not.toMatch(/<script|wrong/);
    expect(headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-[^;]+; form-action/);
    const consent = await goOn(browser, place);
    expect(whereIs(consent)).toBe("Allow access?");
    expect(whereIs(await browser.submit(asPage(consent), { do: "allow" }))).toBe("client");
    const again = await enter();
    expect(whereIs(again.place)).toBe("Your account");
    expect(asPage(again.place).html).toContain(
      "3 attempts to log in with your name failed before a login that went well",
    );
  });

  it("are told again where that was wanted, with those since", async () => {
    const { fail, enter } = await begin();
    await fail(1);
    const first = await enter();
    expect(whereIs(await goOn(first.browser, first.place, "later"))).toBe("Your account");
    await fail(1);
    const second = await enter();
    expect(asPage(second.place).html).toContain("2 attempts");
    // What was on the page that was read is not what came later.
    await fail(1);
    const third = await enter();
    await goOn(second.browser, second.place);
    await goOn(third.browser, third.place);
    expect(whereIs((await enter()).place)).toBe("Your account");
  });

  it.each([
    [2, "Your account"],
    [3, told],
  ])("are somebody's own typing on the page of a login that goes well, up to two: %i", async (times, expected) => {
    const { world } = await begin();
    const browser = world.browser();
    let page = await browser.open(account);
    for (let tries = 0; tries < times; tries += 1) page = await logIn(browser, page, "ann", "wrong");
    expect(whereIs(await logIn(browser, page, "ann"))).toBe(expected);
  });

  it("are seen while they go on by whoever is logged in, with how near they came", async () => {
    const { world, fail, enter } = await begin();
    const { browser } = await enter();
    await world.addFactor("ann");
    const thief = world.browser(stranger);
    const asking = await logIn(thief, await thief.open(account), "ann");
    await thief.submit(asPage(asking), { code: "000000", do: "code" });
    await fail(20);
    const { html } = asPage(await browser.open(account));
    expect(html).toMatch(/9 or more attempts to log in with your name failed since your last login/);
    expect(html).toContain("In 1 of them the password was right and the code was not.");
  });

  it("cost the same work for a name that is nobody's, which shows nowhere", async () => {
    const { world, fail } = await begin();
    await world.addUser("eve");
    await world.changeUser("eve", (user) => ({ ...user, disabled: true }));
    const work = [];
    const pages = [];
    for (const name of ["ann", "eve", "nobody"]) {
      const [get, put] = [vi.spyOn(world.store, "get"), vi.spyOn(world.store, "put")];
      const [page] = await fail(1, name);
      work.push([get.mock.calls.length, put.mock.calls.length]);
      pages.push([page?.status, page?.html.replaceAll(/value="[^"]*"/g, "")]);
      for (const spy of [get, put]) spy.mockRestore();
    }
    expect(new Set(work.map(String)).size).toBe(1);
    expect(new Set(pages.map(String)).size).toBe(1);
    expect((await world.store.list(newsKind)).map(({ key }) => key).toSorted()).toEqual(["?", "ann", "eve"]);
  });

  it("keep nobody out where they cannot be kept, and the operator is told", async () => {
    const lines: string[] = [];
    const { world, fail, enter } = await begin({ log: (line) => void lines.push(line) });
    const { put } = world.store;
    vi.spyOn(world.store, "put").mockImplementation((kind, ...more) =>
      kind.name === newsKind.name ? Promise.reject(new Error("the disk is full")) : put(kind, ...more),
    );
    expect((await fail(1))[0]?.status).toBe(403);
    expect(whereIs((await enter()).place)).toBe("Your account");
    expect(lines.join()).toContain("the disk is full");
  });
});

describe("what was changed", () => {
  it("by somebody with the login is told at the next one, with the address it came from", async () => {
    const { world, ann } = await openPasskeyWorld();
    const browser = world.browser(stranger);
    const list = asPage(
      await answer(browser, await askPasskey(browser, await browser.open(`${account}/passkeys`)), ann),
    );
    const page = asPage(await browser.submit(list, { do: "add" }));
    const said = JSON.stringify(createAuthenticator(origin).create(readOptions(page.html)));
    await browser.submit(page, { do: "passkey-made", answer: said, label: "<i>Mine" });
    await browser.submit(list, { do: "remove", id: "x" });
    const form = asPage(await browser.open(`${account}/password`));
    const fields = {
      password: "correct horse battery staple",
      new: "vexing otter trims lamp",
      again: "vexing otter trims lamp",
    };
    await browser.submit(form, { ...fields, password: "guess", do: "change" });
    await browser.submit(form, { ...fields, do: "change" });
    const owner = world.browser();
    const { html } = asPage(await answer(owner, await askPasskey(owner, await owner.open(account)), ann));
    for (const words of ["A passkey was added", "Your password was changed"])
      expect(html).toContain(`${words}, with your login from <code>${stranger}</code>: <time datetime="2026-06-01T12:`);
    // As is the browser that it was, and what was guessed on the page for it.
    expect(html).toContain("a browser that you had not used before");
    expect(html).toContain("1 attempt ");
    expect(html).not.toMatch(/removed|Mine/);
  });

  it.each<[What, string]>([
    ["password-changed", "Your password was changed"],
    ["password-given", "You were given a temporary password"],
    ["factor-added", "A second factor was set up for you"],
    ["factor-removed", "Your second factor was taken away"],
    ["passkey-removed", "A passkey was removed"],
    ["logins-ended", "All your logins were ended"],
  ])("by an operator beside the gateway is told at the next login: %s", async (what, words) => {
    const { world, enter } = await begin();
    await tellOwner(world.store, "ann", what, Date.now());
    const { browser, place } = await enter();
    expect(asPage(place).html).toContain(`${words}, by an operator of the gateway: <time`);
    expect(whereIs(await goOn(browser, place))).toBe("Your account");
    const later = await enter();
    expect(whereIs(later.place)).toBe("Your account");
    expect(asPage(later.place).html).toContain(words);
  });

  it("is told to whoever it is about, by a form of the page alone, and keeps nobody from anything", async () => {
    const { world, enter } = await begin();
    await world.addUser("bob");
    const { browser } = await enter();
    const consent = asPage(await browser.open(world.webUrl("mcp")));
    expect(whereIs(await browser.submit(consent, { do: "allow" }))).toBe("client");
    await tellOwner(world.store, "ann", "factor-removed", Date.now());
    const bob = world.browser();
    expect(whereIs(await logIn(bob, await bob.open(account), "bob"))).toBe("Your account");
    // Whoever was logged in before goes on, and a client that wants no page gets none.
    for (const more of [{}, { prompt: "none" }])
      expect(whereIs(await browser.open(world.webUrl("mcp", more)))).toBe("client");
    const { browser: other, place } = await enter(world.webUrl("mcp"));
    expect(whereIs(await other.open(world.webUrl("mcp", { prompt: "none" })))).toBe("client");
    for (const fields of [{ csrf: "x" }, { csrf: "" }])
      expect(asPage(await other.submit(asPage(place), { ...fields, do: "noted" })).status).toBe(403);
    expect(whereIs((await enter()).place)).toBe(told);
    expect(whereIs(await goOn(other, place))).toBe("client");
    expect(whereIs((await enter()).place)).toBe("Your account");
  });

  it.each<[string, (world: World, browser: Browser, page: Page) => Promise<unknown>]>([
    ["has logged out", (_world, browser, page) => browser.submit(page, { do: "logout" })],
    [
      "was given another password",
      ({ changeUser }) => changeUser("ann", (user) => ({ ...user, ...endLogins(Date.now(), user) })),
    ],
    ["is disabled", ({ changeUser }) => changeUser("ann", (user) => ({ ...user, disabled: true }))],
  ])("is neither shown to nor taken as read by a browser whose person %s meanwhile", async (_what, meanwhile) => {
    const { world, enter } = await begin();
    await tellOwner(world.store, "ann", "passkey-removed", Date.now());
    const { browser, place } = await enter(world.authorizeUrl("mcp"));
    await meanwhile(world, browser, asPage(place));
    await tellOwner(world.store, "ann", "logins-ended", Date.now());
    expect(whereIs(await browser.open(asPage(place).url))).toBe("This did not work");
    await goOn(browser, place);
    expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: "login_gone" });
    expect(findUnread(await readNews(world.store, "ann")).events.map(({ what }) => what)).toContain("passkey-removed");
  });

  it("makes no session longer by being read slowly", async () => {
    const { world, enter } = await begin();
    await tellOwner(world.store, "ann", "factor-added", Date.now());
    const { browser, place } = await enter(world.authorizeUrl("mcp"));
    const endMs = Date.now() + 480 * minutes;
    world.pass(10 * minutes);
    await goOn(browser, place);
    await world.use(browser, endMs - Date.now() - minutes);
    expect(whereIs(await browser.open(account))).toBe("Your account");
    world.pass(2 * minutes);
    expect(whereIs(await browser.open(account))).toBe("Log in");
  });

  it("is asked for by a login that has to be new, once", async () => {
    const { world, enter } = await begin();
    await tellOwner(world.store, "ann", "factor-added", Date.now());
    const { browser, place } = await enter(world.authorizeUrl("mcp", { prompt: "login", max_age: "0" }));
    expect(whereIs(place)).toBe(told);
    expect(whereIs(await goOn(browser, place, "later"))).toBe("Allow access?");
  });
});

describe("what is kept", () => {
  const at = (atMs: number) => ({ by: "owner" as const, atMs, ip: stranger });
  const failure = { page: "p", halfway: false, limited: false, atMs: 1, ip: stranger };

  it("is bounded, and nothing that others can do takes the room of what matters", () => {
    let news = addEvent(noNews, { what: "password-changed", ...at(0) });
    for (let each = 0; each < 1_000; each += 1) {
      news = countFailure(news, { ...failure, page: `p${each % 7}`, atMs: each });
      if (each % 100 === 0) news = closeFailures(addEvent(news, { what: "browser-new", ...at(each) }), "login");
    }
    expect(findUnread(news).events.map(({ what }) => what)).toEqual([
      "password-changed",
      ...Array(5).fill("browser-new"),
    ]);
    expect((findUnread(news).failed?.count ?? 0) + (sumFailing(news)?.count ?? 0)).toBe(1_000);
    for (let each = 0; each < 50; each += 1) news = addEvent(news, { what: "passkey-added", ...at(each) });
    expect(news.events).toHaveLength(20);
    expect(newsKind.schema.parse(JSON.parse(JSON.stringify(news)))).toEqual(news);
  });

  it("counts what was not even looked at once a minute, without a write for each", () => {
    const limited = { ...failure, limited: true };
    const once = countFailure(noNews, limited);
    expect(countFailure(once, { ...limited, page: "q", atMs: 59_000 })).toBe(once);
    expect(countFailure(once, { ...limited, atMs: 60_001 })).not.toBe(once);
    expect(sumFailing(once)).toMatchObject({ count: 0, limited: true });
  });

  it("is read up to what was on the page, and never more or less", () => {
    const news = addEvent(addEvent(noNews, { what: "factor-added", ...at(0) }), { what: "factor-removed", ...at(1) });
    expect(findUnread(markRead(news, 1)).events.map(({ what }) => what)).toEqual(["factor-removed"]);
    expect(markRead(markRead(news, 2), 1).seen).toBe(2);
    expect(markRead(news, 1_000).seen).toBe(2);
    expect(closeFailures(news, "p")).toBe(news);
  });

  it("is begun anew where another version wrote what cannot be read", async () => {
    const { world } = await begin();
    await world.store.put(newsKind as never, "ann", { other: 1 } as never);
    await tellOwner(world.store, "ann", "factor-added", Date.now());
    expect((await world.store.get(newsKind, "ann"))?.value.events).toHaveLength(1);
  });

  it("loses nothing of several at once", async () => {
    const { world } = await begin();
    await Promise.all(Array.from({ length: 8 }, () => tellOwner(world.store, "ann", "factor-added", Date.now())));
    expect((await world.store.get(newsKind, "ann"))?.value.events).toHaveLength(8);
    const unchanged = vi.fn((news: News) => news);
    const put = vi.spyOn(world.store, "put");
    await changeNews(world.store, "ann", unchanged, Date.now());
    expect([unchanged, put].map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
  });

  it.each([
    ["somebody who turned back", { action: "login", successful: false, reason: "access_denied", user: "ann" }],
    ["a form of another site", { action: "login", successful: false, reason: "foreign_form", user: "ann" }],
    ["a passkey that would not do", { action: "login", successful: false, reason: "passkey_copyable", user: "ann" }],
    ["a token", { action: "token", successful: true, user: "ann" }],
    [
      "a new password that was refused",
      { action: "password-change", successful: false, reason: "password_weak", user: "ann" },
    ],
    ["nobody in particular", { action: "login", successful: false, reason: "passkey_unknown" }],
    ["a page", { action: "account-page", user: "ann" }],
  ])("is nothing of %s", (_what, note) => {
    expect(readNote(note, { page: "p", ip: stranger, atMs: 0 })).toBeNull();
  });
});
