/** What the authorization server refuses, and how it answers, step by step (RFC 9700, OAuth 2.1, MCP 2026-07-28). */
import { describe, expect, it } from "vitest";
import { revocations } from "../../../src/auth/revocations.ts";
import { asPage, asTarget, type Browser, type Page } from "../../e2e/browser.ts";
import { callback, claimsOf, logIn, openWorld, origin, resource, verifier, whereIs } from "./world.ts";

type World = Awaited<ReturnType<typeof openWorld>>;

async function open() {
  const world = await openWorld({ "alpha:write": { mfa: false, maxAgeMs: null } });
  await world.addUser("ann");
  return world;
}

/** Logs in and consents. */
async function consent(browser: Browser, url: string): Promise<Page | URL> {
  return browser.submit(asPage(await logIn(browser, await browser.open(url), "ann")), { do: "allow" });
}

async function redeem(world: World, place: Page | URL, more: Record<string, string> = {}) {
  const code = asTarget(place).searchParams.get("code") ?? "";
  const fields = { grant_type: "authorization_code", code, redirect_uri: callback, client_id: world.client_id };
  const all = { ...fields, resource, code_verifier: verifier, ...more };
  const answer = await world.post("/oauth/token", all);
  return { status: answer.status, said: (await answer.json()) as Record<string, string> };
}

/** Where the one link of a page leads. */
function linkOf({ html }: Page): string {
  return (/<a href="([^"]*)"/.exec(html)?.[1] ?? "").replaceAll("&amp;", "&").replaceAll("&#39;", "'");
}

