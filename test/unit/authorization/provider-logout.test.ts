/** Somebody logs out at their provider, which is a real one in a process of its own and says so (OpenID Connect Back-Channel Logout 1.0). */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { revoke } from "../../../src/authorization/grants/revoke.ts";
import { hasNews, tellOwner } from "../../../src/authorization/news/keep.ts";
import { listBrowserSessions } from "../../../src/authorization/sessions/browser-sessions.ts";
import { type LoginProvider, loginProviders } from "../../../src/config/login-providers.ts";
import { StoreError } from "../../../src/state/store.ts";
import { logInThere, openThere, pressProvider } from "../../e2e/away.ts";
import { asPage, type Browser, goOn } from "../../e2e/browser.ts";
import {
  clientId,
  clientSecret,
  type IdentityProvider,
  startIdentityProvider,
} from "../../fixtures/openid-provider.ts";
import { logIn, openWorld, origin, whereIs } from "./world.ts";

type World = Awaited<ReturnType<typeof openWorld>>;

const path = "/oauth/backchannel-logout";
const form = "application/x-www-form-urlencoded";
const event = "http://schemas.openid.net/event/backchannel-logout";
/** As the provider's process has it, whatever a world before has set. */
const realNow = () => Math.floor(performance.timeOrigin + performance.now());

let provider: IdentityProvider;
/** What the provider sends goes to the world of the test. */
let world: World;
const answered: number[] = [];
const relay = createServer(async (request, response) => {
  const init = { method: "POST", headers: { "content-type": form }, body: await text(request) };
  const answer = await world.ask(`${origin}${request.url}`, init);
  answered.push(answer.status);
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).end();
});
beforeAll(async () => {
  await once(relay.listen(0, "127.0.0.1"), "listening");
  const { port } = relay.address() as AddressInfo;
  provider = await startIdentityProvider(
    Object.fromEntries(["generic", "okta"].map((name) => [name, `${origin}/oauth/login/back/${name}`])),
    { generic: `http://127.0.0.1:${port}${path}/generic` },
  );
});
afterAll(async () => {
  await provider.stop();
  relay.close();
});

/** A world with two providers, and whoever logs in there. */
async function begin() {
  await provider.behave({});
  answered.length = 0;
  const providers = loginProviders.parse(
    Object.fromEntries(
      (["generic", "okta"] as const).map((name) => [
        name,
        { profile: name, issuer: provider.issuerOf(name), clientId, clientSecret, untypedLogout: name === "okta" },
      ]),
    ),
  ) as Record<string, LoginProvider>;
  world = await openWorld({}, { providers, nowMs: realNow(), log: () => {} });
  return world;
}

/** Logs in at the provider with a browser of their own, and has the client get its tokens. */
async function enter(user: string, name = "generic") {
  const browser = world.browser();
  const there = openThere(provider.origin);
  const login = await browser.open(world.authorizeUrl("mcp"));
  const consent = await browser.open(await logInThere(there, await pressProvider(browser, login, name), user));
  const tokens = await world.redeem(await browser.submit(asPage(consent), { do: "allow" }));
  return { browser, there, tokens };
}

async function isIn(browser: Browser): Promise<boolean> {
  return whereIs(await browser.open(`${origin}/oauth/account`)) === "Your account";
}

const seconds = () => Math.floor(Date.now() / 1_000);

/** What the provider would say of somebody's logout. */
function saying(more: object): Record<string, unknown> {
  const times = { iat: seconds(), exp: seconds() + 120, jti: crypto.randomUUID() };
  return { iss: provider.issuerOf("generic"), aud: clientId, ...times, events: { [event]: {} }, ...more };
}

const sign = (claims: object, header: object = {}, how: { readonly forged?: boolean } = {}) =>
  provider.sign(claims, { typ: "logout+jwt", ...header }, how);
const send = (logout_token: string, name = "generic") => world.post(`${path}/${name}`, { logout_token });
const tell = async (more: object) => send(await sign(saying(more)));

