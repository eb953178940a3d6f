import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startEverything } from "../../src/quickstart/everything.ts";
import { type Gateway, startGateway } from "../fixtures/gateway.ts";
import { type Caller, createCaller } from "../fixtures/scripted-caller.ts";
import { type ScriptedServer, startScriptedServer } from "../fixtures/scripted-server.ts";
import { readAudit, until } from "../golden/observe.ts";
import { createClient, type HttpAnswer, initialize } from "./http.ts";
import { trustGateway } from "./sdk.ts";
import { set, withSessions } from "./setting.ts";

type Headers = Readonly<Record<string, string>>;

let server: ScriptedServer;
let gateway: Gateway;
let ada: Caller;
let bob: Caller;
/** Ada at another server. */
let elsewhere: Caller;

beforeAll(async () => {
  server = await startScriptedServer({ "tools/list": () => ({ tools: [] }) });
  gateway = await startGateway({ servers: { alpha: server.url, beta: server.url } });
  [ada, bob, elsewhere] = await Promise.all([
    enter(gateway, "ada"),
    enter(gateway, "bob"),
    enter(gateway, "ada", "beta"),
  ]);
});
afterAll(async () => {
  await Promise.all([ada, bob, elsewhere].map((caller) => caller.close()));
  await gateway.stop();
  await server.stop();
});

async function enter(at: Gateway, subject: string, name = "alpha"): Promise<Caller> {
  return createCaller(at, name, await at.mint({ server: name, subject }));
}

/** Every way to name a session. */
const uses: [string, (caller: Caller, session: Headers) => Promise<HttpAnswer>][] = [
  ["a request", (caller, session) => caller.post({ id: 7, method: "tools/list" }, session)],
  ["a notification", (caller, session) => caller.post({ method: "notifications/roots/list_changed" }, session)],
  ["an answer", (caller, session) => caller.post({ id: "made up", result: {} }, session)],
  ["GET", (caller, session) => caller.send("GET", { headers: session })],
  ["GET that resumes", (caller, session) => caller.send("GET", { headers: { ...session, "last-event-id": "1" } })],
  ["DELETE", (caller, session) => caller.send("DELETE", { headers: session })],
];

/** The gateway has nothing but this to say of a session it does not serve, whatever the reason. */
async function expectGone(answer: HttpAnswer, reason: string, at = gateway): Promise<void> {
  expect(answer.status).toBe(404);
  expect(answer.session).toBeUndefined();
  expect(answer.message).toMatchObject({
    error: { code: 404, message: "Session not found; start a new one with initialize.", data: { reason } },
  });
  const record = (await readAudit(at)).find(({ id }) => id === answer.requestId);
  expect(record).toMatchObject({ decision: { reason }, outcome: { http: 404 } });
}

describe.each(uses)("a session that %s names", (_use, use) => {
  const version = { "mcp-protocol-version": "2025-11-25" };
  const changeEnd = (id: string) => id.slice(0, -1) + (id.endsWith("A") ? "B" : "A");

  it("is not found where nobody began it", async () => {
    const session = await ada.begin();
    const id = String(session["mcp-session-id"]);
    const forwarded = server.requests.length;
    const ids = ["made-up", "session-of-the-server-1", id.slice(0, -1), `${id}A`, changeEnd(id), id.toLowerCase()];
    for (const wrong of ids) {
      await expectGone(await use(ada, { ...version, "mcp-session-id": wrong }), "session_unknown");
    }
    expect(server.requests).toHaveLength(forwarded);
  });

  it("is not found by anybody else, nor at another server", async () => {
    const session = await ada.begin();
    const forwarded = server.requests.length;
    for (const caller of [bob, elsewhere]) await expectGone(await use(caller, session), "session_foreign");
    expect(server.requests).toHaveLength(forwarded);
    expect((await ada.post({ id: 1, method: "ping" }, session)).status).toBe(200);
  });

  it("is not found after its end, though the server would still serve it", async () => {
    const session = await ada.begin();
    expect((await ada.send("DELETE", { headers: session })).status).toBe(200);
    const forwarded = server.requests.length;
    await expectGone(await use(ada, session), "session_revoked");
    expect(server.requests).toHaveLength(forwarded);
    const next = await ada.begin();
    expect((await ada.post({ id: 1, method: "ping" }, next)).status).toBe(200);
  });
});

it("a session of another caller is not ended by a DELETE that is refused", async () => {
  const session = await ada.begin();
  await expectGone(await bob.send("DELETE", { headers: session }), "session_foreign");
  expect((await ada.post({ id: 1, method: "ping" }, session)).status).toBe(200);
});

it("a session that is ended leaves that of another caller, though the server calls them the same", async () => {
  const { client, gateway } = await set({
    handler: (request, body, response) =>
      request.method === "DELETE" ? void response.writeHead(204).end() : withSessions(request, body, response),
  });
  const other = await createClient(gateway, "alpha", await gateway.mint({ server: "alpha", subject: "mallory" }));
  onTestFinished(() => other.close());
  const begin = async (from: typeof client) => ({ "mcp-session-id": (await from.post(initialize)).session ?? "" });
  const [own, others] = [await begin(client), await begin(other)];
  expect(await other.send("DELETE", { headers: others })).toMatchObject({ status: 204 });
  expect(await other.post({ id: 1, method: "ping" }, others)).toMatchObject({ status: 404 });
  expect(await client.post({ id: 1, method: "tools/list" }, own)).toMatchObject({ status: 200 });
});

