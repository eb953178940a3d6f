/** Users log in at the authorization server of a server behind the gateway, and the gateway calls it in their name. */
import { readFile } from "node:fs/promises";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { expect, it, onTestFinished } from "vitest";
import { answerMinimally, type RecorderHandler } from "../fixtures/recorder.ts";
import { startUserAuthorization, type UserAuthorization } from "../fixtures/user-authorization.ts";
import { readAudit, scrape, until } from "../golden/observe.ts";
import { asPage, type Browser, goOn, openBrowser } from "./browser.ts";
import { createClient, type HttpAnswer, type HttpClient, toolCall } from "./http.ts";
import { command, logIn, password, setLogin, trust, user } from "./login-world.ts";
import { type Setting, withSessions } from "./setting.ts";

interface World {
  readonly setting: Setting;
  readonly authorization: UserAuthorization;
  /** Tokens that calls came with; empty for none. */
  readonly shown: string[];
  /** What the server demands besides a token. */
  readonly demands: { scope?: string };
  /** What it says of where users log in, over what is right. */
  readonly own: { metadata?: object };
}

/** A gateway in front of a server that lets nobody call a tool who has not logged in at its authorization server. */
async function open(userLogin: object = {}): Promise<World> {
  const shown: string[] = [];
  const demands: World["demands"] = {};
  const own: World["own"] = {};
  let url = "";
  const authorization = await startUserAuthorization(() => url);
  onTestFinished(() => authorization.stop());
  const handler: RecorderHandler = (request, body, response) => {
    const origin = `http://${request.headers.host}`;
    url = `${origin}/mcp`;
    if (request.url?.startsWith("/.well-known/oauth-protected-resource")) {
      const metadata = { resource: url, authorization_servers: [authorization.issuer], scopes_supported: ["notes"] };
      response.writeHead(200, { "content-type": "application/json" });
      return void response.end(JSON.stringify({ ...metadata, ...own.metadata }));
    }
    if (!body.includes('"tools/call"')) return withSessions(request, body, response);
    const [, token = ""] = /^Bearer (.*)$/.exec(request.headers.authorization ?? "") ?? [];
    shown.push(token);
    if (demands.scope === undefined && authorization.accepts(token)) return answerMinimally(request, body, response);
    const metadata = `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`;
    const scope = demands.scope === undefined ? "" : `, error="insufficient_scope", scope="${demands.scope}"`;
    response.writeHead(scope === "" ? 401 : 403, { "www-authenticate": `Bearer ${metadata}${scope}` }).end();
  };
  const credentials = { userLogin: { insideHosts: ["127.0.0.1"], ...userLogin } };
  const setting = await setLogin({}, { handler, server: { credentials } });
  return { setting, authorization, shown, demands, own };
}

/** A plain client of somebody. */
async function clientOf({ setting: { gateway } }: World, subject: string, connections = 1): Promise<HttpClient> {
  const client = await createClient(gateway, "alpha", await gateway.mint({ server: "alpha", subject }), connections);
  onTestFinished(() => client.close());
  return client;
}

async function browse({ setting }: World): Promise<Browser> {
  return openBrowser(await trust(setting), setting.gateway.publicUrl);
}

function errorOf({ message }: HttpAnswer) {
  return message.error as { code: number; message: string; data: Record<string, unknown> } | undefined;
}

function linkIn(answer: HttpAnswer): string {
  const { url } = errorOf(answer)?.data ?? {};
  expect(errorOf(answer)?.message).toContain(String(url));
  return String(url);
}

/** Opens a link as somebody, who logs in at the gateway where the browser is not yet. */
async function visit(browser: Browser, link: string, name = "ann") {
  const page = asPage(await browser.open(link));
  if (!page.html.includes("<h1>Log in</h1>")) return page;
  const entered = asPage(await browser.submit(page, { user: name, password, do: "login" }));
  return entered.html.includes('value="noted"') ? asPage(await goOn(browser, entered)) : entered;
}

