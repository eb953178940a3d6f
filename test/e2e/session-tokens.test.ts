/** Session tokens: made on a page, used by a client that can only send a fixed header, and ended; and sessions of other sorts. */
import { expect, it, onTestFinished } from "vitest";
import type { RecorderHandler } from "../fixtures/recorder.ts";
import { readAudit, until } from "../golden/observe.ts";
import { asPage, type Browser, openBrowser, type Page } from "./browser.ts";
import { createClient, toolCall } from "./http.ts";
import { command, password, setLogin, trust, user } from "./login-world.ts";
import { eventText, type Setting, withSessions } from "./setting.ts";

/** Keeps GET streams open, and answers anything else as usual. */
const withStreams: RecorderHandler = (request, body, response) => {
  if (request.method !== "GET") return withSessions(request, body, response);
  response.writeHead(200, { "content-type": "text/event-stream" }).write(eventText);
};

const initialize = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "test", version: "1" },
};

async function begin() {
  const configOverrides = { servers: { beta: { url: "http://127.0.0.1:9/mcp" } } };
  const setting = await setLogin({}, { handler: withStreams, configOverrides });
  const browser = await enter(setting);
  return { setting, browser, account: `${setting.gateway.publicUrl}/oauth/account` };
}

/** A browser in which ann is logged in. */
async function enter(setting: Setting): Promise<Browser> {
  const browser = openBrowser(await trust(setting), setting.gateway.publicUrl);
  const login = asPage(await browser.open(`${setting.gateway.publicUrl}/oauth/account`));
  const page = asPage(await browser.submit(login, { user: "ann", password, do: "login" }));
  expect(page.html).toContain("<h1>Your account</h1>");
  return browser;
}

/** Makes a token as ann does, and waits until the gateway knows it. */
async function make(
  { setting, browser, account }: Awaited<ReturnType<typeof begin>>,
  more: Record<string, string> = {},
) {
  const form = asPage(await browser.open(`${account}/token`));
  const shown = asPage(await browser.submit(form, { label: "editor", server: "alpha", do: "make", ...more }));
  const [text = ""] = /sps_\w+/.exec(shown.html) ?? [];
  const client = await use(setting, text);
  expect(await reasonOf(client), "the gateway knows what it has just shown").not.toBe("token_unknown");
  return { text, id: text.slice(4, 15), client };
}

async function use({ gateway }: Setting, text: string, server = "alpha") {
  const client = await createClient(gateway, server, text);
  onTestFinished(() => client.close());
  return client;
}

type Client = Awaited<ReturnType<typeof use>>;

async function reasonOf(client: Client, headers: Record<string, string> = {}): Promise<unknown> {
  const { message } = await client.post(toolCall(1), headers);
  return (message as { error?: { data?: { reason?: string } } }).error?.data?.reason ?? "none";
}

/** Opens a session and its stream; resolves when the stream is open, with when it is over. */
async function listen({ recorder }: Setting, client: Client, other: Client) {
  const { session = "" } = await client.post({ jsonrpc: "2.0", id: 1, method: "initialize", params: initialize });
  const streams = () => recorder.requests.filter(({ method }) => method === "GET").length;
  const before = streams();
  const headers = { "mcp-session-id": session };
  const over = other.send("GET", { headers }).catch(() => {});
  await until("the stream to be open", () => streams() > before || undefined);
  return { over, headers };
}

async function notesOf({ gateway }: Setting, action: string) {
  return until(`${action} on record`, async () => {
    const notes = (await readAudit(gateway)).map(({ note }) => note).filter((note) => note?.action === action);
    return notes.length > 0 ? notes : undefined;
  });
}

it("a token that somebody makes in a browser opens what it is for, and ends what is open when it is ended", async () => {
  const world = await begin();
  const { setting, browser, account } = world;
  const { text, id, client } = await make(world);
  expect(await reasonOf(client)).toBe("none");
  expect((await readAudit(setting.gateway)).findLast(({ event }) => event === "request")).toMatchObject({
    identity: { issuer: "builtin", subject: "ann", client: null, via: "session-token", groups: ["all"] },
    outcome: { http: 200 },
  });
  expect(await reasonOf(await use(setting, text, "beta"))).toBe("token_audience");
  expect(await reasonOf(await use(setting, `${text.slice(0, -6)}000000`))).toBe("token_malformed");
  const elsewhere = await make(world, { from: "10.0.0.0/8" });
  expect(await reasonOf(elsewhere.client)).toBe("token_address");

  const { over } = await listen(setting, client, await use(setting, text));
  const page: Page = asPage(await browser.open(account));
  expect(page.html).toContain(`sps_${id}…`);
  await browser.submit(page, { do: "end-token", id });
  await over;
  expect(await reasonOf(client)).toBe("token_revoked");
  expect(await notesOf(setting, "session-token-create")).toMatchObject([
    { user: "ann", targetId: id, servers: ["alpha"], from: null },
    { user: "ann", targetId: elsewhere.id, from: ["10.0.0.0/8"] },
  ]);
  expect(await notesOf(setting, "session-token-end")).toMatchObject([{ user: "ann", targetId: id, successful: true }]);
  expect(JSON.stringify(await readAudit(setting.gateway)) + setting.log()).not.toContain(text.slice(16));
});