it("logs out the browser that logged in with the session that is over there, on all replicas, and no other", async () => {
  await begin();
  const [first, second, other] = [await enter("ann"), await enter("ann"), await enter("bob")];
  // The provider's clock has gone on, and what it says must not come from further ahead than clocks differ.
  vi.setSystemTime(realNow());
  const page = asPage(await first.there.open(`${provider.issuerOf("generic")}/session/end`));
  await first.there.submit(page, { logout: "yes" });
  expect(answered).toEqual([200]);
  expect(world.notes.at(-1)).toEqual({
    ...{ action: "provider-logout", provider: "generic", user: "generic:ann", successful: true },
  });
  expect((await listBrowserSessions(world.store)).map(({ user }) => user).sort()).toEqual([
    "generic:ann",
    "generic:bob",
  ]);
  const cookie = first.browser.header("/oauth/account");
  const elsewhere = await world.replica()(`${origin}/oauth/account`, { headers: { cookie } });
  expect([elsewhere.status, await isIn(first.browser)]).toEqual([303, false]);
  expect(await Promise.all([second, other].map(({ browser }) => isIn(browser)))).toEqual([true, true]);
  // A client goes on, as it does when its user's browser is closed.
  expect(await world.refresh(first.tokens)).toMatchObject({ access_token: expect.any(String) });
});

it("logs out all browsers of a person where no session is named, and lets them log in anew", async () => {
  await begin();
  const [first, second, other] = [await enter("ann"), await enter("ann"), await enter("bob")];
  const answer = await tell({ sub: "ann" });
  expect([answer.status, answer.headers.get("cache-control")]).toEqual([200, "no-store"]);
  const all = () => Promise.all([first, second, other].map(({ browser }) => isIn(browser)));
  expect(await all()).toEqual([false, false, true]);
  world.pass(1_000);
  expect(await isIn((await enter("ann")).browser)).toBe(true);
  expect(await all()).toEqual([false, false, true]);
});

it.each<[string, object, boolean, boolean]>([
  ["a login whose session is named by itself", { sid: "s-1" }, true, false],
  ["a login whose session is named with whose it is", { sid: "s-1", sub: "ann" }, true, false],
  ["no login of somebody else's session", { sid: "s-1", sub: "bob" }, true, true],
  ["no login of another session", { sid: "s-2", sub: "ann" }, true, true],
  ["a login of somebody whose session was never named", { sid: "s-1", sub: "ann" }, false, false],
  ["no login of somebody whose session nobody can tell", { sid: "s-1" }, false, true],
])("ends %s", async (_what, said, isNamed, stays) => {
  await begin();
  await provider.behave({ claims: { sid: isNamed ? "s-1" : null } });
  const { browser } = await enter("ann");
  expect((await tell(said)).status).toBe(200);
  expect(await isIn(browser)).toBe(stays);
});

it("logs out who was revoked by a clock that was ahead, and has logged in anew", async () => {
  await begin();
  const revoker = { by: "op", reason: null, nowMs: Date.now() + 3_600_000 };
  await revoke(world.store, { kind: "user", issuer: "builtin", subject: "generic:ann" }, revoker);
  const { browser } = await enter("ann");
  expect(await isIn(browser)).toBe(true);
  expect((await tell({ sub: "ann" })).status).toBe(200);
  expect(await isIn(browser)).toBe(false);
  world.pass(1_000);
  expect(await isIn((await enter("ann")).browser)).toBe(true);
});

it("ends a login that was under way, and leaves those at another provider and at the gateway", async () => {
  await begin();
  await provider.behave({ claims: { sid: "s-1" } });
  await world.addUser("ann");
  const own = world.browser();
  await logIn(own, await own.open(world.webUrl("mcp")), "ann");
  const elsewhere = await enter("ann", "okta");
  const browser = world.browser();
  const url = await pressProvider(browser, await browser.open(world.webUrl("mcp")), "generic");
  const back = await logInThere(openThere(provider.origin), url, "ann");
  await tell({ sid: "s-1" });
  expect(whereIs(await browser.open(back))).toBe("This did not work");
  expect(await isIn(browser)).toBe(false);
  expect([await isIn(own), await isIn(elsewhere.browser)]).toEqual([true, true]);
});