async function register(world: World, metadata: object) {
  const answer = await world.ask(`${origin}/oauth/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ client_name: "Another", ...metadata }),
  });
  return (await answer.json()) as Record<string, unknown>;
}

describe("an authorization request", () => {
  it.each([
    ["another path", `${callback}/more`],
    ["a slash at its end", `${callback}/`],
    ["a query", `${callback}?next=https://evil.example`],
    ["a fragment", `${callback}#x`],
    ["another host", "http://127.0.0.1.evil.example/callback"],
    ["another name of the same machine", "http://localhost:49152/callback"],
    ["another scheme", "https://127.0.0.1:49152/callback"],
    ["somebody in front of the host", "http://evil@127.0.0.1:49152/callback"],
    ["other letters in its path", "http://127.0.0.1:49152/Callback"],
  ])("is not answered to a redirect URI with %s", async (_what, redirect_uri) => {
    const world = await open();
    const place = asPage(await world.browser().open(world.authorizeUrl("mcp", { redirect_uri })));
    expect([place.status, whereIs(place)]).toEqual([400, "This did not work"]);
    expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: "invalid_redirect_uri" });
  });

  it("is answered to a registered one at whatever port of the loopback address", async () => {
    const world = await open();
    const redirect_uri = "http://127.0.0.1:50001/callback";
    const place = await consent(world.browser(), world.authorizeUrl("mcp", { redirect_uri }));
    expect(asTarget(place).origin).toBe("http://127.0.0.1:50001");
  });

  it.each([
    ["without a challenge", { code_challenge: "", code_challenge_method: "" }, "invalid_request"],
    [
      "with a challenge that is the verifier",
      { code_challenge: verifier, code_challenge_method: "plain" },
      "invalid_request",
    ],
    ["with a challenge that says no method", { code_challenge_method: "" }, "invalid_request"],
    ["with a challenge too short to be one", { code_challenge: "abc" }, "invalid_request"],
    ["for a token", { response_type: "token" }, "unsupported_response_type"],
    ["for an ID token", { response_type: "id_token", nonce: "n" }, "unsupported_response_type"],
    ["for a code and a token", { response_type: "code token" }, "unsupported_response_type"],
    ["for an answer in the fragment", { response_mode: "fragment" }, "unsupported_response_mode"],
    ["for an answer by a form", { response_mode: "form_post" }, "unsupported_response_mode"],
    ["for a token by a form", { response_type: "token", response_mode: "form_post" }, "unsupported_response_mode"],
    ["for another server", { resource: "https://elsewhere.test/mcp" }, "invalid_target"],
    ["for a server that is not one of this gateway", { resource: `${origin}/beta/mcp` }, "invalid_target"],
  ])("%s is refused at once: %o", async (_what, more, error) => {
    const world = await open();
    const browser = world.browser();
    const url = world.authorizeUrl("mcp", { state: "s-1", ...more });
    const page = asPage(await browser.open(url));
    expect([page.status, whereIs(page), page.headers.get("location")]).toEqual([400, "This did not work", null]);
    expect(page.html).toContain(`(${error}).</p>`);
    expect(page.html).toContain("<strong>a program on this computer</strong>");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(world.notes.at(-1)).toMatchObject({ action: "authorize", successful: false, reason: error });
    // Whoever is logged in is sent on, as whoever presses the link.
    await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann");
    const answer = asTarget(await browser.open(url));
    expect(linkOf(page)).toBe(answer.href);
    const { hash, searchParams: said } = answer;
    expect([hash, `${answer.origin}${answer.pathname}`]).toEqual(["", callback]);
    expect(Object.fromEntries(said)).toMatchObject({ error, iss: origin, state: "s-1" });
    expect(said.has("code") || said.has("access_token") || said.has("id_token")).toBe(false);
  });

  it("that is wrong sends nobody on whose login has ended, and who is asked for no page at once", async () => {
    const world = await open();
    const browser = world.browser();
    const wrong = { resource: `${origin}/beta/mcp` };
    await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann");
    expect(whereIs(await browser.open(world.authorizeUrl("mcp", wrong)))).toBe("invalid_target");
    await world.changeUser("ann", (user) => ({ ...user, disabled: true }));
    expect(whereIs(await browser.open(world.authorizeUrl("mcp", wrong)))).toBe("This did not work");
    for (const prompt of ["none login", "login", "consent"])
      expect(whereIs(await browser.open(world.authorizeUrl("mcp", { ...wrong, prompt })))).toBe("This did not work");
    const silent = world.browser();
    expect(whereIs(await silent.open(world.authorizeUrl("mcp", { ...wrong, prompt: "none" })))).toBe("invalid_target");
  });

  it("for which no page is to be shown sends nobody who is not logged in to a site that anybody may have registered", async () => {
    const world = await open();
    await world.addUser("ann");
    const [stranger, known] = [world.browser(), world.browser()];
    for (const more of [{}, { resource: `${origin}/beta/mcp` }]) {
      const page = asPage(await stranger.open(world.webUrl("mcp", { ...more, prompt: "none" })));
      expect([page.status, whereIs(page)]).toEqual([400, "This did not work"]);
      expect(new URL(linkOf(page)).host).toBe("client.test");
    }
    expect(whereIs(await stranger.open(world.authorizeUrl("mcp", { prompt: "none" })))).toBe("login_required");
    await logIn(known, await known.open(world.authorizeUrl("mcp")), "ann");
    expect(whereIs(await known.open(world.webUrl("mcp", { prompt: "none" })))).toBe("consent_required");
  });

  it.each([
    ["https://app.example/callback?a=<b>&c='d", "app.example", "https://app.example/callback"],
    ["com.example.app://callback/x", "the program that opens com.example.app: links", "com.example.app://callback/x"],
  ])("that is wrong names where its link leads, and repeats nothing: %s", async (redirect_uri, shown, start) => {
    const world = await open();
    const client = await register(world, {
      client_name: "<b>Your bank</b>",
      redirect_uris: [redirect_uri],
      ...(redirect_uri.startsWith("https:") ? {} : { application_type: "native" }),
    });
    const asked = { client_id: String(client.client_id), redirect_uri, resource: "https://<i>.test/", state: `"><i>` };
    const page = asPage(await world.browser().open(world.authorizeUrl("mcp", { ...asked, scope: "<i>" })));
    expect(page.status).toBe(400);
    expect(page.html).toContain(`<strong>${shown}</strong>`);
    expect(linkOf(page).startsWith(start)).toBe(true);
    expect(new URL(linkOf(page)).searchParams.get("state")).toBe(`"><i>`);
    for (const foreign of ["<b>", "<i>", "bank"]) expect(page.html).not.toContain(foreign);
  });

  it("with a scope that there is not gets what there is", async () => {
    const world = await open();
    const place = await consent(world.browser(), world.authorizeUrl("mcp everything"));
    expect((await redeem(world, place)).said.scope).toBe("mcp");
  });

  it("is answered with state and issuer, when it is granted and when it is not", async () => {
    const world = await open();
    const browser = world.browser();
    const url = world.authorizeUrl("mcp", { state: "s-1" });
    const denied = asTarget(
      await browser.submit(asPage(await logIn(browser, await browser.open(url), "ann")), { do: "deny" }),
    );
    expect(Object.fromEntries(denied.searchParams)).toMatchObject({
      error: "access_denied",
      state: "s-1",
      iss: origin,
    });
    const granted = asTarget(await browser.submit(asPage(await browser.open(url)), { do: "allow" }));
    expect(Object.fromEntries(granted.searchParams)).toEqual({ code: expect.any(String), state: "s-1", iss: origin });
  });
});