it("a browser that is logged in calls nothing by its cookie, and no cookie reaches a server", async () => {
  const { setting, browser, account } = await begin();
  const fetch = await trust(setting);
  const cookie = browser.header("/");
  expect(cookie).toContain("__Host-sallyport=");
  const url = `${setting.gateway.publicUrl}/alpha/mcp`;
  const body = JSON.stringify({ jsonrpc: "2.0", ...toolCall(1) });
  const post = (headers: Record<string, string>) =>
    fetch(url, { method: "POST", body, headers: { cookie, ...headers } });
  const type = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  // What a form or a script of another site can send, and what one of ours could.
  const sent = [
    { "content-type": "text/plain", origin: "https://evil.test" },
    { ...type, origin: "https://evil.test" },
  ];
  for (const headers of sent) expect((await post(headers)).status).toBe(403);
  expect((await post({ ...type, origin: setting.gateway.publicUrl })).status).toBe(401);
  expect((await post(type)).status).toBe(401);
  expect(setting.recorder.requests).toEqual([]);
  expect((await post({ ...type, authorization: `Bearer ${setting.token}` })).status).toBe(200);
  expect(setting.recorder.requests).toHaveLength(1);
  expect(setting.recorder.requests[0]?.rawHeaders.join("\n")).not.toMatch(/cookie|sallyport/i);
  const left = asPage(await browser.submit(asPage(await browser.open(`${account}/token`)), { do: "logout" }));
  expect(left.html).toContain("<h1>Logged out</h1>");
  expect(asPage(await browser.open(account)).html).toContain("<h1>Log in</h1>");
  expect(await notesOf(setting, "browser-end")).toMatchObject([
    { user: "ann", successful: true, targetId: expect.stringMatching(/^[\w-]{43}$/) },
  ]);
});

it("operators list sessions and end them, and open streams with them", async () => {
  const world = await begin();
  const { setting, browser, account } = world;
  const list = async (...args: string[]) =>
    JSON.parse((await command(setting, "", "session", "list", "--json", ...args)).said) as {
      tokens: { id: string }[];
      browsers: { id: string }[];
    };
  const { id, text, client } = await make(world);
  const listed = await list();
  expect(listed).toMatchObject({
    tokens: [{ id, user: "ann", label: "editor", servers: ["alpha"], from: null }],
    browsers: [{ user: "ann", secondFactor: false }],
  });
  expect((await command(setting, "", "session", "list")).said).toMatch(
    new RegExp(`^${id}  token of ann, editor, for alpha; used .* at most\\n[\\w-]{43}  browser of ann since .*\\n$`),
  );
  expect(await list("--user", "bob")).toEqual({ tokens: [], browsers: [] });
  expect(await command(setting, "", "revoke", "session", "nonsense")).toMatchObject({ code: 2 });

  const mine = await listen(setting, client, await use(setting, text));
  const { session: fingerprint } =
    (await readAudit(setting.gateway)).findLast(({ method }) => method === "initialize") ?? {};
  const listMcp = async (...args: string[]) => (await command(setting, "", "session", "list", "--mcp", ...args)).said;
  const [line] = (await listMcp()).split("\n").filter((each) => each.startsWith(String(fingerprint)));
  expect(line).toMatch(
    /^[\w-]+ {2}MCP session of ann \(builtin\) at alpha, from 127\.0\.0\.1 since .*; used .*, \d+ messages?$/,
  );
  expect(JSON.parse(await listMcp("--json", "--user", "ann"))).toMatchObject({
    mcp: [{ fingerprint, server: "alpha", subject: "ann" }],
    left: 0,
  });
  expect(await listMcp("--user", "bob")).toBe("there are no MCP sessions\n");
  expect(await command(setting, "", "revoke", "session", "--", String(fingerprint))).toMatchObject({ code: 0 });
  expect(await listMcp()).not.toContain(String(fingerprint));
  await mine.over;
  expect(await reasonOf(client, mine.headers)).toBe("session_revoked");
  expect(await reasonOf(client)).toBe("none");

  // The recorder's sessions all have one name, and so the one that was ended.
  const stream = (await use(setting, text)).send("GET").catch(() => {});
  await until(
    "a stream without a session",
    () => setting.recorder.requests.filter(({ method }) => method === "GET")[1],
  );
  expect(await command(setting, "", "revoke", "session", `sps_${id}…`, "--reason", "lost")).toMatchObject({ code: 0 });
  await stream;
  expect(await reasonOf(client)).toBe("token_revoked");
  expect(await command(setting, "", "revoke", "session", "--", listed.browsers[0]?.id ?? "")).toMatchObject({
    code: 0,
  });
  expect(asPage(await browser.open(account)).html).toContain("<h1>Log in</h1>");
  expect(await list()).toEqual({ tokens: [], browsers: [] });
  await until("all acts on record", async () => (await notesOf(setting, "session.revoke"))[2]);
  expect(await notesOf(setting, "session.revoke")).toMatchObject([
    { id: fingerprint, sort: "mcp" },
    { id, sort: "token", reason: "lost" },
    { id: listed.browsers[0]?.id, sort: "browser" },
  ]);
});

it.each([["user disable"], ["revoke user"]])("%s ends tokens and their streams", async (verb) => {
  const world = await begin();
  const { setting } = world;
  const { text, client } = await make(world);
  const { over } = await listen(setting, client, await use(setting, text));
  expect(
    await (verb === "user disable"
      ? user(setting, "", "disable", "ann")
      : command(setting, "", "revoke", "user", "ann")),
  ).toMatchObject({ code: 0 });
  await over;
  expect(await reasonOf(client)).toBe("token_revoked");
  expect((await command(setting, "", "session", "list")).said).toBe("there are no sessions\n");
});
