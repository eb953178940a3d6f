/** People change their password, and choose their own in place of one that an operator gave them; whoever has only got their browser does not. */
import inject from "light-my-request";
import { expect, it } from "vitest";
import { BreachFileError } from "../../../src/auth/users/breach-file.ts";
import { createUserDirectory } from "../../../src/auth/users/directory.ts";
import { HashingBusy } from "../../../src/auth/users/hashing.ts";
import { hashPassword } from "../../../src/auth/users/password.ts";
import { endLogins } from "../../../src/auth/users/user.ts";
import { servePassword } from "../../../src/authorization/account/password.ts";
import { canChangePassword } from "../../../src/authorization/login/own-password.ts";
import { asPage, type Browser, goOn, type Page } from "../../e2e/browser.ts";
import { createAuthenticator, readOptions } from "../../fixtures/authenticator.ts";
import { answer, askPasskey } from "./passkey-world.ts";
import { logIn, openWorld, origin, whereIs } from "./world.ts";

const minutes = 60_000;
const url = `${origin}/oauth/account/password`;
const given = "correct horse battery staple";
const chosen = "vexing otter trims lamp";

async function begin(options: Parameters<typeof openWorld>[1] = {}) {
  const world = await openWorld({}, options);
  await world.addUser("ann");
  const enter = async (to: string = url): Promise<[Browser, Page]> => {
    const browser = world.browser();
    return [browser, asPage(await logIn(browser, await browser.open(to), "ann"))];
  };
  const knows = (password: string) => createUserDirectory(world.store).verify("ann", password, "192.0.2.1");
  return { world, enter, knows, last: () => world.notes.at(-1) };
}

const fields = (more: Record<string, string> = {}) => ({
  ...{ password: given, new: chosen, again: chosen, do: "change" },
  ...more,
});

it("changes the password for whoever knows it, and leaves this browser alone logged in, with another cookie", async () => {
  const { world, enter, knows, last } = await begin();
  const [other] = await enter();
  const [client] = await enter();
  const consent = asPage(await client.open(world.authorizeUrl("mcp")));
  const tokens = await world.redeem(await client.submit(consent, { do: "allow" }));
  const [browser, form] = await enter();
  expect(whereIs(form)).toBe("Change your password");
  expect(form.html).not.toContain("<script");
  const thief = world.browser();
  const before = browser.cookie("__Host-sallyport") ?? "";
  for (const name of browser.cookies().filter((each) => each.startsWith("__Host-sallyport")))
    thief.take(name, browser.cookie(name) ?? "");
  expect(whereIs(await thief.open(url))).toBe("Change your password");

  const done = asPage(await browser.submit(form, fields()));
  expect(whereIs(done)).toBe("Your password was changed");
  expect(last()).toMatchObject({ action: "password-change", user: "ann", successful: true });
  expect([await knows(given), await knows(chosen)]).toMatchObject([null, { name: "ann" }]);
  expect(browser.cookie("__Host-sallyport")).not.toBe(before);
  const account = asPage(await browser.open(`${origin}/oauth/account`));
  expect(whereIs(account)).toBe("Your account");
  expect(account.html).toContain("This browser");
  expect(account.html).not.toContain("Another browser");
  for (const each of [other, client, thief]) expect(whereIs(await each.open(url))).toBe("Log in");
  expect(await world.refresh(tokens)).toMatchObject({ error: "invalid_grant" });
  // What she had consented to stays.
  expect(whereIs(await browser.open(world.webUrl("mcp")))).toBe("client");
  expect(JSON.stringify(world.notes)).not.toMatch(/horse|otter/);
});

it("keeps the login as long as it would have lasted, and no longer", async () => {
  const { world, enter } = await begin();
  const [browser, form] = await enter();
  world.pass(4 * minutes);
  await browser.submit(form, fields());
  await world.use(browser, 8 * 60 * minutes - 5 * minutes);
  expect(whereIs(await browser.open(`${origin}/oauth/account`))).toBe("Your account");
  world.pass(2 * minutes);
  expect(whereIs(await browser.open(`${origin}/oauth/account`))).toBe("Log in");
});

