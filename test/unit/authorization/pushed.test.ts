/** Authorization requests that clients push before a browser comes with them (RFC 9126). */
import { expect, it, vi } from "vitest";
import { maxWaiting } from "../../../src/authorization/adapter.ts";
import { describeClient } from "../../../src/authorization/machines/registered.ts";
import { kindOf } from "../../../src/authorization/models.ts";
import { clients } from "../../../src/config/machines.ts";
import { Secret } from "../../../src/config/secret.ts";
import type { Store } from "../../../src/state/store.ts";
import { asPage, asTarget, type Browser, type Page } from "../../e2e/browser.ts";
import { openProver } from "./prover.ts";
import { callback, claimsOf, logIn, openWorld, origin, whereIs } from "./world.ts";

type World = Awaited<ReturnType<typeof openWorld>>;

const secret = "0123456789abcdef0123456789abcdef";
const web = "https://chat.test/callback";
const pushUrl = `${origin}/oauth/par`;

/** A world with a client that registered itself, and one of the operator. */
async function open(more: object = {}) {
  const parsed = clients.parse({ chat: { redirectUris: [web], ...more } }).chat;
  const chat = describeClient("chat", { ...parsed, secret: new Secret(secret) } as never, () => "");
  const machines = { clients: new Map([["chat", chat]]), providers: [], clockSkewMs: 300_000 };
  const world = await openWorld({ "alpha:write": { mfa: true, maxAgeMs: null } }, { machines });
  await world.addUser("ann");
  return world;
}

/** What a client would send a browser with, as a form. */
function formOf(world: World, scope: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(new URL(world.authorizeUrl(scope, more)).searchParams);
}

async function push(world: World, fields: Record<string, string>, headers: Readonly<Record<string, string>> = {}) {
  const answer = await world.post("/oauth/par", fields, headers);
  const said = (await answer.json()) as Record<"request_uri" | "error", string>;
  return { status: answer.status, said, note: world.notes.at(-1) };
}

/** Where a browser is sent with what was pushed. */
function urlOf(client_id: string, request_uri: string, more: Readonly<Record<string, string>> = {}): string {
  return `${origin}/oauth/authorize?${new URLSearchParams({ client_id, request_uri, ...more })}`;
}

/** Logs in, and consents where that was not done before. */
async function allow(browser: Browser, page: Page | URL): Promise<Page | URL> {
  const next = await logIn(browser, page, "ann");
  return next instanceof URL ? next : browser.submit(next, { do: "allow" });
}

async function consent(browser: Browser, url: string): Promise<Page | URL> {
  return allow(browser, await browser.open(url));
}

it("and those that a browser came with are kept up to so many, the latest", async () => {
  const put = vi.fn<Store["put"]>();
  const world = await open();
  vi.spyOn(world.store, "put").mockImplementation(put);
  await push(world, formOf(world, "mcp"));
  await world.ask(world.authorizeUrl("mcp"));
  const most = put.mock.calls.map(([{ name }, , , options]) => [name, options?.most]);
  expect(most).toEqual([
    ["oauth-pushed-authorization-request", maxWaiting],
    ["oauth-interaction", maxWaiting],
  ]);
});

it("are kept for a minute, and a browser with their name gets what they ask for", async () => {
  const world = await open();
  const { status, said, note } = await push(world, formOf(world, "mcp", { state: "s-1" }));
  expect([status, said]).toEqual([201, { request_uri: expect.stringMatching(/^urn:/), expires_in: 60 }]);
  expect(note).toEqual({ action: "par", successful: true, client: world.client_id });
  const place = asTarget(await consent(world.browser(), urlOf(world.client_id, said.request_uri)));
  expect(Object.fromEntries(place.searchParams)).toEqual({ code: expect.any(String), state: "s-1", iss: origin });
  expect(claimsOf(await world.redeem(place))).toMatchObject({ sub: "ann", scope: "mcp" });
  const metadata = (await (await world.ask(`${origin}/.well-known/oauth-authorization-server`)).json()) as object;
  expect(metadata).toMatchObject({ pushed_authorization_request_endpoint: pushUrl });
  expect(metadata).not.toHaveProperty("require_pushed_authorization_requests");
});

const verifier = "v".repeat(43);