it("gives a client nothing by a login that was over before the browser went on from it, whatever was consented to", async () => {
  await begin();
  await provider.behave({ claims: { sid: "s-1" } });
  let isHeld = false;
  const held = ((url: URL | string, init: RequestInit) =>
    isHeld && new URL(url).pathname.startsWith("/oauth/authorize/")
      ? new Response("held")
      : world.ask(url, init)) as typeof fetch;
  const come = async (browser = world.browser(undefined, held)) => {
    const url = await pressProvider(browser, await browser.open(world.webUrl("mcp")), "generic");
    return { browser, place: await browser.open(await logInThere(openThere(provider.origin), url, "ann")) };
  };
  const first = await come();
  expect(whereIs(await first.browser.submit(asPage(first.place), { do: "allow" }))).toBe("client");
  isHeld = true;
  const second = await come();
  await tell({ sid: "s-1" });
  isHeld = false;
  expect(whereIs(await second.browser.open(asPage(second.place).url))).toBe("This did not work");
  expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: "login_gone" });
  expect(await isIn(second.browser)).toBe(false);
  await provider.behave({ claims: { sid: "s-2" } });
  expect(whereIs((await come(second.browser)).place)).toBe("client");
});

it("ends a login on the page that tells what happened, and nothing of it is taken as read", async () => {
  await begin();
  const name = "generic:ann";
  const browser = world.browser();
  const come = async () => {
    const url = await pressProvider(browser, await browser.open(world.webUrl("mcp")), "generic");
    return browser.open(await logInThere(openThere(provider.origin), url, "ann"));
  };
  await tellOwner(world.store, name, "logins-ended", Date.now());
  const place = await come();
  await tell({ sub: "ann" });
  expect(whereIs(await browser.open(asPage(place).url))).toBe("This did not work");
  expect(whereIs(await goOn(browser, place))).toBe("This did not work");
  expect(await hasNews(world.store, name)).toBe(true);
  world.pass(1_000);
  expect(whereIs(await come())).toBe("What happened lately");
});

it("gives nothing for a login that is over before the browser goes on with it", async () => {
  await begin();
  // What she has consented to before is not asked for again.
  const first = world.browser();
  const before = await pressProvider(first, await first.open(world.webUrl("mcp")), "generic");
  const consent = await first.open(await logInThere(openThere(provider.origin), before, "ann"));
  expect(whereIs(await first.submit(asPage(consent), { do: "allow" }))).toBe("client");
  await provider.behave({ claims: { sid: "s-1" } });
  const ask: typeof fetch = async (url, init) => {
    const answer = await world.ask(url as URL, init as RequestInit);
    if ((url as URL).pathname.startsWith("/oauth/login/back/")) await tell({ sid: "s-1" });
    return answer;
  };
  const browser = world.browser(undefined, ask);
  const url = await pressProvider(browser, await browser.open(world.webUrl("mcp")), "generic");
  const place = await browser.open(await logInThere(openThere(provider.origin), url, "ann"));
  expect(asPage(place).html).toContain("This login has ended.");
  expect(await isIn(browser)).toBe(false);
});

it.each<[reason: string, what: string, make: () => Promise<string>]>([
  ["logout_audience", "for another client", () => sign(saying({ sub: "ann", aud: "another" }))],
  ["logout_audience", "for several", () => sign(saying({ sub: "ann", aud: [clientId, "another"] }))],
  ["logout_issuer", "of another provider", () => sign(saying({ sub: "ann", iss: provider.issuerOf("okta") }))],
  ["logout_nonce", "with a nonce", () => sign(saying({ sub: "ann", nonce: "n" }))],
  ["logout_event", "without an event", () => sign(saying({ sub: "ann", events: undefined }))],
  ["logout_event", "with another event", () => sign(saying({ sub: "ann", events: { other: {} } }))],
  ["logout_event", "with an event that is text", () => sign(saying({ sub: "ann", events: { [event]: "" } }))],
  ["logout_claims", "of nobody", () => sign(saying({}))],
  ["logout_claims", "of a person who is no text", () => sign(saying({ sub: ["ann"] }))],
  ["logout_claims", "of a session without a name", () => sign(saying({ sub: "ann", sid: "" }))],
  ["logout_claims", "without a name of its own", () => sign(saying({ sub: "ann", jti: undefined }))],
  ["logout_claims", "that says not when", () => sign(saying({ sub: "ann", exp: undefined }))],
  ["logout_expired", "that is over", () => sign(saying({ sub: "ann", exp: seconds() - 31 }))],
  ["logout_early", "of later", () => sign(saying({ sub: "ann", iat: seconds() + 60 }))],
  ["logout_lifetime", "for ever", () => sign(saying({ sub: "ann", exp: seconds() + 7_200 }))],
  ["logout_type", "of another type", () => sign(saying({ sub: "ann" }), { typ: "at+jwt" })],
  ["logout_signature", "of a forger", () => sign(saying({ sub: "ann" }), {}, { forged: true })],
  ["logout_key", "of an unknown key", () => sign(saying({ sub: "ann" }), { kid: "key-2" })],
  ["logout_algorithm", "without a signature", async () => unsigned(saying({ sub: "ann" }))],
  ["logout_algorithm", "signed with the secret", () => signWithSecret(saying({ sub: "ann" }))],
  ["logout_malformed", "that is none", async () => "none"],
  ["logout_malformed", "that is huge", () => sign(saying({ sub: "ann", pad: "x".repeat(16_384) }))],
])("refuses as %s a token %s", async (reason, _what, make) => {
  await begin();
  const { browser } = await enter("ann");
  const token = await make();
  const answer = await send(token);
  expect([answer.status, answer.headers.get("cache-control")]).toEqual([400, "no-store"]);
  const said = await answer.text();
  expect(JSON.parse(said)).toEqual({ error: "invalid_request", error_description: expect.any(String) });
  expect(said).not.toContain(token.slice(0, 40));
  expect(world.notes.at(-1)).toEqual({ action: "provider-logout", provider: "generic", successful: false, reason });
  expect(await isIn(browser)).toBe(true);
});