it("makes no second factor of before more recent", async () => {
  const { world, enter } = await begin();
  const codeNow = await world.addFactor("ann");
  const [browser, asking] = await enter();
  const form = asPage(await browser.submit(asking, { code: codeNow(), do: "code" }));
  world.pass(4 * minutes);
  await browser.submit(form, fields());
  expect(whereIs(await browser.open(`${origin}/oauth/account`))).toBe("Your account");
  expect(whereIs(await browser.open(url))).toBe("Log in");
  expect(whereIs(await browser.open(world.authorizeUrl("mcp", { acr_values: "mfa", max_age: "300" })))).toBe("Log in");
});

it.each<[string, Record<string, string>, number, string]>([
  ["another password than that of now", { password: chosen }, 403, "password_wrong"],
  ["two that differ", { again: `${chosen}.` }, 400, "password_mismatch"],
  ["one that is short", { new: "short", again: "short" }, 400, "password_weak"],
  ["one that is on the list", { new: "polniypizdec0211", again: "polniypizdec0211" }, 400, "password_breached"],
  ["none", { new: "", again: "" }, 400, "password_weak"],
  ["the one of now", { new: given, again: given }, 400, "password_same"],
])("refuses %s by name, and leaves everything as it is", async (_what, more, status, reason) => {
  const { enter, knows, last } = await begin();
  const [other] = await enter();
  const [browser, form] = await enter();
  const again = asPage(await browser.submit(form, fields(more)));
  expect([again.status, whereIs(again)]).toEqual([status, "Change your password"]);
  expect(again.html).toContain('<p role="alert">');
  expect(again.html).not.toMatch(/horse|otter|polniy/);
  expect(last()).toMatchObject({ action: "password-change", user: "ann", successful: false, reason });
  expect(await knows(given)).not.toBeNull();
  expect(whereIs(await other.open(url))).toBe("Change your password");
});

it("changes none while nobody can say which were breached, and tells the operator", async () => {
  const lines: string[] = [];
  const { enter, knows, last } = await begin({
    log: (line) => void lines.push(line),
    judgePassword: () => Promise.reject(new BreachFileError("no list at /srv/list")),
  });
  const [browser, form] = await enter();
  const again = asPage(await browser.submit(form, fields()));
  expect([again.status, last()]).toMatchObject([503, { reason: "password_unchecked" }]);
  expect(again.html).not.toContain("/srv/list");
  expect(lines.join()).toContain("no list at /srv/list");
  expect(await knows(given)).not.toBeNull();
});

it("asks to come again where too many passwords are looked at already, and says so at a login as well", async () => {
  let isBusy = false;
  const { world, enter, last } = await begin({
    users: {
      find: (name) => directory.find(name),
      recognize: (name) => directory.recognize(name),
      verify: (...asked) => (isBusy ? Promise.reject(new HashingBusy()) : directory.verify(...asked)),
    },
  });
  const directory = createUserDirectory(world.store);
  const [browser, form] = await enter();
  isBusy = true;
  const change = asPage(await browser.submit(form, fields()));
  expect([change.status, last()]).toMatchObject([503, { action: "password-change", reason: "login_busy" }]);
  const stranger = world.browser();
  const entered = asPage(await logIn(stranger, await stranger.open(world.authorizeUrl("mcp")), "ann"));
  expect([entered.status, last()]).toMatchObject([503, { action: "login", reason: "login_busy" }]);
});

it("counts the password of now as at a login, together with it", async () => {
  const { world, enter, knows, last } = await begin();
  const [browser, form] = await enter();
  for (let tried = 0; tried < 20; tried += 1) {
    expect(asPage(await browser.submit(form, fields({ password: `guess ${tried}` }))).status).toBe(403);
  }
  const limited = asPage(await browser.submit(form, fields()));
  expect([limited.status, last()]).toMatchObject([429, { action: "password-change", reason: "login_limited" }]);
  expect(await knows(given)).not.toBeNull();
  // One count of both: there is no login with this browser either.
  const login = await browser.open(world.authorizeUrl("mcp", { prompt: "login" }));
  expect(asPage(await logIn(browser, login, "ann")).status).toBe(429);
});

