/** What people see of their account, make and end there, and what others cannot. */
import { expect, it } from "vitest";
import { listSessionTokens } from "../../../src/auth/session-tokens/keep.ts";
import { mayEnd } from "../../../src/authorization/account/belongings.ts";
import { renderAccount } from "../../../src/authorization/account/pages.ts";
import { maxTokens, readInput } from "../../../src/authorization/account/tokens.ts";
import { listGrants } from "../../../src/authorization/grants/grants.ts";
import { revoke } from "../../../src/authorization/grants/revoke.ts";
import { kindOf } from "../../../src/authorization/models.ts";
import { canHavePasskeys } from "../../../src/authorization/passkeys/site.ts";
import { endBrowserSession, listBrowserSessions } from "../../../src/authorization/sessions/browser-sessions.ts";
import { type Login, loginKey, logins } from "../../../src/upstream/vault/logins.ts";
import type { Vault } from "../../../src/upstream/vault/vault.ts";
import { asPage, type Browser, type Page } from "../../e2e/browser.ts";
import { logIn, openWorld, origin, whereIs } from "./world.ts";

const account = `${origin}/oauth/account`;
const minutes = 60_000;
const life = { idleMs: 28_800_000, absoluteMs: 86_400_000 };

async function begin(options: Parameters<typeof openWorld>[1] = {}) {
  const world = await openWorld({}, options);
  for (const name of ["ann", "bob"]) await world.addUser(name);
  const enter = async (name: string): Promise<Browser> => {
    const browser = world.browser();
    await logIn(browser, await browser.open(account), name);
    return browser;
  };
  const tokens = () => listSessionTokens(world.store, life, Date.now());
  return { world, enter, tokens };
}

const see = async (browser: Browser, path = account): Promise<Page> => asPage(await browser.open(path));
const make = async (browser: Browser, more: Record<string, string> = {}): Promise<Page> =>
  asPage(
    await browser.submit(await see(browser, `${account}/token`), {
      label: "editor",
      server: "alpha",
      do: "make",
      ...more,
    }),
  );

it("makes a token that is shown once, and says whose and what for", async () => {
  const { world, enter, tokens } = await begin();
  const browser = await enter("ann");
  const form = await see(browser, `${account}/token`);
  expect(form.html).toContain('<label for="label">');
  expect(form.html).toMatch(/<fieldset><legend>[\s\S]*value="beta"/);
  const shown = await make(browser, { from: "192.0.2.7, 10.0.0.0/8" });
  const [text = ""] = /sps_\w+/.exec(shown.html) ?? [];
  expect(shown.headers.get("cache-control")).toBe("no-store");
  const [token] = await tokens();
  expect(token).toMatchObject({
    ...{ user: "ann", label: "editor", servers: ["alpha"], from: ["192.0.2.7", "10.0.0.0/8"] },
    ...{ login: { acr: null, amr: ["pwd"], authTime: Date.now() / 1_000 }, expiresAtMs: Date.now() + life.absoluteMs },
  });
  expect(text.slice(4, 15)).toBe(token?.id);
  const page = await see(browser);
  expect(page.html).toContain("<strong>editor</strong>");
  expect(page.html).not.toContain(text.slice(16));
  const note = world.notes.find(({ action }) => action === "session-token-create");
  expect(note).toMatchObject({ user: "ann", successful: true, targetId: token?.id, servers: ["alpha"] });
  expect(JSON.stringify(world.notes)).not.toContain(text.slice(16));
});

it("takes a second factor into the token", async () => {
  const { world, tokens } = await begin();
  const codeNow = await world.addFactor("ann");
  const browser = world.browser();
  const asking = await logIn(browser, await browser.open(account), "ann");
  await browser.submit(asPage(asking), { code: codeNow(), do: "code" });
  await make(browser);
  expect((await tokens())[0]?.login).toMatchObject({ acr: "mfa", amr: ["pwd", "otp", "mfa"] });
});