/** Goes on from the page to the authorization server. @returns where that sends the browser back to */
async function depart(browser: Browser, page: Awaited<ReturnType<typeof visit>>): Promise<URL> {
  const left = asPage(await browser.submit(page, { do: "connect" }));
  const target = /<a href="([^"]+)"/.exec(left.html)?.[1]?.replaceAll("&amp;", "&") ?? "";
  expect(left.headers.get("refresh")).toBe(`0;url=${target}`);
  const answer = await fetch(target, { redirect: "manual" });
  return new URL(answer.headers.get("location") ?? "", target);
}

async function connect(browser: Browser, link: string): Promise<void> {
  const back = await depart(browser, await visit(browser, link));
  expect(asPage(await browser.open(back)).html).toContain("You are logged in at alpha");
}

async function actsOf({ setting }: World) {
  return (await readAudit(setting.gateway)).filter(({ event }) => event === "auth").map(({ note }) => note);
}

/** Everything that the gateway tells those who operate it. */
async function readSinks({ setting: { gateway, log } }: World): Promise<string> {
  return [gateway.errors(), log(), await readFile(gateway.auditFile, "utf8"), await scrape(gateway)].join("\n");
}

it("a client gets a link for its user, who logs in, and its next call succeeds", async () => {
  const world = await open();
  const { setting, authorization, shown } = world;
  const { call, browser, client, kept } = await logIn(setting, "v2");
  expect((await client.listTools()).tools).toHaveLength(1);
  const error = (await call().catch((error: unknown) => error)) as { message: string; data: { url: string } };
  const { url: link } = error.data;
  expect(error.message).toContain(link);

  const page = await visit(browser, link);
  expect(page.html).toContain("<strong>alpha</strong>");
  expect(page.html).toContain(`Go on to ${new URL(authorization.issuer).host}`);
  expect(page.html).toContain("<code>notes</code>");
  expect(page.headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
  const back = await depart(browser, page);
  expect(asPage(await browser.open(back)).html).toContain("Go back to the client and try again");
  await call();
  expect(shown).toEqual(["", authorization.last]);

  // The same answer once more, and a page of a link that was used.
  expect(asPage(await browser.open(back)).status).toBe(400);
  const again = await visit(browser, link);
  expect(again.html).toContain("You are logged in there since");
  const listed = await command(setting, "", "grant", "list", "--json");
  expect(JSON.parse(listed.said)).toMatchObject({
    logins: [{ user: "ann", server: "alpha", authorizationServer: authorization.issuer, scopes: ["notes"] }],
  });
  expect((await command(setting, "", "grant", "list")).said).toContain("ann is logged in at alpha");
  expect(asPage(await browser.submit(again, { do: "disconnect" })).html).toContain("You are disconnected");
  await expect(call()).rejects.toThrow(/wants its user to log in/);

  // On the account page it can be ended as well.
  await connect(browser, link);
  await call();
  const account = asPage(await browser.open(`${setting.gateway.publicUrl}/oauth/account`));
  expect(account.html).toContain(
    `<strong>alpha</strong>, at <strong>${new URL(authorization.issuer).host}</strong> since`,
  );
  const ended = asPage(await browser.submit(account, { do: "end-login", id: "alpha" }));
  expect(ended.html).not.toContain("<h2>Logins at servers</h2>");
  await expect(call()).rejects.toThrow(/wants its user to log in/);

  const acts = await actsOf(world);
  for (const action of ["upstream-begin", "upstream-back", "upstream-disconnect"]) {
    expect(acts).toContainEqual(expect.objectContaining({ action, user: "ann", server: "alpha", successful: true }));
  }
  expect(acts).toContainEqual(
    expect.objectContaining({ action: "upstream-back", successful: false, reason: "state_unknown" }),
  );
  const records = await readAudit(setting.gateway);
  expect(records.filter(({ decision }) => decision.reason === "login_required")).toHaveLength(3);
  const sinks = await readSinks(world);
  const heard = JSON.stringify(setting.recorder.requests.map(({ rawHeaders }) => rawHeaders));
  for (const secret of authorization.secrets) expect(sinks).not.toContain(secret);
  expect(heard).not.toContain(kept.tokens?.access_token);
});

it("a client that opens links is asked in the way of its revision", async () => {
  const world = await open();
  const { setting, authorization, shown } = world;
  const { gateway } = setting;
  const link = /^https:\/\/127\.0\.0\.1:\d+\/oauth\/upstream\/[\w-]+$/;
  const sessions = new Client({ name: "e2e", version: "1" }, { capabilities: { elicitation: { url: {} } } });
  const token = await gateway.mint({ server: "alpha", subject: "ann" });
  const transport = new StreamableHTTPClientTransport(new URL(`${gateway.publicUrl}/alpha/mcp`), {
    fetch: await trust(setting),
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });
  await sessions.connect(transport);
  onTestFinished(() => sessions.close());
  const error = await sessions.callTool({ name: "echo", arguments: {} }).catch((error: unknown) => error);
  const elicitation = { mode: "url", url: expect.stringMatching(link), elicitationId: expect.any(String) };
  expect(error).toMatchObject({ code: -32_042, data: { elicitations: [elicitation] } });
  expect((await readAudit(gateway)).findLast(({ method }) => method === "tools/call")).toMatchObject({
    decision: { reason: "login_required" },
    outcome: { http: 200, rpc: -32_042 },
  });

  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { url: {} } },
    "io.modelcontextprotocol/clientInfo": { name: "e2e", version: "1" },
  };
  const ann = await clientOf(world, "ann");
  const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "echo" };
  const modern = (id: number, more: object = {}) =>
    ann.post({ id, method: "tools/call", params: { name: "echo", arguments: {}, _meta: meta, ...more } }, headers);
  const asked = await modern(1);
  expect(asked.message.result).toEqual({
    resultType: "input_required",
    inputRequests: {
      sallyport_login: {
        method: "elicitation/create",
        params: { mode: "url", url: expect.stringMatching(link), message: expect.stringContaining("log in") },
      },
    },
  });
  const declined = await modern(2, { inputResponses: { sallyport_login: { action: "decline" } } });
  expect(errorOf(declined)).toMatchObject({ code: 403, data: { reason: "login_required" } });

  // The user is on the way while the client asks again: the call waits.
  const waiting = modern(3, { inputResponses: { sallyport_login: { action: "accept" } } });
  const browser = await browse(world);
  await connect(browser, linkIn(declined));
  expect((await waiting).message).toMatchObject({ id: 3, result: { content: [{ text: "recorded" }] } });
  expect(shown.at(-1)).toBe(authorization.last);
  expect(setting.recorder.requests.some(({ body }) => body.includes("sallyport_login"))).toBe(false);
});