describe("a code", () => {
  const grant = async (world: World) => consent(world.browser(), world.authorizeUrl("mcp"));

  it.each([
    ["without the verifier", { code_verifier: "" }],
    ["with another verifier", { code_verifier: "w".repeat(43) }],
    ["for another redirect URI", { redirect_uri: "http://127.0.0.1:49152/other" }],
    ["for another server", { resource: "https://elsewhere.test/mcp" }],
    ["by a client that there is not", { client_id: "nobody" }],
    ["that nobody was given", { code: "made-up" }],
  ])("%s is worth nothing", async (_what, more) => {
    const world = await open();
    const { status, said } = await redeem(world, await grant(world), more);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(said).toEqual({ error: expect.any(String), error_description: expect.any(String) });
    expect(world.notes.at(-1)).toMatchObject({ action: "token", successful: false, reason: said.error });
  });

  it("of one client is worth nothing to another", async () => {
    const world = await open();
    const other = await register(world, { redirect_uris: [callback] });
    const { said } = await redeem(world, await grant(world), { client_id: String(other.client_id) });
    expect(said.error).toBe("invalid_grant");
  });

  it("is good for a minute", async () => {
    const world = await open();
    const place = await grant(world);
    world.pass(60_000);
    expect((await redeem(world, place)).said.error).toBe("invalid_grant");
  });

  it("is good once; whoever comes with it again ends what it was given for", async () => {
    const world = await open();
    const place = await grant(world);
    const { said: tokens } = await redeem(world, place);
    expect(tokens.access_token).toBeDefined();
    expect((await redeem(world, place)).said.error).toBe("invalid_grant");
    expect(await world.refresh(tokens as never)).toMatchObject({ error: "invalid_grant" });
    const ended = await world.store.list(revocations);
    expect(ended.map(({ value }) => value.by)).toEqual(["authorization server"]);
  });
});