it("makes none with a login of some time ago, and comes back to the form", async () => {
  const { world, enter, tokens } = await begin();
  const browser = await enter("ann");
  const form = await see(browser, `${account}/token`);
  world.pass(16 * minutes);
  const login = await browser.submit(form, { label: "late", server: "alpha", do: "make" });
  expect(whereIs(login)).toBe("Log in");
  expect(await tokens()).toEqual([]);
  expect(whereIs(await see(browser))).toBe("Your account");
  const back = await logIn(browser, await browser.open(`${account}/token`), "ann");
  expect([whereIs(back), asPage(back).url.pathname]).toEqual(["Make a session token", "/oauth/account/token"]);
});

it("makes so many and no more", async () => {
  const { enter, tokens } = await begin();
  const browser = await enter("ann");
  for (let count = 0; count < maxTokens; count += 1) await make(browser);
  const refused = await make(browser);
  expect([refused.status, (await tokens()).length]).toEqual([403, maxTokens]);
});

it("says what is wrong with what was typed, and keeps it", async () => {
  const { world, enter, tokens } = await begin();
  const page = await make(await enter("ann"), { label: "<b>", from: "10.0.0.1/8" });
  expect([page.status, await tokens()]).toEqual([400, []]);
  expect(page.html).toContain('role="alert"');
  expect(page.html).toContain('value="&lt;b&gt;"');
  expect(page.html).toContain('value="alpha" checked');
  expect(world.notes.at(-1)).toMatchObject({ action: "session-token-create", reason: "input_invalid" });
});

it.each([
  ["no label", { label: "" }],
  ["a long one", { label: "x".repeat(61) }],
  ["one that does not show", { label: "a\u202eb" }],
  ["no server", { servers: [] }],
  ["a server that there is not", { servers: ["alpha", "gamma"] }],
  ["no address", { from: "localhost" }],
  ["many addresses", { from: Array.from({ length: 21 }, (_, at) => `10.0.0.${at}`).join(" ") }],
])("takes no input with %s", (_what, wrong) => {
  expect(readInput({ label: "editor", servers: ["alpha"], from: "", ...wrong }, ["alpha", "beta"])).toEqual(
    expect.any(String),
  );
});

/** Presses the button beside something. */
function press(browser: Browser, page: Page, what: string, id: string) {
  return browser.submit(page, { do: what, id });
}

it.each(["end-browser", "end-token", "end-grant"])(
  "%s ends what is one's own, and nothing of anybody else",
  async (what) => {
    const { world, enter, tokens } = await begin();
    const [ann, bob] = [await enter("ann"), await enter("bob")];
    await enter("ann");
    await make(ann);
    const consent = await ann.open(world.authorizeUrl("mcp"));
    await ann.submit(asPage(consent), { do: "allow" });
    const left = async () => {
      const all = { "end-browser": listBrowserSessions, "end-token": tokens, "end-grant": listGrants };
      return (await all[what as keyof typeof all](world.store)).filter(({ user }) => user === "ann");
    };
    const had = await left();
    const mine = had[0] as { id?: string; uid?: string };
    const id = mine.id ?? mine.uid ?? "";
    const foreign = asPage(await press(bob, await see(bob), what, id));
    expect([foreign.status, (await left()).length]).toEqual([404, had.length]);
    expect(world.notes.at(-1)).toMatchObject({ user: "bob", successful: false, reason: "not_found" });
    const page = await see(ann);
    expect(page.html).toContain(`name="id" value="${id}"`);
    expect(asPage(await press(ann, page, what, id)).url.href).toBe(account);
    expect(await left()).toHaveLength(had.length - 1);
    expect(world.notes.find(({ targetId }) => targetId === id)).toMatchObject({ user: "ann", successful: true });
    expect(asPage(await press(ann, page, what, id)).status).toBe(404);
  },
);