it("a link is for the user whose call it was, and a login for the browser that began it", async () => {
  const world = await open();
  await user(world.setting, `${password}\n`, "add", "bob", "--groups", "all", "--permanent");
  const ann = await clientOf(world, "ann");
  const link = linkIn(await ann.post(toolCall(1)));
  const bobs = await browse(world);
  const refused = await visit(bobs, link, "bob");
  expect([refused.status, refused.html]).toEqual([403, expect.stringContaining("given to somebody else")]);
  expect(await actsOf(world)).toContainEqual(
    expect.objectContaining({ action: "upstream-page", user: "bob", successful: false, reason: "foreign_link" }),
  );
  // Nothing was asked of anybody for that.
  expect(world.authorization.paths).toEqual([]);

  const anns = await browse(world);
  const back = await depart(anns, await visit(anns, link));
  const stranger = await browse(world);
  for (const [browser, who] of [
    [bobs, "bob"],
    [stranger, undefined],
  ] as const) {
    const page = asPage(await browser.open(back));
    expect([page.status, page.html]).toEqual([403, expect.stringContaining("somebody else")]);
    expect((await actsOf(world)).at(-1)).toMatchObject({
      ...(who !== undefined && { user: who }),
      action: "upstream-back",
      reason: "foreign_login",
    });
  }
  // Another login of the same user is another browser as well.
  const elsewhere = await browse(world);
  await visit(elsewhere, link);
  expect(asPage(await elsewhere.open(back)).status).toBe(403);
  const bob = await clientOf(world, "bob");
  for (const client of [ann, bob]) linkIn(await client.post(toolCall(2)));
  expect(asPage(await anns.open(back)).status).toBe(200);
  expect((await ann.post(toolCall(3))).message).toHaveProperty("result");
  linkIn(await bob.post(toolCall(4)));
  // Forms of others, and links that nobody gave.
  const page = await visit(anns, link);
  const forged = asPage(await anns.submit({ ...page, html: "" }, { do: "disconnect", csrf: "x" }));
  expect(forged.status).toBe(403);
  expect(asPage(await anns.open(`${link.slice(0, -2)}AA`)).status).toBe(404);
  expect((await ann.post(toolCall(5))).message).toHaveProperty("result");

  expect(await command(world.setting, "", "revoke", "user", "ann")).toMatchObject({ code: 0 });
  expect((await command(world.setting, "", "grant", "list")).said).not.toContain("logged in at");
});

