/** What of a user's logins ends with another password, and with being disabled. */
import { expect, it } from "vitest";
import { createRevocationBook } from "../../../src/auth/revocations.ts";
import { createUserDirectory } from "../../../src/auth/users/directory.ts";
import { endLogins, type User } from "../../../src/auth/users/user.ts";
import { endAllLogins, revoke } from "../../../src/authorization/grants/revoke.ts";
import { asPage } from "../../e2e/browser.ts";
import { claimsOf, logIn, openWorld, origin, resource, whereIs } from "./world.ts";

async function begin() {
  const world = await openWorld();
  await world.addUser("ann");
  const browser = world.browser();
  const consent = await logIn(browser, await browser.open(world.webUrl("mcp")), "ann");
  const tokens = await world.redeem(await browser.submit(asPage(consent), { do: "allow" }));
  return { world, browser, tokens };
}

const passwd = (user: User): User => ({ ...user, ...endLogins(Date.now(), user) });
const disable = (user: User): User => ({ ...passwd(user), disabled: true });
const enable = (user: User): User => ({ ...user, disabled: false });

it.each([
  ["another password", [passwd]],
  ["being disabled", [disable]],
  ["being disabled for a while", [disable, enable]],
])("ends refresh tokens, codes and browser sessions with %s", async (_what, changes) => {
  const { world, browser, tokens } = await begin();
  const callback = await browser.open(world.webUrl("mcp"));
  expect(whereIs(callback)).toBe("client");
  for (const change of changes) await world.changeUser("ann", change);
  expect(await world.refresh(tokens)).toMatchObject({ error: "invalid_grant" });
  expect(await world.redeem(callback)).toMatchObject({ error: "invalid_grant" });
  expect(whereIs(await browser.open(world.webUrl("mcp")))).toBe("Log in");
  expect(whereIs(await browser.open(world.authorizeUrl("mcp", { prompt: "none" })))).toBe("login_required");
});

it("takes a login of the same second that comes after it, and keeps the consent", async () => {
  const { world, browser } = await begin();
  await world.changeUser("ann", passwd);
  const callback = await logIn(browser, await browser.open(world.webUrl("mcp")), "ann");
  expect(whereIs(callback)).toBe("client");
  const tokens = await world.redeem(callback);
  expect(claimsOf(tokens)).toMatchObject({ sub: "ann", auth_time: Date.now() / 1_000 + 1 });
  expect(claimsOf(await world.refresh(tokens))).toMatchObject({ sub: "ann" });
});

it("ends tokens that were issued before the clock was set back, with the grant that they are of", async () => {
  const { world, tokens } = await begin();
  const { sub: subject, ...claims } = claimsOf(tokens) as { sub: string; grant_id: string };
  world.pass(-3_600_000);
  await revoke(world.store, { kind: "grant", grant: claims.grant_id }, { by: "op", reason: null, nowMs: Date.now() });
  const book = createRevocationBook(world.store);
  await book.load();
  expect(book.standingOf({ issuer: "builtin", subject, client: null, claims }).revoked).toBe(true);
});

it("ends logins of a clock that was set back since, and keeps the consent", async () => {
  const { world, browser, tokens } = await begin();
  await world.addUser("bob");
  const other = world.browser();
  await logIn(other, await other.open(world.authorizeUrl("mcp")), "bob");
  const callback = await browser.open(world.webUrl("mcp"));
  world.pass(-3_600_000);
  await world.changeUser("ann", passwd);
  await endAllLogins(world.store, "ann", { by: "op", reason: null, nowMs: Date.now() });
  expect(await world.refresh(tokens)).toMatchObject({ error: "invalid_grant" });
  expect(await world.redeem(callback)).toMatchObject({ error: "invalid_grant" });
  const login = await browser.open(world.webUrl("mcp"));
  expect([whereIs(login), whereIs(await logIn(browser, login, "ann"))]).toEqual(["Log in", "client"]);
  expect(whereIs(await other.open(`${origin}/oauth/account`))).toBe("Your account");
});

it("ends a login that waits to go on, where it is of the second in which others were ended", async () => {
  const { world } = await begin();
  await world.changeUser("ann", passwd);
  const held = { is: true };
  const browser = world.browser(undefined, ((at: URL | string, init: RequestInit) =>
    held.is && new URL(at).pathname.startsWith("/oauth/authorize/")
      ? new Response("held")
      : world.ask(at, init)) as typeof fetch);
  const { url } = asPage(await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann"));
  await world.changeUser("ann", passwd);
  held.is = false;
  expect(whereIs(await browser.open(url))).toBe("Log in");
});

it("leaves others alone", async () => {
  const { world, tokens } = await begin();
  await world.addUser("bob");
  await world.changeUser("bob", disable);
  expect(claimsOf(await world.refresh(tokens))).toMatchObject({ sub: "ann" });
});

it("does not let somebody on who has given the old password and not yet the code", async () => {
  const { world } = await begin();
  const codeNow = await world.addFactor("ann");
  const browser = world.browser();
  const asking = await logIn(browser, await browser.open(world.webUrl("mcp")), "ann");
  await world.changeUser("ann", passwd);
  const place = await browser.submit(asPage(asking), { code: codeNow(), do: "code" });
  expect([whereIs(place), asPage(place).status]).toEqual(["Log in", 403]);
});

it.each(["disabled", "given another password"])(
  "gives no token to somebody who is %s while it is made",
  async (how) => {
    const world = await openWorld();
    await world.addUser("ann");
    const browser = world.browser();
    const consent = asPage(await logIn(browser, await browser.open(world.webUrl("mcp")), "ann"));
    const tokens = await world.redeem(await browser.submit(consent, { do: "allow" }));
    const users = createUserDirectory(world.store);
    const end = (user: User) => ({ ...user, disabled: how === "disabled", ...endLogins(Date.now(), user) });
    let left = 1;
    const find = async (name: string) => {
      const found = await users.find(name);
      if (left-- === 1) await world.changeUser(name, end);
      return found;
    };
    const ask = world.replica({ users: { ...users, find } });
    const { client_id } = world;
    const fields = { grant_type: "refresh_token", refresh_token: tokens.refresh_token, client_id, resource };
    const answer = await ask(`${origin}/oauth/token`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: `${new URLSearchParams(fields)}`,
    });
    expect(left).toBeLessThan(1);
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: "invalid_grant" }]);
  },
);

it.each([
  ["another password", [passwd]],
  ["being disabled for a while", [disable, enable]],
])("lets nobody on whose password was looked at before %s, however long that took", async (_what, changes) => {
  const world = await openWorld();
  await world.addUser("ann");
  const users = createUserDirectory(world.store);
  const verify: typeof users.verify = async (...proof) => {
    const account = await users.verify(...proof);
    for (const change of changes) await world.changeUser("ann", change);
    world.pass(1_000);
    return account;
  };
  const ask = world.replica({ users: { ...users, verify } });
  const browser = world.browser(undefined, ((at: URL | string, init: RequestInit) => ask(at, init)) as typeof fetch);
  const place = await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann");
  expect([whereIs(place), world.notes.at(-1)]).toMatchObject([
    "This did not work",
    { action: "login", successful: false, reason: "login_gone" },
  ]);
  expect(whereIs(await browser.open(`${origin}/oauth/account`))).toBe("Log in");
});