it("takes a login of the last minutes, with a second factor where there is one", async () => {
  const { world, enter, knows } = await begin();
  const [browser, form] = await enter();
  world.pass(6 * minutes);
  expect(whereIs(await browser.submit(form, fields()))).toBe("Log in");
  const [second, open] = await enter();
  await world.addFactor("ann");
  expect(whereIs(await second.submit(open, fields()))).toBe("Log in");
  expect(await knows(given)).not.toBeNull();
});

it.each<[string, Record<string, string>, Record<string, string>]>([
  ["another site", {}, { origin: "https://evil.test" }],
  ["nobody", { csrf: "" }, {}],
  ["another login", { csrf: "A".repeat(16) }, {}],
])("takes no form of %s", async (_what, more, headers) => {
  const { enter, knows, last } = await begin();
  const [browser, form] = await enter();
  const [, csrf = ""] = /name="csrf" value="([^"]+)"/.exec(form.html) ?? [];
  const sent = new URLSearchParams({ csrf, ...fields(more) });
  expect(asPage(await browser.send(new URL(url), sent, headers)).status).toBe(403);
  expect(last()).toMatchObject({ reason: "foreign_form", successful: false });
  expect(await knows(given)).not.toBeNull();
});

it("is not for people who log in elsewhere, nor where passwords are off", async () => {
  const { world } = await begin();
  for (const [name, passwords, expected] of [
    ["ann", true, true],
    ["corp:ann", true, false],
    ["ann", false, false],
  ] as const)
    expect(await canChangePassword({ store: world.store, passwords }, name)).toBe(expected);
});

it("refuses by name whoever has no password here", async () => {
  const { world, enter, last } = await begin();
  const [browser, form] = await enter();
  await world.changeUser("ann", (user) => ({ ...user, password: null }));
  const end = asPage(await browser.submit(form, fields()));
  expect([end.status, last()]).toMatchObject([403, { user: "ann", successful: false, reason: "password_missing" }]);
});

it("refuses by name where passwords were turned off after the login", async () => {
  const { world } = await begin();
  const note = { action: "account" };
  const kit = {
    ...{ publicUrl: origin, store: world.store, passwords: false, now: Date.now, fingerprint: () => "f" },
    findAccount: async () => ({ name: "ann", groups: [], loginsFrom: 0 }),
    passkeys: { list: async () => [] },
    secondFactors: { has: async () => false },
    provider: {
      createContext: () => ({}),
      Session: { get: async () => ({ accountId: "ann", loginTs: Date.now() / 1_000, uid: "u" }) },
    },
  };
  const { statusCode } = await inject(
    (request, response) =>
      void servePassword(kit as never, { request, response, path: "", body: Buffer.alloc(0), ip: "192.0.2.1", note }),
    { method: "POST", url: "/" },
  );
  expect([statusCode, note]).toMatchObject([403, { user: "ann", successful: false, reason: "passwords_off" }]);
});

it("puts nothing in the place of what an operator has changed since the password of now was right", async () => {
  let meanwhile = async () => {};
  const { world, enter, knows, last } = await begin({
    users: {
      find: (name) => directory.find(name),
      recognize: (name) => directory.recognize(name),
      async verify(name, typed, ip) {
        const account = await directory.verify(name, typed, ip);
        await meanwhile();
        return account;
      },
    },
  });
  const directory = createUserDirectory(world.store);
  const [browser, form] = await enter();
  meanwhile = () => world.changeUser("ann", (user) => ({ ...user, groups: ["less"], ...endLogins(Date.now(), user) }));
  const end = asPage(await browser.submit(form, fields()));
  expect([end.status, last()]).toMatchObject([409, { successful: false, reason: "password_changed" }]);
  expect([await knows(given), await knows(chosen)]).toMatchObject([{ groups: ["less"] }, null]);
});