describe("a refresh token", () => {
  const connect = async (world: World, scope = "mcp") =>
    (await redeem(world, await consent(world.browser(), world.authorizeUrl(scope)))).said as Awaited<
      ReturnType<World["refresh"]>
    >;
  const refresh = async (world: World, more: Record<string, string>) => {
    const fields = { grant_type: "refresh_token", client_id: world.client_id, resource, ...more };
    return (await (await world.post("/oauth/token", fields)).json()) as Record<string, string>;
  };

  it("is replaced by each use; whoever comes with an old one later ends all of them, and the access tokens", async () => {
    const world = await open();
    const first = await connect(world);
    const second = await world.refresh(first);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    world.pass(31_000);
    expect(await world.refresh(first)).toMatchObject({ error: "invalid_grant" });
    expect(await world.refresh(second)).toMatchObject({ error: "invalid_grant" });
    expect(await world.store.list(revocations)).toHaveLength(1);
  });

  it("is good for its client, its server and its scopes only", async () => {
    const world = await open();
    const { refresh_token } = await connect(world);
    const other = await register(world, { redirect_uris: [callback] });
    const client_id = String(other.client_id);
    expect(await refresh(world, { refresh_token, client_id })).toMatchObject({ error: "invalid_grant" });
    expect(await refresh(world, { refresh_token, scope: "mcp alpha:write" })).toMatchObject({ error: "invalid_scope" });
    const elsewhere = { refresh_token, resource: "https://elsewhere.test/mcp" };
    expect(await refresh(world, elsewhere)).toMatchObject({ error: "invalid_target" });
    expect(await refresh(world, { refresh_token })).toHaveProperty("access_token");
  });

  it("gives tokens with fewer scopes to whoever asks for fewer", async () => {
    const world = await open();
    const { refresh_token, scope } = await connect(world, "mcp alpha:write");
    expect(scope).toBe("mcp alpha:write");
    expect((await refresh(world, { refresh_token, scope: "mcp" })).scope).toBe("mcp");
  });

  it("is over for good once a client has revoked it, with the access tokens", async () => {
    const world = await open();
    const tokens = await connect(world);
    const fields = { token: tokens.refresh_token, client_id: world.client_id };
    expect((await world.post("/oauth/revoke", fields)).status).toBe(200);
    expect(await world.refresh(tokens)).toMatchObject({ error: "invalid_grant" });
    expect(await world.store.list(revocations)).toHaveLength(1);
  });
});

describe("an access token", () => {
  it("is for one server, short-lived, and says who, for whom and with which scopes", async () => {
    const world = await open();
    const { said } = await redeem(world, await consent(world.browser(), world.authorizeUrl("mcp alpha:write")));
    const { iat = 0, exp = 0, ...claims } = claimsOf(said as never);
    expect(exp - iat).toBe(600);
    const who = { iss: origin, sub: "ann", client_id: world.client_id };
    expect(claims).toMatchObject({ ...who, aud: resource, scope: "mcp alpha:write", jti: expect.any(String) });
  });
});

describe("a token", () => {
  it.each([
    ["https://gateway.test/alpha/mcp/"],
    ["HTTPS://Gateway.Test/alpha/mcp"],
    ["https://gateway.test:443/alpha/mcp"],
  ])("is for the server that is meant, however its URL is written: %s", async (written) => {
    const world = await open();
    const place = await consent(world.browser(), world.authorizeUrl("mcp", { resource: written }));
    const { said } = await redeem(world, place, { resource: written });
    expect(claimsOf(said as never).aud).toBe(resource);
    expect((await redeem(world, place, { resource: written.replace("alpha", "Alpha") })).said.error).toBeDefined();
  });
});

describe("the token endpoint", () => {
  it.each([
    ["a password", { grant_type: "password", username: "ann", password: "correct horse battery staple" }],
    ["nothing but the client", { grant_type: "client_credentials" }],
    ["a device", { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: "x" }],
  ])("gives nothing for %s", async (_what, fields) => {
    const world = await open();
    const answer = await world.post("/oauth/token", { client_id: world.client_id, resource, ...fields });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({ error: expect.stringMatching(/^(?:unsupported_grant_type|unauthorized_client)$/) }),
    ]);
  });

  it("has no answer of it kept", async () => {
    const world = await open();
    const answer = await world.post("/oauth/token", { grant_type: "refresh_token", client_id: world.client_id });
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  it("wants a secret of a client that has one", async () => {
    const world = await open();
    const method = { token_endpoint_auth_method: "client_secret_basic" };
    const { client_id, client_secret } = await register(world, { redirect_uris: [callback], ...method });
    expect(client_secret).toEqual(expect.any(String));
    const fields = { grant_type: "refresh_token", refresh_token: "x", client_id: String(client_id) };
    const answer = await world.post("/oauth/token", fields);
    expect([answer.status, await answer.json()]).toEqual([401, expect.objectContaining({ error: "invalid_client" })]);
  });
});

