/** Whoever logs in does so in the browser that goes on from there, whatever cookies somebody has put into it. */
import { expect, it } from "vitest";
import { endLogins, type User } from "../../../src/auth/users/user.ts";
import { listGrants } from "../../../src/authorization/grants/grants.ts";
import { revoke } from "../../../src/authorization/grants/revoke.ts";
import { tellOwner } from "../../../src/authorization/news/keep.ts";
import type { Store } from "../../../src/state/store.ts";
import { asPage, type Browser, type Page } from "../../e2e/browser.ts";
import { logIn, openWorld, origin, whereIs } from "./world.ts";

/** The cookies of a page of one browser, where a login goes on, in another: a page of a neighbouring host can put them there. */
function toss(from: Browser, to: Browser, { pathname }: URL): void {
  for (const pair of from.header(pathname).split("; ")) {
    const [name = "", value = ""] = pair.split("=");
    if (name.startsWith("__Secure-")) to.take(name, value);
  }
}

/** Where somebody is asked for consent. */
interface Tab {
  readonly browser: Browser;
  readonly page: Page;
  readonly store: Store;
  readonly change: (how: (user: User) => User) => Promise<unknown>;
}

const by = { by: "operator", reason: null, nowMs: Date.now() };
const isResumed = (url: URL | string) => new URL(url).pathname.startsWith("/oauth/authorize/");

it("logs nobody in with another browser than the one in which they gave their password", async () => {
  const world = await openWorld();
  await world.addUser("ann");
  const [thief, victim] = [world.browser(), world.browser()];
  const page = asPage(await thief.open(world.authorizeUrl("mcp")));
  toss(thief, victim, page.url);
  const tossed = asPage(await victim.open(page.url));
  await logIn(victim, tossed, "ann");
  const place = await thief.open(page.url.href.replace("/oauth/login/", "/oauth/authorize/"));
  expect([whereIs(place), world.notes.at(-1)]).toMatchObject([
    "This did not work",
    { successful: false, reason: "foreign_login" },
  ]);
  expect(whereIs(await thief.open(`${origin}/oauth/account`))).toBe("Log in");
});

it("logs nobody in as somebody who has given their password in another browser", async () => {
  const world = await openWorld();
  await world.addUser("mallory");
  // Goes no further than the form.
  const held = ((url: URL | string, init: RequestInit) =>
    isResumed(url) ? new Response("held") : world.ask(url, init)) as typeof fetch;
  const [thief, victim] = [world.browser(undefined, held), world.browser()];
  const page = asPage(await thief.open(world.authorizeUrl("mcp")));
  const { url } = asPage(await logIn(thief, page, "mallory"));
  toss(thief, victim, url);
  expect(whereIs(await victim.open(url))).toBe("This did not work");
  expect(whereIs(await victim.open(`${origin}/oauth/account`))).toBe("Log in");
});

it("logs nobody in as somebody else for whom another person has consented before, in another browser", async () => {
  const world = await openWorld();
  for (const name of ["eve", "mallory"]) await world.addUser(name);
  let isHeld = false;
  const held = ((url: URL | string, init: RequestInit) =>
    isHeld && isResumed(url) ? new Response("held") : world.ask(url, init)) as typeof fetch;
  const [thief, victim] = [world.browser(undefined, held), world.browser()];
  const consent = asPage(await logIn(thief, await thief.open(world.authorizeUrl("mcp")), "eve"));
  isHeld = true;
  const consented = asPage(await thief.submit(consent, { do: "allow" }));
  await world.changeUser("eve", (user) => ({ ...user, ...endLogins(Date.now(), user) }));
  isHeld = false;
  const login = await thief.open(consented.url);
  expect(whereIs(login)).toBe("Log in");
  isHeld = true;
  const { url } = asPage(await logIn(thief, login, "mallory"));
  toss(thief, victim, url);
  expect(whereIs(await victim.open(url))).toBe("This did not work");
  expect(whereIs(await victim.open(`${origin}/oauth/account`))).toBe("Log in");
});

it.each(["noted", "allow"])(
  "goes on from a page with %s however long it was read, in its own browser alone",
  async (as) => {
    const world = await openWorld();
    await world.addUser("ann");
    if (as === "noted") await tellOwner(world.store, "ann", "factor-added", Date.now());
    let isHeld = false;
    const held = ((url: URL | string, init: RequestInit) =>
      isHeld && isResumed(url) ? new Response("held") : world.ask(url, init)) as typeof fetch;
    const [browser, victim] = [world.browser(undefined, held), world.browser()];
    const page = asPage(await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann"));
    isHeld = true;
    const { url } = asPage(await browser.submit(page, { do: as }));
    isHeld = false;
    toss(browser, victim, url);
    expect(whereIs(await victim.open(url))).toBe("This did not work");
    expect(whereIs(await victim.open(`${origin}/oauth/account`))).toBe("Log in");
    // It is forgotten sooner than the page is.
    browser.take("__Host-sallyport-away", "");
    expect(whereIs(await browser.open(url))).toBe(as === "noted" ? "Allow access?" : "client");
  },
);

it.each<[string, (at: Tab) => Promise<unknown>]>([
  ["has logged out", ({ browser, page }) => browser.submit(page, { do: "logout" })],
  [
    "is logged out by an operator",
    ({ store }) => revoke(store, { kind: "user", issuer: "builtin", subject: "ann" }, by),
  ],
  ["has another password", ({ change }) => change((user) => ({ ...user, ...endLogins(Date.now(), user) }))],
  ["is disabled", ({ change }) => change((user) => ({ ...user, disabled: true }))],
])("keeps no consent of somebody who %s meanwhile, whoever presses the button", async (_what, meanwhile) => {
  const world = await openWorld();
  await world.addUser("ann");
  const browser = world.browser();
  const page = asPage(await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann"));
  expect(whereIs(page)).toBe("Allow access?");
  await meanwhile({ browser, page, store: world.store, change: (how) => world.changeUser("ann", how) });
  expect(whereIs(await browser.submit(page, { do: "allow" }))).toBe("This did not work");
  expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: "login_gone" });
  expect(await listGrants(world.store)).toEqual([]);
});