it.each([
  ["without a challenge", { code_challenge: "", code_challenge_method: "" }, "invalid_request"],
  [
    "with a challenge that is the verifier",
    { code_challenge: verifier, code_challenge_method: "plain" },
    "invalid_request",
  ],
  ["for a token", { response_type: "token" }, "unsupported_response_type"],
  ["for a code and a token", { response_type: "code token" }, "unsupported_response_type"],
  ["for an answer in the fragment", { response_mode: "fragment" }, "unsupported_response_mode"],
  ["for an answer by a form", { response_mode: "form_post" }, "unsupported_response_mode"],
  ["for another server", { resource: "https://elsewhere.test/mcp" }, "invalid_target"],
  ["to be answered elsewhere", { redirect_uri: "https://evil.test/callback" }, "invalid_request"],
  ["in a request object", { request: "eyJhbGciOiJub25lIn0.e30." }, "request_not_supported"],
  ["with the name of another", { request_uri: "urn:ietf:params:oauth:request_uri:x" }, "request_uri_not_supported"],
  ["of a client that there is not", { client_id: "nobody" }, "invalid_client"],
  ["of a client that has to prove who it is", { client_id: "chat", redirect_uri: web }, "invalid_client"],
])("%s are refused when they are pushed: %o", async (_what, more, error) => {
  const world = await open();
  const { status, said, note } = await push(world, formOf(world, "mcp", more));
  expect([status, said.error]).toEqual([error === "invalid_client" ? 401 : 400, error]);
  expect(note).toMatchObject({ action: "par", successful: false, reason: error });
  expect(await world.store.list(kindOf("PushedAuthorizationRequest"))).toEqual([]);
});

it("are read as those that a browser brings: the scope that every token has, and the login that is asked for", async () => {
  const world = await open();
  const code = await world.addFactor("ann");
  const fields = formOf(world, "", { acr_values: "mfa" });
  const { said } = await push(world, fields);
  const browser = world.browser();
  const second = await logIn(browser, await browser.open(urlOf(world.client_id, said.request_uri)), "ann");
  const page = asPage(await browser.submit(asPage(second), { code: code(), do: "code" }));
  const tokens = await world.redeem(await browser.submit(page, { do: "allow" }));
  expect([tokens.scope, claimsOf(tokens).acr]).toEqual(["mcp", "mfa"]);
});

it("are answered as they were pushed, whatever else the browser brings", async () => {
  const world = await open();
  const { said } = await push(world, formOf(world, "mcp", { state: "s-1" }));
  const evil = { scope: "alpha:write", state: "s-2", redirect_uri: "https://evil.test/callback", code_challenge: "x" };
  const place = asTarget(await consent(world.browser(), urlOf(world.client_id, said.request_uri, evil)));
  expect([`${place.origin}${place.pathname}`, place.searchParams.get("state")]).toEqual([callback, "s-1"]);
  expect((await world.redeem(place)).scope).toBe("mcp");
});

const stranger = `urn:ietf:params:oauth:request_uri:${"x".repeat(43)}`;

it.each<[string, (world: World, pushed: string) => Promise<string> | string]>([
  ["by another client", (_world, pushed) => urlOf("chat", pushed)],
  ["by a client that there is not", (_world, pushed) => urlOf("nobody", pushed)],
  ["by a name that was never given", (world) => urlOf(world.client_id, stranger)],
  ["with a request object beside", (world, pushed) => urlOf(world.client_id, pushed, { request: "e30.e30." })],
  ["at another place", (world) => urlOf(world.client_id, "https://evil.test/request.jwt")],
  [
    "after a minute",
    (world, pushed) => {
      world.pass(60_000);
      return urlOf(world.client_id, pushed);
    },
  ],
  [
    "twice",
    async (world, pushed) => {
      asTarget(await consent(world.browser(), urlOf(world.client_id, pushed)));
      return urlOf(world.client_id, pushed);
    },
  ],
])("are good for nothing %s", async (_how, come) => {
  const world = await open();
  const { said } = await push(world, formOf(world, "mcp"));
  const place = await world.browser().open(await come(world, said.request_uri));
  expect(whereIs(place)).not.toBe("Log in");
  if (place instanceof URL) expect(place.searchParams.has("code")).toBe(false);
  expect(world.notes.at(-1)).toMatchObject({ action: "authorize", successful: false });
});

it("give one code, also to two browsers that have come in time and log in at their leisure", async () => {
  const world = await open();
  const { said } = await push(world, formOf(world, "mcp"));
  const url = urlOf(world.client_id, said.request_uri);
  const [first, second] = [world.browser(), world.browser()];
  const pages = [await first.open(url), await second.open(url)] as const;
  world.pass(600_000);
  expect(asTarget(await allow(first, pages[0])).searchParams.has("code")).toBe(true);
  world.pass(120_000);
  const late = await allow(second, pages[1]);
  expect(late instanceof URL && late.searchParams.has("code")).toBe(false);
  expect(world.notes.at(-1)).toMatchObject({ action: "authorize", successful: false, reason: "invalid_request_uri" });
});