describe("registration", () => {
  it.each([
    ["plain http elsewhere", ["http://app.example.com/callback"]],
    ["a script", ["javascript:alert(1)"]],
    ["data", ["data:text/html,x"]],
    ["a file", ["file:///etc/passwd"]],
    ["a fragment", ["https://app.example.com/callback#x"]],
    ["none", []],
    ["one good and one bad", [callback, "http://app.example.com/callback"]],
  ])("refuses %s to be answered at", async (_what, redirect_uris) => {
    const said = await register(await open(), { redirect_uris });
    expect(said.error).toMatch(/^invalid_(?:redirect_uri|client_metadata)$/);
  });

  it.each([
    ["the implicit flow", { response_types: ["token"], grant_types: ["implicit"] }],
    ["passwords", { grant_types: ["password"] }],
    ["unsigned ID tokens", { id_token_signed_response_alg: "none" }],
  ])("refuses a client that wants %s", async (_what, metadata) => {
    const said = await register(await open(), { redirect_uris: [callback], ...metadata });
    expect(said.error).toBe("invalid_client_metadata");
  });

  it("gives each client an id of its own, whatever it asks for", async () => {
    const world = await open();
    const one = await register(world, { redirect_uris: [callback], client_id: "ann" });
    const other = await register(world, { redirect_uris: [callback], client_id: "ann" });
    expect(new Set(["ann", one.client_id, other.client_id]).size).toBe(3);
    expect(String(one.client_id).length).toBeGreaterThanOrEqual(32);
  });
});