it("a session that is ended leaves the caller's next one, though the server calls it the same", async () => {
  const { client } = await set({
    handler: (request, body, response) =>
      request.method === "DELETE" ? void response.writeHead(204).end() : withSessions(request, body, response),
  });
  const begin = async () => ({ "mcp-session-id": (await client.post(initialize)).session ?? "" });
  const first = await begin();
  expect(await client.send("DELETE", { headers: first })).toMatchObject({ status: 204 });
  const next = await begin();
  expect(await client.post({ id: 1, method: "tools/list" }, next)).toMatchObject({ status: 200 });
  expect(await client.post({ id: 2, method: "ping" }, first)).toMatchObject({ status: 404 });
});

it("a session ends its own streams with it", async () => {
  const session = await ada.begin();
  const stream = await ada.follow(session);
  onTestFinished(() => stream.leave());
  await until("the stream at the server", () => server.streams > 0);
  expect((await ada.send("DELETE", { headers: session })).status).toBe(200);
  server.announce("notifications/message", { level: "info", data: "to nobody" });
  await until("the end of the stream", () => stream.ended);
  expect(stream.messages).toEqual([]);
});

const plenty = { requests: 1_000_000_000 };

it("a session that is older than sessions may be is not found", async () => {
  const own = await startGateway({
    servers: { alpha: server.url },
    // It is asked as often as it takes.
    configOverrides: { sessions: { lifetime: "5s" }, limits: { address: plenty, identity: plenty } },
  });
  onTestFinished(async () => void (await own.stop()));
  const caller = await enter(own, "ada");
  onTestFinished(() => caller.close());
  const session = await caller.begin();
  const answer = await until("the end of its life", async () => {
    const { status, ...rest } = await caller.post({ id: 1, method: "ping" }, session);
    return status === 404 ? { status, ...rest } : undefined;
  });
  await expectGone(answer, "session_expired", own);
  for (const [, use] of uses) expect((await use(caller, session)).status).toBe(404);
});

/** The official server, in a process that the test can end; it comes back by itself at the same place. */
async function startMortal() {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-mortal-"));
  const bearer = "bearer-of-the-mortal";
  const options = { logFile: join(directory, "log"), bearer, report: () => {}, pausesMs: [0] };
  const everything = await startEverything(options);
  onTestFinished(async () => {
    await everything.stop();
    await rm(directory, { recursive: true, force: true });
  });
  return {
    entry: { url: everything.url, credentials: { bearer } },
    /** Kills it, and waits until it is back and has forgotten all sessions. */
    async restart() {
      const before = everything.pid();
      process.kill(before ?? expect.fail("it has no process"), "SIGKILL");
      const ping = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
      const headers = {
        authorization: `Bearer ${bearer}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-session-id": "anything",
      };
      await until("the server to be back", async () => {
        const answer = await fetch(everything.url, { method: "POST", headers, body: ping }).catch(() => undefined);
        return everything.pid() !== before && answer?.status === 400;
      });
    },
  };
}

describe("a server that has forgotten its sessions, and says so in its own words", () => {
  it("makes them end, whichever way they are named, and new ones begin", async () => {
    const mortal = await startMortal();
    const own = await startGateway({ servers: { alpha: mortal.entry } });
    onTestFinished(async () => void (await own.stop()));
    const caller = await enter(own, "ada");
    onTestFinished(() => caller.close());
    const session = await caller.begin();
    expect((await caller.post({ id: 1, method: "tools/list" }, session)).status).toBe(200);
    await mortal.restart();

    const named = uses.filter(([use]) => use !== "an answer" && use !== "GET that resumes");
    const statuses: [string, number, unknown][] = [];
    for (const [use, send] of named) {
      const { status, requestId } = await send(caller, session);
      const record = (await readAudit(own)).find(({ id }) => id === requestId);
      statuses.push([use, status, record?.decision.reason]);
    }
    // The server forgot it, so that is what its end comes to as well.
    expect(statuses).toEqual(named.map(([use]) => [use, 404, "session_unknown"]));
    const next = await caller.begin();
    expect((await caller.post({ id: 1, method: "tools/list" }, next)).status).toBe(200);
  });

  it("lets the client of SDK v1 begin again", async () => {
    const mortal = await startMortal();
    const own = await startGateway({ servers: { alpha: mortal.entry } });
    onTestFinished(async () => void (await own.stop()));
    const token = await own.mint({ server: "alpha" });
    const http = await trustGateway(own);
    onTestFinished(() => http.close());
    const connect = async () => {
      const transport = new StreamableHTTPClientTransport(new URL(`${own.publicUrl}/alpha/mcp`), {
        fetch: http.fetch,
        requestInit: { headers: { authorization: `Bearer ${token}` } },
      });
      const client = new Client({ name: "e2e", version: "1" });
      onTestFinished(() => client.close());
      // The SDK's own types disagree about undefined under exactOptionalPropertyTypes.
      await client.connect(transport as Parameters<Client["connect"]>[0]);
      return { client, session: transport.sessionId };
    };
    const echo = { name: "echo", arguments: { message: "hello" } };
    const first = await connect();
    expect(await first.client.callTool(echo)).toMatchObject({ content: [{ text: "Echo: hello" }] });
    await mortal.restart();
    // What the SDK tells its user by, that there is a session to begin (2025-11-25, Session Management).
    await expect(first.client.callTool(echo)).rejects.toMatchObject({ code: 404 });
    await first.client.close();
    const second = await connect();
    expect(second.session).not.toBe(first.session);
    expect(await second.client.callTool(echo)).toMatchObject({ content: [{ text: "Echo: hello" }] });
  });
});