const first = "made-up-byan-oper-ator-pass";
async function beginTemporary(options: Parameters<typeof openWorld>[1] = {}) {
  const begun = await begin(options);
  const { world } = begun;
  const password = await hashPassword(first);
  const give = () =>
    world.changeUser("ann", (user) => ({
      ...{ ...user, password, temporaryUntilMs: Date.now() + 60 * minutes },
      ...endLogins(Date.now(), user),
    }));
  await give();
  const due = async (browser = world.browser()): Promise<[Browser, Page]> => [
    browser,
    asPage(await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann", first)),
  ];
  return { ...begun, give, due };
}
const choose = { new: chosen, again: chosen, do: "choose" };

it("has a password that was given replaced before there is a login, a consent or a code", async () => {
  const { world, due, knows, last } = await beginTemporary();
  const [browser, form] = await due();
  expect(whereIs(form)).toBe("Choose a password");
  expect(last()).toMatchObject({ action: "password-due", user: "ann", successful: true });
  expect(browser.cookies()).not.toContain("__Host-sallyport");
  expect(whereIs(await browser.open(`${origin}/oauth/account`))).toBe("Log in");
  expect(whereIs(await browser.open(world.authorizeUrl("mcp", { prompt: "none" })))).toBe("login_required");
  const consent = await browser.submit(form, choose);
  expect(whereIs(consent)).toBe("Allow access?");
  expect(world.notes.find(({ changed }) => changed)).toMatchObject({ action: "login", user: "ann", successful: true });
  expect(await knows(first)).toBeNull();
  expect(whereIs(await browser.submit(asPage(consent), { do: "allow" }))).toBe("client");
  // From now on it is a password like any other.
  const other = world.browser();
  expect(whereIs(await logIn(other, await other.open(url), "ann", chosen))).toBe("Change your password");
  expect(JSON.stringify(world.notes)).not.toMatch(/made-up|otter/);
});

it("takes no login for good that was somehow left while a password is temporary", async () => {
  const { world, enter } = await begin();
  const [browser] = await enter();
  const consent = asPage(await browser.open(world.authorizeUrl("mcp")));
  const tokens = await world.redeem(await browser.submit(consent, { do: "allow" }));
  await world.changeUser("ann", (user) => ({ ...user, temporaryUntilMs: Date.now() + minutes }));
  expect(whereIs(await browser.open(url))).toBe("Log in");
  expect(whereIs(await browser.open(world.authorizeUrl("mcp", { prompt: "none" })))).toBe("login_required");
  expect(await world.refresh(tokens)).toMatchObject({ error: "invalid_grant" });
});

it.each<[string, Record<string, string>, string]>([
  ["two that differ", { again: "another" }, "password_mismatch"],
  ["one that is weak", { new: "short", again: "short" }, "password_weak"],
  ["the one that was given", { new: first, again: first }, "password_same"],
])("asks again after %s, by name", async (_what, more, reason) => {
  const { due, knows, last } = await beginTemporary();
  const [browser, form] = await due();
  const again = asPage(await browser.submit(form, { ...choose, ...more }));
  expect([again.status, whereIs(again), last()]).toMatchObject([
    400,
    "Choose a password",
    { action: "password-change", user: "ann", successful: false, reason },
  ]);
  expect((await knows(first))?.temporaryUntilMs).toBeDefined();
  expect(whereIs(await browser.submit(again, choose))).toBe("Allow access?");
});

it("lets whoever came second with the same password choose nothing", async () => {
  const { due, knows, last } = await beginTemporary();
  const [browser, form] = await due();
  const [other, open] = await due();
  await browser.submit(form, choose);
  const late = "lamps of seven otters";
  const place = asPage(await other.submit(open, { ...choose, new: late, again: late }));
  expect([place.status, whereIs(place), last()?.reason]).toEqual([409, "Log in", "password_changed"]);
  expect(whereIs(await logIn(other, place, "ann", first))).toBe("Log in");
  expect([(await knows(chosen))?.name, await knows(late)]).toEqual(["ann", null]);
});

it("takes one of two who choose at the same moment", async () => {
  const { due } = await beginTemporary();
  const both = await Promise.all([due(), due()]);
  const places = await Promise.all(both.map(([browser, form]) => browser.submit(form, choose)));
  expect(places.map(whereIs).toSorted()).toEqual(["Allow access?", "Log in"]);
});

it("does not take the step of another login, of another user or with more proof than there was, nor that of before", async () => {
  const { world, due, give, knows, last } = await beginTemporary();
  await world.addUser("bob");
  const [browser, form] = await due();
  const [, elsewhere] = await due();
  const [, stranger = ""] = /name="step" value="([^"]+)"/.exec(elsewhere.html) ?? [];
  for (const more of [{ step: stranger }, { user: "bob" }, { amr: "pwd otp mfa" }, { step: "" }]) {
    const place = asPage(await browser.submit(form, { ...choose, ...more }));
    expect([place.status, last()?.reason]).toEqual([409, "password_changed"]);
  }
  world.pass(1);
  await give();
  expect(asPage(await browser.submit(form, choose)).status).toBe(409);
  expect(await knows(chosen)).toBeNull();
});