describe("the browser", () => {
  it("is sent on by 303, with cookies that scripts, other hosts and other sites do not get", async () => {
    const world = await open();
    const seen: { status: number; cookies: string[]; headers: Headers }[] = [];
    const ask: typeof fetch = async (url, init) => {
      const answer = await world.ask(url as URL, init as RequestInit);
      seen.push({ status: answer.status, cookies: answer.headers.getSetCookie(), headers: answer.headers });
      return answer;
    };
    const browser = world.browser(undefined, ask);
    await consent(browser, world.authorizeUrl("mcp"));
    expect(seen.map(({ status }) => status)).toEqual([303, 200, 303, 303, 200, 303, 303]);
    const cookies = seen.flatMap((answer) => answer.cookies).filter((line) => !/expires=Thu, 01 Jan 1970/.test(line));
    expect(cookies.length).toBeGreaterThan(2);
    for (const line of cookies)
      expect(line).toMatch(/^__(?:Host|Secure)-.*(?=.*; secure)(?=.*; httponly)(?=.*; samesite=lax)/i);
    expect(
      cookies.filter((line) => line.startsWith("__Host-sallyport=")).every((line) => /; path=\/;/i.test(line)),
    ).toBe(true);
    for (const { headers } of seen) expect(headers.get("access-control-allow-origin")).toBeNull();
  });

  it("has another session after each login, and the one before is worth nothing", async () => {
    const world = await open();
    const browser = world.browser();
    await consent(browser, world.webUrl("mcp"));
    const before = browser.cookie("__Host-sallyport");
    const again = world.webUrl("mcp", { prompt: "login" });
    asTarget(await logIn(browser, await browser.open(again), "ann"));
    const after = browser.cookie("__Host-sallyport");
    expect([typeof before, before === after]).toEqual(["string", false]);
    const thief = world.browser();
    thief.take("__Host-sallyport", before ?? "");
    expect(whereIs(await thief.open(world.authorizeUrl("mcp")))).toBe("Log in");
  });

  it("is logged out after as long as the configuration says, however busy it was", async () => {
    const world = await open();
    const browser = world.browser();
    await consent(browser, world.authorizeUrl("mcp"));
    await world.use(browser, 5 * 3_600_000);
    expect(whereIs(await browser.open(world.webUrl("mcp")))).toBe("client");
    await world.use(browser, 4 * 3_600_000);
    expect(whereIs(await browser.open(world.authorizeUrl("mcp")))).toBe("Log in");
  });

  it.each([
    ["sent from another site", { origin: "https://evil.example" }, {}],
    ["without the token of the page", {}, { csrf: "" }],
    ["with the token of another page", {}, { csrf: "0123456789abcdef" }],
  ])("has a form refused that was %s", async (_what, headers, fields) => {
    const world = await open();
    const browser = world.browser(undefined, (url, init) =>
      world.ask(url as URL, { ...init, headers: { ...(init?.headers as object), ...headers } }),
    );
    const page = asPage(await browser.open(world.authorizeUrl("mcp")));
    const refused = asPage(
      await browser.submit(page, { user: "ann", password: "correct horse battery staple", do: "login", ...fields }),
    );
    expect(refused.status).toBe(403);
    expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: "foreign_form" });
  });

  it("says the same of a wrong password, a stranger and somebody who is disabled", async () => {
    const world = await open();
    await world.addUser("bea");
    await world.changeUser("bea", (user) => ({ ...user, disabled: true }));
    const tries = [
      ["ann", "wrong"],
      ["nobody", "correct horse battery staple"],
      ["bea", "correct horse battery staple"],
    ] as const;
    const pages: string[] = [];
    for (const [user, typed] of tries) {
      const browser = world.browser();
      const page = asPage(await logIn(browser, await browser.open(world.authorizeUrl("mcp")), user, typed));
      pages.push(`${page.status} ${page.html.replaceAll(user, "NAME").replaceAll(/name="csrf" value="[^"]*"/g, "")}`);
    }
    expect(pages[0]).toMatch(/^403 /);
    expect(new Set(pages).size).toBe(1);
  });

  it("shows scripts of other origins nothing of the pages", async () => {
    const world = await open();
    const url = world.authorizeUrl("mcp");
    const headers = { origin: "https://app.example.com", "access-control-request-method": "GET" };
    for (const method of ["GET", "OPTIONS"]) {
      const answer = await world.ask(url, { method, headers });
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  it.each([
    ["a page of another login", "/oauth/login/made-up"],
    ["a request that cannot be understood", "/oauth/authorize?client_id=nobody"],
  ])("gets %s without a script and in no frame", async (_what, path) => {
    const world = await open();
    const { headers, status } = asPage(await world.browser().open(`${origin}${path}`));
    expect(status).toBe(400);
    expect(headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect([headers.get("x-frame-options"), headers.get("referrer-policy")]).toEqual(["DENY", "same-origin"]);
    expect(headers.get("cache-control")).toContain("no-store");
  });
});

describe("the metadata", () => {
  it.each(["oauth-authorization-server", "openid-configuration"])("says at %s what there is", async (name) => {
    const world = await open();
    const answer = await world.ask(`${origin}/.well-known/${name}`);
    const said = await answer.json();
    // Nobody is logged out by a link.
    expect(said).not.toHaveProperty("end_session_endpoint");
    expect(said).toMatchObject({
      issuer: origin,
      authorization_endpoint: `${origin}/oauth/authorize`,
      token_endpoint: `${origin}/oauth/token`,
      registration_endpoint: `${origin}/oauth/register`,
      response_types_supported: ["code"],
      response_modes_supported: ["query"],
      code_challenge_methods_supported: ["S256"],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
      grant_types_supported: ["authorization_code", "refresh_token"],
    });
  });
});