it("a token is renewed once for all calls; trouble keeps the login, a refusal ends it, and so does the server", async () => {
  const world = await open();
  const { authorization, shown, setting } = world;
  const ann = await clientOf(world, "ann", 4);
  const browser = await browse(world);
  authorization.lifetime = 1;
  await connect(browser, linkIn(await ann.post(toolCall(1))));
  const first = authorization.last;
  authorization.lifetime = 3_600;
  const renewals = () => authorization.asked.filter(({ grant_type }) => grant_type === "refresh_token").length;
  await until("the first token to be over", async () => {
    const answers = await Promise.all([2, 3, 4, 5].map((id) => ann.post(toolCall(id))));
    for (const { message } of answers) expect(message).toHaveProperty("result");
    return authorization.last !== first || undefined;
  });
  // The first token may have ended between two calls that were sent together.
  const second = authorization.last;
  for (const token of shown.slice(-4)) expect([first, second]).toContain(token);
  await Promise.all([2, 3, 4, 5].map((id) => ann.post(toolCall(id))));
  expect(renewals()).toBe(1);
  expect(shown.slice(-4)).toEqual(Array(4).fill(second));

  authorization.end(second);
  authorization.lifetime = 1;
  await connect(browser, linkIn(await ann.post(toolCall(6))));
  const canary = { error_description: "canary of the authorization server" };
  authorization.misbehaviour.token = { status: 503, body: canary };
  const reasonOf = async () => errorOf(await ann.post(toolCall(6)))?.data.reason;
  await until("the second token to be over", async () => (await reasonOf()) ?? undefined);
  expect(await reasonOf()).toBe("credentials_unavailable");
  authorization.misbehaviour.token = undefined;
  authorization.lifetime = 2;
  const before = renewals();
  await until("the next try", async () => (await reasonOf()) === undefined || undefined);
  expect(renewals()).toBe(before + 1);

  authorization.misbehaviour.token = { status: 400, body: { error: "invalid_grant", ...canary } };
  await until("the third token to be over", async () => (await reasonOf()) ?? undefined);
  expect(await reasonOf()).toBe("login_required");
  authorization.misbehaviour.token = undefined;
  authorization.lifetime = 3_600;
  await connect(browser, linkIn(await ann.post(toolCall(7))));
  expect((await ann.post(toolCall(8))).message).toHaveProperty("result");
  authorization.end(authorization.last);
  linkIn(await ann.post(toolCall(9)));

  const renewed = (await actsOf(world)).filter((note) => note?.action === "upstream-renewal");
  const reasons = renewed.map((note) => note?.reason ?? "renewed");
  expect(reasons.filter((reason, index) => reason !== reasons[index - 1])).toEqual([
    "renewed",
    "the server refuses the token",
    "the token endpoint answered 503",
    "renewed",
    "the token endpoint answered 400 invalid_grant",
    "the server refuses the token",
  ]);
  for (const note of renewed) expect(note).toMatchObject({ user: "ann", server: "alpha" });
  expect(await readSinks(world)).not.toContain("canary");
  expect(await scrape(setting.gateway)).toMatch(
    /^sallyport_upstream_token_fetches_total\{server="alpha",outcome="ok"\} 2$/m,
  );
});