it.each(["end-browser", "end-token", "end-grant"])(
  "%s takes a login of the last quarter of an hour, and is chosen once more after it",
  async (what) => {
    const { world, enter, tokens } = await begin();
    const other = await enter("ann");
    const [{ uid = "" } = {}] = await listBrowserSessions(world.store);
    await make(other);
    await other.submit(asPage(await other.open(world.authorizeUrl("mcp"))), { do: "allow" });
    const ann = await enter("ann");
    const [token] = await tokens();
    const [grant] = await listGrants(world.store);
    const id = { "end-browser": uid, "end-token": token?.id, "end-grant": grant?.id }[what] ?? "";
    const isThere = async () => (await see(ann)).html.includes(`name="id" value="${id}"`);
    expect((await see(ann)).html).not.toContain("more than a quarter of an hour ago");
    world.pass(15 * minutes + 1_000);
    const page = await see(ann);
    expect(page.html).toContain("more than a quarter of an hour ago");
    const login = await press(ann, page, what, id);
    expect([whereIs(login), await isThere()]).toEqual(["Log in", true]);
    expect(world.notes.filter(({ action }) => action === "account-login").at(-1)).toMatchObject({ user: "ann" });
    const back = asPage(await logIn(ann, login, "ann"));
    expect([back.url.href, await isThere()]).toEqual([account, true]);
    await press(ann, back, what, id);
    expect(await isThere()).toBe(false);
  },
);

it.each([
  ["another browser, after a login of now", "Session", "other", 1_000, true],
  ["a token, a quarter of an hour after the login", "SessionToken", "t", 100 + 900, true],
  ["a token, later than that", "SessionToken", "t", 100 + 901, false],
  ["a client, later than that", "Grant", "g", 100 + 901, false],
  ["another browser, later than that", "Session", "other", 100 + 901, false],
  ["this browser, later than that", "Session", "mine", 100 + 901, true],
  ["a login at a server, later than that", "UpstreamLogin", "alpha", 100 + 901, true],
] as const)("lets somebody end %s: %s %s at %d s is %s", (_what, model, id, seconds, expected) => {
  const login = { amr: [], authTime: model === "Session" && seconds === 1_000 ? 1_000 : 100 };
  expect(mayEnd({ uid: "mine", login, seenAt: login.authTime }, model, id, seconds * 1_000)).toBe(expected);
});

it.each([
  [1, false],
  [100, false],
  [101, true],
])(
  "lets whose provider dates no login end what is theirs where they came back lately: at %d s is %s",
  (seenAt, expected) => {
    expect(mayEnd({ uid: "mine", login: { amr: [], authTime: 1 }, seenAt }, "Grant", "g", 1_001_000)).toBe(expected);
  },
);

it("lists logins at servers, and ends one's own", async () => {
  const vaults = new Map(["alpha", "beta"].map((server) => [server, {} as Vault]));
  const { world, enter } = await begin({ vaults });
  const login: Login = {
    ...{
      url: "https://alpha.test/mcp",
      issuer: "https://login.alpha.test",
      tokenEndpoint: "https://login.alpha.test/t",
    },
    ...{
      clientId: "c",
      resource: "r",
      scopes: ["notes"],
      token: "canary",
      refreshToken: "canary",
      atMs: 0,
      untilMs: null,
    },
    ...{ isRejected: false, renewingUntilMs: null, sinceMs: Date.parse("2026-05-30T08:15:00Z") },
  };
  const keyOf = (subject: string) => loginKey({ issuer: "builtin", subject, server: "alpha" });
  for (const name of ["ann", "bob"]) await world.store.put(logins, keyOf(name), login);
  const ann = await enter("ann");
  world.pass(20 * minutes);
  const page = await see(ann);
  expect(page.html).toContain("<h2>Logins at servers</h2>");
  expect(page.html).toMatch(
    /<strong>alpha<\/strong>, at <strong>login.alpha.test<\/strong> since .*2026-05-30 08:15 UTC/,
  );
  expect(page.html).not.toMatch(/canary|beta/);
  expect(asPage(await press(ann, page, "end-login", "alpha")).url.href).toBe(account);
  expect(world.notes.find(({ action }) => action === "upstream-disconnect")).toMatchObject({
    ...{ user: "ann", server: "alpha", successful: true },
  });
  expect((await world.store.list(logins)).map(({ key }) => key)).toEqual([keyOf("bob")]);
  expect((await see(ann)).html).not.toContain("Logins at servers");
  expect(asPage(await press(ann, page, "end-login", "alpha")).status).toBe(404);
  expect(world.notes.at(-1)).toMatchObject({ action: "upstream-disconnect", successful: false, reason: "not_found" });
});