it("lets nobody in with a password whose time is over, and says so to whoever knows it", async () => {
  const { world, due, last } = await beginTemporary();
  world.pass(60 * minutes);
  const [, page] = await due();
  expect([page.status, last()]).toMatchObject([403, { user: "ann", successful: false, reason: "password_expired" }]);
  expect(page.html).toContain("its time is over");
  const browser = world.browser();
  const other = asPage(await logIn(browser, await browser.open(url), "ann", "guess"));
  expect(other.html).not.toContain("its time is over");
});

it("takes no choice by whoever came in with it once its time is over, however long the page has been open", async () => {
  const { world, due, knows, last } = await beginTemporary();
  world.pass(55 * minutes);
  const [browser, form] = await due();
  world.pass(5 * minutes);
  const place = asPage(await browser.submit(form, choose));
  expect([place.status, whereIs(place), last()]).toMatchObject([
    ...[403, "Log in"],
    { action: "password-change", user: "ann", successful: false, reason: "password_expired" },
  ]);
  expect(await knows(chosen)).toBeNull();
});

it("asks for a code first, and keeps that it was given", async () => {
  const { world, due } = await beginTemporary();
  const codeNow = await world.addFactor("ann");
  const [browser, asking] = await due();
  expect(whereIs(asking)).toBe("Enter a code");
  const form = asPage(await browser.submit(asking, { code: codeNow(), do: "code" }));
  expect(whereIs(form)).toBe("Choose a password");
  await browser.submit(form, choose);
  const code = await browser.open(world.authorizeUrl("mcp", { acr_values: "mfa" }));
  expect(whereIs(code)).toBe("Allow access?");
});

it("has it replaced by whoever comes with a passkey, too", async () => {
  const { world, give } = await beginTemporary();
  await world.changeUser("ann", ({ temporaryUntilMs: _, ...user }) => user);
  const authenticator = createAuthenticator(origin);
  const owner = world.browser();
  const list = asPage(await logIn(owner, await owner.open(`${origin}/oauth/account/passkeys`), "ann", first));
  const page = asPage(await owner.submit(list, { do: "add" }));
  const said = JSON.stringify(authenticator.create(readOptions(page.html)));
  await owner.submit(page, { do: "passkey-made", answer: said, label: "Laptop" });
  await give();
  const browser = world.browser();
  const asked = await askPasskey(browser, await browser.open(world.authorizeUrl("mcp")));
  const form = asPage(await answer(browser, asked, authenticator));
  expect(whereIs(form)).toBe("Choose a password");
  expect(whereIs(await goOn(browser, await browser.submit(form, choose)))).toBe("Allow access?");
});