it("bind their code to the key that they come with", async () => {
  const world = await open();
  const [owner, thief] = [await openProver(), await openProver()];
  const dpop = await owner.prove({ htu: pushUrl });
  const get = async () => {
    const { said } = await push(world, formOf(world, "mcp"), { dpop: await owner.prove({ htu: pushUrl }) });
    const url = urlOf(world.client_id, said.request_uri);
    const place = asTarget(await consent(world.browser(), url));
    return place.searchParams.get("code") ?? "";
  };
  const redeem = async (code: string, headers: Readonly<Record<string, string>>) => {
    const grant = { grant_type: "authorization_code", code, redirect_uri: callback, code_verifier: verifier };
    const answer = await world.post("/oauth/token", { ...grant, client_id: world.client_id }, headers);
    return (await answer.json()) as { error?: string; token_type?: string };
  };
  expect((await redeem(await get(), {})).error).toBe("invalid_grant");
  expect((await redeem(await get(), { dpop: await thief.prove() })).error).toBe("invalid_grant");
  expect((await redeem(await get(), { dpop: await owner.prove() })).token_type).toBe("DPoP");
  expect((await push(world, formOf(world, "mcp"), { dpop })).status).toBe(201);
  const again = await push(world, formOf(world, "mcp"), { dpop });
  expect([again.said.error, again.note?.reason]).toEqual(["invalid_request", "proof_replayed"]);
  const other = await push(world, formOf(world, "mcp", { dpop_jkt: thief.jkt }), {
    dpop: await owner.prove({ htu: pushUrl }),
  });
  expect([other.said.error, other.note?.reason]).toEqual(["invalid_request", "proof_key"]);
  expect((await push(world, formOf(world, "mcp"), { dpop: await owner.prove() })).said.error).toBe(
    "invalid_dpop_proof",
  );
});

it("are the only ones of a client that its operator holds to it", async () => {
  const world = await open({ requirePushedAuthorizationRequests: true });
  const asked = { client_id: "chat", redirect_uri: web };
  expect(whereIs(await world.browser().open(world.authorizeUrl("mcp", asked)))).toBe("This did not work");
  expect(world.notes.at(-1)?.reason).toBe("invalid_request");
  const basic = { authorization: `Basic ${Buffer.from(`chat:${secret}`).toString("base64")}` };
  const fields = formOf(world, "mcp", asked);
  const { said } = await push(world, fields, basic);
  expect(asTarget(await consent(world.browser(), urlOf("chat", said.request_uri))).origin).toBe("https://chat.test");
  const kept = await world.store.list(kindOf("PushedAuthorizationRequest"));
  expect(JSON.stringify(kept)).not.toContain(secret);
  const wrong = { authorization: `Basic ${Buffer.from(`chat:${secret}x`).toString("base64")}` };
  expect((await push(world, fields, wrong)).note).toMatchObject({ successful: false, reason: "client_secret_wrong" });
  const other = await push(world, { ...fields, client_id: world.client_id }, basic);
  expect(other.said.error).toBe("invalid_request");
});

it("are at most as long as what a browser could bring", async () => {
  const world = await open();
  const { status, said, note } = await push(world, formOf(world, "mcp", { state: "s".repeat(4_096) }));
  expect([status, said.error, note]).toEqual([
    413,
    "invalid_request",
    { action: "par", successful: false, reason: "request_too_large" },
  ]);
});

it("are the only ones where the configuration says so, but for the pages of the gateway itself", async () => {
  const world = await openWorld({}, { demands: { bound: false, pushed: true } });
  await world.addUser("ann");
  expect(whereIs(await world.browser().open(world.authorizeUrl("mcp")))).toBe("This did not work");
  expect(world.notes.at(-1)?.reason).toBe("invalid_request");
  const { said } = await push(world, formOf(world, "mcp"));
  expect(
    asTarget(await consent(world.browser(), urlOf(world.client_id, said.request_uri))).searchParams.has("code"),
  ).toBe(true);
  expect(whereIs(await world.browser().open(`${origin}/oauth/account`))).toBe("Log in");
  const metadata = (await (await world.ask(`${origin}/.well-known/oauth-authorization-server`)).json()) as object;
  expect(metadata).toMatchObject({ require_pushed_authorization_requests: true });
});