/** Each page of somebody who is logged in, and how they come there. */
const places: Readonly<Record<string, (browser: Browser, authorizeUrl: string) => Promise<Page | URL>>> = {
  "the account page": (browser) => browser.open(account),
  "what is over": async (browser) => press(browser, await see(browser), "end-token", "none"),
  "a form that is not of this login": async (browser) => browser.submit(await see(browser), { csrf: "x" }),
  "the form for a token": (browser) => browser.open(`${account}/token`),
  "the form for a token, with what is wrong": (browser) => make(browser, { label: "" }),
  "a new token": (browser) => make(browser),
  "the passkeys": (browser) => browser.open(`${account}/passkeys`),
  "the form for a passkey": async (browser) => browser.submit(await see(browser, `${account}/passkeys`), { do: "add" }),
  "a passkey that was not accepted": async (browser) =>
    browser.submit(await see(browser, `${account}/passkeys`), { do: "passkey-made", answer: "" }),
  "a link to no server": (browser) => browser.open(`${origin}/oauth/upstream/gamma`),
  "the way back from no server": (browser) => browser.open(`${origin}/oauth/upstream-back/gamma`),
  "the consent page": (browser, authorizeUrl) => browser.open(authorizeUrl),
};

it.each(Object.entries(places))("has the way to log out on %s", async (_what, go) => {
  const { world, enter } = await begin();
  const browser = await enter("ann");
  const page = asPage(await go(browser, world.authorizeUrl("mcp")));
  expect(page.html.match(/<form method="post" action="\/oauth\/account\/logout">/g)).toHaveLength(1);
  expect(page.html).toMatch(/<button name="do" value="logout"[^>]*>Log out<\/button>/);
  expect(page.headers.get("content-security-policy")).toContain("form-action 'self'");
  world.pass(20 * minutes);
  expect(whereIs(await browser.submit(page, { do: "logout" }))).toBe("Logged out");
  expect(world.notes.at(-1)).toMatchObject({ action: "browser-end", user: "ann", successful: true });
  expect(await listBrowserSessions(world.store)).toEqual([]);
  expect(whereIs(await browser.open(account))).toBe("Log in");
  expect(whereIs(await browser.submit(page, { do: "logout" }))).toBe("Logged out");
  expect(world.notes.at(-1)).toMatchObject({ action: "browser-end", successful: false, reason: "login_gone" });
});

it("takes no consent of somebody who has logged out", async () => {
  const { world, enter } = await begin();
  const browser = await enter("ann");
  const consent = asPage(await browser.open(world.authorizeUrl("mcp")));
  await browser.submit(consent, { do: "logout" });
  expect(asPage(await browser.submit(consent, { do: "allow" })).status).toBe(400);
  expect(await listGrants(world.store)).toEqual([]);
});

it.each([
  ["without a token", "", origin],
  ["with the token of another form", "login", origin],
  ["with somebody else's token", "bob", origin],
  ["from another site", "ann", "https://evil.test"],
])("logs nobody out %s", async (_what, whose, from) => {
  const { world, enter } = await begin();
  const [ann, bob] = [await enter("ann"), await enter("bob")];
  const csrfOf = ({ html }: Page) => /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? "";
  const tokens: Record<string, string> = {
    ...{ ann: csrfOf(await see(ann)), bob: csrfOf(await see(bob)) },
    login: csrfOf(asPage(await ann.open(world.authorizeUrl("mcp")))),
  };
  const form = new URLSearchParams({ csrf: tokens[whose] ?? "", do: "logout" });
  const refused = asPage(await ann.send(new URL(`${account}/logout`), form, { origin: from }));
  expect([refused.status, whereIs(await ann.open(account))]).toEqual([403, "Your account"]);
  expect(world.notes).toContainEqual(expect.objectContaining({ action: "browser-end", reason: "foreign_form" }));
});

it("offers nobody a way out who is not in", async () => {
  const { world } = await begin();
  const browser = world.browser();
  for (const page of [await browser.open(account), await browser.open(`${account}/nothing`)])
    expect(asPage(page).html).not.toContain("logout");
});