it.each([["JWT"], [undefined]])("takes a token of type %s from the one provider that may send it", async (typ) => {
  await begin();
  const of = (name: "generic" | "okta") => sign(saying({ sub: "ann", iss: provider.issuerOf(name) }), { typ });
  expect((await send(await of("generic"))).status).toBe(400);
  expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: "logout_type" });
  expect((await send(await of("okta"), "okta")).status).toBe(200);
});

it("takes a token once, and again where it had no effect", async () => {
  await begin();
  const token = await sign(saying({ sub: "ann" }));
  const put = vi.spyOn(world.store, "put");
  for (const [error, reason] of [
    [new Error("wrong"), "server_error"],
    [new StoreError("away"), "state_unavailable"],
  ] as const) {
    put.mockRejectedValueOnce(error);
    expect((await send(token)).status).toBe(400);
    expect(world.notes.at(-1)).toMatchObject({ successful: false, reason });
  }
  put.mockRestore();
  expect((await send(token)).status).toBe(200);
  world.pass(1_000);
  const { browser } = await enter("ann");
  expect((await send(token)).status).toBe(400);
  expect(world.notes.at(-1)).toMatchObject({ reason: "logout_replayed", user: "generic:ann" });
  expect(await isIn(browser)).toBe(true);
  // Another provider can neither end what is of this one, nor use up what it says.
  expect((await send(await sign(saying({ sub: "ann", iss: provider.issuerOf("okta") })), "okta")).status).toBe(200);
  expect(await isIn(browser)).toBe(true);
});

it.each<[string, string, RequestInit, number]>([
  ["invalid_form", "generic", { headers: { "content-type": "application/json" }, body: "{}" }, 400],
  ["invalid_form", "generic", { headers: { "content-type": form }, body: "logout_token=a&logout_token=b" }, 400],
  ["provider_unknown", "nobody", { headers: { "content-type": form }, body: "logout_token=a" }, 400],
  ["method_not_allowed", "generic", { method: "GET" }, 405],
])("refuses what is no logout: %s at %s", async (reason, name, init, status) => {
  await begin();
  const answer = await world.ask(`${origin}${path}/${name}`, { method: "POST", ...init });
  expect(answer.status).toBe(status);
  const expected = reason === "invalid_form" ? "logout_malformed" : reason;
  expect(world.notes.at(-1)).toMatchObject({ action: "provider-logout", successful: false, reason: expected });
});

it("refuses what cannot be verified because the provider is away", async () => {
  await begin();
  const token = await sign(saying({ sub: "ann" }));
  await provider.behave({ instead: { path: "/jwks", status: 500 } });
  const answer = await send(token);
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: "temporarily_unavailable" }]);
  expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: "provider_unavailable" });
});

function unsigned(claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode({ alg: "none", typ: "logout+jwt" })}.${encode(claims)}.`;
}

function signWithSecret(claims: Record<string, unknown>): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ: "logout+jwt", kid: "key-1" })
    .sign(Buffer.from(clientSecret));
}