it("a call that takes more than the login has asks for all of it", async () => {
  const world = await open();
  const ann = await clientOf(world, "ann");
  const browser = await browse(world);
  await connect(browser, linkIn(await ann.post(toolCall(1))));
  world.demands.scope = "notes:write";
  const page = await visit(browser, linkIn(await ann.post(toolCall(2))));
  expect(page.html).toContain("It asks for <code>notes</code>, <code>notes:write</code>.");
  delete world.demands.scope;
  // The login that there is stays until there is another one.
  expect((await ann.post(toolCall(3))).message).toHaveProperty("result");
});

it("believes neither metadata nor answers that are not what they should be, and asks nobody inside", async () => {
  const world = await open();
  const { authorization, own } = world;
  const { misbehaviour, issuer, paths } = authorization;
  const ann = await clientOf(world, "ann");
  const link = linkIn(await ann.post(toolCall(1)));
  const browser = await browse(world);
  const hostile: readonly [words: string, spoil: () => void][] = [
    ["has no public address", () => Object.assign(own, { metadata: { authorization_servers: ["https://[::1]"] } })],
    ["has no public address", () => Object.assign(own, { metadata: { authorization_servers: ["https://10.0.0.1"] } })],
    [
      "has no public address",
      () => Object.assign(own, { metadata: { authorization_servers: ["https://localhost:1"] } }),
    ],
    ["must not be asked", () => Object.assign(own, { metadata: { authorization_servers: ["http://127.0.0.2:1"] } })],
    [
      "names no authorization server",
      () => Object.assign(own, { metadata: { authorization_servers: ["http://a.test"] } }),
    ],
    ["about another resource", () => Object.assign(own, { metadata: { resource: "https://other.test/mcp" } })],
    ["answered with 302", () => Object.assign(misbehaviour, { redirect: `${issuer}/elsewhere` })],
    ["over 65536 bytes", () => Object.assign(misbehaviour, { padding: 100_000 })],
    ["names another issuer", () => Object.assign(misbehaviour, { metadata: { issuer: "https://honest.test" } })],
    ["PKCE", () => Object.assign(misbehaviour, { metadata: { code_challenge_methods_supported: ["plain"] } })],
    [
      "authorization_endpoint",
      () => Object.assign(misbehaviour, { metadata: { authorization_endpoint: "javascript:1" } }),
    ],
  ];
  for (const [words, spoil] of hostile) {
    spoil();
    const page = await visit(browser, link);
    expect([words, page.status]).toEqual([words, 502]);
    expect(world.setting.log()).toContain(words);
    expect((await actsOf(world)).at(-1)).toMatchObject({ action: "upstream-page", reason: "discovery_failed" });
    delete own.metadata;
    Object.assign(misbehaviour, { redirect: undefined, padding: 0, metadata: {} });
  }
  expect(paths).not.toContain("/elsewhere");

  const page = await visit(browser, link);
  const other = { authorization_servers: [`http://127.0.0.1:${new URL(issuer).port}/other`, issuer] };
  Object.assign(own, { metadata: other });
  expect(asPage(await browser.submit(page, { do: "connect" })).status).toBe(502);
  delete own.metadata;

  // An answer in the name of another one, before any code is shown to anybody.
  misbehaviour.iss = "https://honest.test";
  const mixed = asPage(await browser.open(await depart(browser, page)));
  expect([mixed.status, mixed.html]).toEqual([400, expect.stringContaining("not come from where you were sent")]);
  expect((await actsOf(world)).at(-1)).toMatchObject({ action: "upstream-back", reason: "issuer_mismatch" });
  expect(authorization.asked).toEqual([]);
  misbehaviour.iss = undefined;
  Object.assign(misbehaviour, { metadata: { token_endpoint: "https://10.0.0.1/token" } });
  expect(asPage(await browser.open(await depart(browser, page))).status).toBe(502);
  expect((await actsOf(world)).at(-1)).toMatchObject({ action: "upstream-back", reason: "no_token" });
  linkIn(await ann.post(toolCall(2)));
});