it.each([
  [origin, "ann", true],
  [origin, "corp:ann", false],
  ["https://192.0.2.1", "ann", false],
])("offers passkeys where browsers have them, to whom has a password: %s, %s", async (publicUrl, name, expected) => {
  const { world } = await begin();
  expect(await canHavePasskeys({ store: world.store, publicUrl }, name)).toBe(expected);
});

it.each([true, false])("leads to passkeys and to the password: %s", (has) => {
  const none = { browsers: [], tokens: [], grants: [], logins: [], lately: [], recent: true, makesTokens: true };
  const html = renderAccount({ user: "ann", csrf: "c", uid: "u", passkeys: has, password: has, ...none });
  expect([html.includes("Your passkeys"), html.includes("Change your password")]).toEqual([has, has]);
});

it("leads back from a page that is none", async () => {
  const { world } = await begin();
  expect((await see(world.browser(), `${account}/nothing`)).html).toContain('<a href="/oauth/account">');
});

it.each([
  [["alpha"], true],
  [["alpha", "beta"], false],
])("has a token's only server chosen: %j", async (servers, expected) => {
  const { enter } = await begin({ servers });
  const form = await see(await enter("ann"), `${account}/token`);
  expect(form.html.includes('value="alpha" checked')).toBe(expected);
});

it("logs a browser out", async () => {
  const { world, enter } = await begin();
  const browser = await enter("ann");
  const [{ uid = "" } = {}] = await listBrowserSessions(world.store);
  expect(whereIs(await press(browser, await see(browser), "end-browser", uid))).toBe("Logged out");
  expect(whereIs(await browser.open(account))).toBe("Log in");
  expect(whereIs(await browser.open(world.authorizeUrl("mcp", { prompt: "none" })))).toBe("login_required");
});

it("logs a browser out whose request was under way", async () => {
  const { world, enter } = await begin();
  const browser = await enter("ann");
  const kind = kindOf("Session");
  const [session] = await world.store.list(kind);
  await endBrowserSession(world.store, String(session?.value.uid), Date.now());
  await world.store.put(kind, session?.key ?? "", session?.value ?? {});
  expect(whereIs(await browser.open(account))).toBe("Log in");
});

it("logs all browsers of somebody out by `revoke user`", async () => {
  const { world, enter } = await begin();
  const [ann, bob] = [await enter("ann"), await enter("bob")];
  const revoked = { kind: "user", issuer: "builtin", subject: "ann" } as const;
  await revoke(world.store, revoked, { by: "test", reason: null, nowMs: Date.now() });
  expect([whereIs(await ann.open(account)), whereIs(await bob.open(account))]).toEqual(["Log in", "Your account"]);
});

it.each([
  ["without a token", (form: URLSearchParams) => form.delete("csrf"), {}],
  ["with somebody else's", (form: URLSearchParams) => form.set("csrf", "A".repeat(16)), {}],
  ["from another site", () => {}, { origin: "https://evil.test" }],
  ["from nowhere", () => {}, { origin: "null" }],
])("takes no form %s", async (_what, change, headers) => {
  const { world, enter, tokens } = await begin();
  const browser = await enter("ann");
  await make(browser);
  const page = await see(browser);
  const [, csrf = ""] = /name="csrf" value="([^"]+)"/.exec(page.html) ?? [];
  const [token] = await tokens();
  const form = new URLSearchParams({ csrf, do: "end-token", id: token?.id ?? "" });
  change(form);
  const answer = asPage(await browser.send(page.url, form, { origin, ...headers }));
  expect([answer.status, (await tokens()).length]).toEqual([403, 1]);
  expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: "foreign_form" });
  const good = new URLSearchParams({ csrf, do: "end-token", id: token?.id ?? "" });
  await browser.send(page.url, good, { origin });
  expect(await tokens()).toEqual([]);
});

it("shows and ends no tokens where none are accepted", async () => {
  const world = await openWorld({}, { sessionLife: null });
  await world.addUser("ann");
  const browser = world.browser();
  const page = asPage(await logIn(browser, await browser.open(account), "ann"));
  expect(page.html).not.toContain("Make a session token");
  expect((await see(browser, `${account}/token`)).status).toBe(404);
});
