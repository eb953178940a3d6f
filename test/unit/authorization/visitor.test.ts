/** Who gets to the pages of one's own account, and where a browser is led that has to log in for it. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { endLogins } from "../../../src/auth/users/user.ts";
import { isPlace, keepNonce, openPlace, readNonce, sealPlace } from "../../../src/authorization/account/way-back.ts";
import { kindOf } from "../../../src/authorization/models.ts";
import { asPage, type Browser } from "../../e2e/browser.ts";
import { logIn, openWorld, origin, resource, whereIs } from "./world.ts";

const account = `${origin}/oauth/account`;

async function begin() {
  const world = await openWorld();
  await world.addUser("ann");
  return { world, browser: world.browser() };
}

async function enter(browser: Browser) {
  return logIn(browser, await browser.open(account), "ann");
}

it("sends a browser to log in and back, with neither consent nor a client to tell of", async () => {
  const { world, browser } = await begin();
  const login = await browser.open(account);
  expect(asPage(login).html).toContain("a page of this gateway itself");
  const page = asPage(await logIn(browser, login, "ann"));
  expect([page.url.href, whereIs(page)]).toEqual([account, "Your account"]);
  expect(page.html).toContain("<strong>ann</strong>");
  expect(page.headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
  expect(whereIs(await browser.open(account))).toBe("Your account");
  expect(world.notes.at(-1)).toMatchObject({ action: "account-page", user: "ann" });
  expect(world.notes.filter(({ action }) => action === "account-back")).toMatchObject([{ successful: true }]);
});

it("takes the login of a client, and takes it no longer once it has ended", async () => {
  const { world, browser } = await begin();
  await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann");
  expect(whereIs(await browser.open(account))).toBe("Your account");
  await world.changeUser("ann", (user) => ({ ...user, ...endLogins(Date.now(), user) }));
  expect(whereIs(await browser.open(account))).toBe("Log in");
  expect(whereIs(await enter(browser))).toBe("Your account");
  await world.changeUser("ann", (user) => ({ ...user, disabled: true }));
  expect(whereIs(await browser.open(account))).toBe("Log in");
});

it("says so where somebody does not log in", async () => {
  const { browser } = await begin();
  const page = await browser.submit(asPage(await browser.open(account)), { do: "cancel" });
  expect([whereIs(page), asPage(page).status]).toEqual(["This did not work", 403]);
});

/** Where the browser is sent by the account page, and by the page that it comes back to. */
async function follow(browser: Browser, state: string) {
  return browser.open(`${account}/back?code=x&iss=${encodeURIComponent(origin)}&state=${encodeURIComponent(state)}`);
}

it.each([
  ["none", ""],
  ["a place and no proof", Buffer.from("/oauth/account").toString("base64url")],
  ["a foreign place", `${Buffer.from("https://evil.test/").toString("base64url")}.${"A".repeat(16)}`],
  ["what is no text", "\u0000.\u0000"],
])("leads nobody anywhere by a state that is %s", async (_what, state) => {
  const { world, browser } = await begin();
  await enter(browser);
  const page = asPage(await follow(browser, state));
  expect([page.status, page.headers.get("location")]).toEqual([400, null]);
  expect(world.notes.at(-1)).toMatchObject({ action: "account-back", successful: false, reason: "login_gone" });
});

it("leads a browser nowhere by the state of another one", async () => {
  const { world, browser } = await begin();
  const sent = await world.ask(account);
  const state = new URL(sent.headers.get("location") ?? "", origin).searchParams.get("state") ?? "";
  await enter(browser);
  expect(asPage(await follow(browser, state)).status).toBe(400);
  const [cookie = ""] = sent.headers.getSetCookie()[0]?.split(";") ?? [];
  const back = await world.ask(`${account}/back?state=${state}`, { headers: { cookie } });
  expect([back.status, back.headers.get("location")]).toEqual([303, "/oauth/account"]);
});

it("gives the gateway's own client no token, whatever is asked for it", async () => {
  const { world, browser } = await begin();
  await enter(browser);
  const own = { client_id: "account", redirect_uri: `${account}/back`, state: "s" };
  await browser.open(world.authorizeUrl("mcp openid", own));
  expect(world.notes.findLast(({ action }) => action === "authorize")).toMatchObject({ reason: "invalid_target" });
  const asked = new URL(world.authorizeUrl("mcp openid", own));
  asked.searchParams.delete("resource");
  await browser.open(asked);
  const code = (await world.store.list(kindOf("AuthorizationCode"))).at(-1);
  const body = new URLSearchParams({
    ...{ grant_type: "authorization_code", code: code?.key ?? "", code_verifier: "v".repeat(43) },
    ...{ client_id: "account", redirect_uri: own.redirect_uri, resource },
  });
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const refused = await world.ask(`${origin}/oauth/token`, { method: "POST", headers, body: body.toString() });
  expect(await refused.json()).toMatchObject({ error: "invalid_grant" });
  expect(code).toBeDefined();
});

it("serves no other page, and takes no other verb than it knows", async () => {
  const { world, browser } = await begin();
  await enter(browser);
  expect(asPage(await browser.open(`${account}/other`)).status).toBe(404);
  expect((await world.ask(account, { method: "DELETE" })).status).toBe(405);
});

const digest = (label: string, text: string) => Buffer.from(`${label} ${text}`).toString("base64url");

it("opens what it sealed, for the browser that it was sealed for", () => {
  const nonce = fc.stringMatching(/^[0-9a-f]{32}$/);
  const place = fc.constantFrom("/oauth/account", "/oauth/account/tokens");
  fc.assert(
    fc.property(nonce, nonce, place, (one, other, to) => {
      const state = sealPlace(digest, one, to);
      expect(openPlace(digest, readNonce(`a=b; ${keepNonce(one).split(";")[0]}`), state)).toBe(to);
      if (one !== other) expect(openPlace(digest, other, state)).toBeNull();
    }),
  );
});

it.each([
  "https://evil.test/oauth/account",
  "//evil.test/oauth/account",
  "/\\evil.test/oauth/account",
  "/oauth/account/back",
  "/oauth/account/../token",
  "/oauth/account?next=https://evil.test",
  "/oauth/account\n",
  "/oauth/accounts",
  "",
])("%j is no place to come back to, even signed", (place) => {
  expect(isPlace(place)).toBe(false);
  expect(openPlace(digest, "0".repeat(32), sealPlace(digest, "0".repeat(32), place))).toBeNull();
});