it("the authorization server is told of a login that ends, and what it answers is on record and nothing else", async () => {
  const world = await open();
  const { authorization, setting } = world;
  const { told, misbehaviour, issuer } = authorization;
  const ann = await clientOf(world, "ann");
  const browser = await browse(world);
  const revocations = async (count: number) =>
    until("what the authorization server was told", async () => {
      const found = (await actsOf(world)).filter((note) => note?.action === "upstream-revocation");
      return found.length >= count ? found : undefined;
    });
  const disconnect = async (link: string) => {
    const page = await visit(browser, link);
    return asPage(await browser.submit(page, { do: "disconnect" }));
  };

  const link = linkIn(await ann.post(toolCall(1)));
  await connect(browser, link);
  const { last } = authorization;
  expect((await disconnect(link)).html).toContain("You are disconnected");
  expect(await revocations(1)).toEqual([
    { action: "upstream-revocation", user: "ann", server: "alpha", successful: true },
  ]);
  expect(told).toEqual([
    { token: expect.stringMatching(/^refresh-/), token_type_hint: "refresh_token" },
    { token: last, token_type_hint: "access_token" },
  ]);
  expect(authorization.accepts(last)).toBe(false);

  // An operator, with a command that asks nobody.
  await connect(browser, link);
  expect(await command(setting, "", "revoke", "user", "ann")).toMatchObject({ code: 0 });
  expect((await command(setting, "", "grant", "list")).said).not.toContain("logged in at");
  expect((await revocations(2)).at(-1)).toMatchObject({ user: "ann", successful: true });
  expect(authorization.accepts(authorization.last)).toBe(false);

  // One that answers with a way inside, and one that names one.
  const elsewhere = { location: `${issuer}/elsewhere` };
  misbehaviour.revocation = { status: 307, headers: elsewhere, body: { error_description: "canary" } };
  const other = await browse(world);
  await connect(other, link);
  const page = await visit(other, link);
  expect(asPage(await other.submit(page, { do: "disconnect" })).html).toContain("You are disconnected");
  expect((await revocations(3)).at(-1)).toMatchObject({ successful: false, reason: expect.stringContaining("307") });
  expect(authorization.paths).not.toContain("/elsewhere");
  misbehaviour.metadata = { revocation_endpoint: "https://10.0.0.1/revoke" };
  await connect(other, link);
  expect(asPage(await other.submit(await visit(other, link), { do: "disconnect" })).status).toBe(200);
  expect((await revocations(4)).at(-1)).toMatchObject({
    ...{ successful: false, reason: expect.stringContaining("10.0.0.1 has no public address; list the host") },
  });
  linkIn(await (await clientOf(world, "ann")).post(toolCall(2)));
  const sinks = await readSinks(world);
  for (const secret of [...authorization.secrets, "canary"]) expect(sinks).not.toContain(secret);
});
