import {
  Client as StatelessClient,
  StreamableHTTPClientTransport as StatelessTransport,
} from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type EraName, type EraOptions, type EraServer, startEraServer } from "../fixtures/eras-server.ts";
import { findFreePort, type Gateway, type GatewayOptions, startGateway } from "../fixtures/gateway.ts";
import { merge } from "../fixtures/mapping.ts";
import { type Caller, createCaller } from "../fixtures/scripted-caller.ts";
import { startSubject } from "../fixtures/start.ts";
import { readAudit, until } from "../golden/observe.ts";
import { type HttpAnswer, initialize } from "./http.ts";
import { trustGateway } from "./sdk.ts";
import { patient } from "./setting.ts";

interface Scene {
  readonly gateway: Gateway;
  readonly caller: Caller;
  readonly token: string;
}

/** For all tests of a block: none of them changes what the gateway knows of the server. */
function share(era: EraName): () => Scene & { server: EraServer } {
  let shared: Scene & { server: EraServer };
  beforeAll(async () => {
    const server = await startEraServer(era);
    shared = { server, ...(await openScene(server.url)) };
  });
  afterAll(async () => {
    await shared.caller.close();
    await shared.gateway.stop();
    await shared.server.stop();
  });
  return () => shared;
}

async function start(era: EraName, options?: EraOptions): Promise<EraServer> {
  const server = await startEraServer(era, options);
  onTestFinished(() => server.stop().catch(() => {}));
  return server;
}

async function setScene(url: string, overrides?: GatewayOptions["configOverrides"]): Promise<Scene> {
  const scene = await openScene(url, overrides);
  onTestFinished(async () => void (await scene.gateway.stop()));
  onTestFinished(() => scene.caller.close());
  return scene;
}

async function openScene(url: string, configOverrides: GatewayOptions["configOverrides"] = {}): Promise<Scene> {
  const gateway = await startGateway({ servers: { alpha: url }, configOverrides: merge(patient, configOverrides) });
  const token = await gateway.mint({ server: "alpha" });
  return { gateway, token, caller: await createCaller(gateway, "alpha", token) };
}

/** What an SDK client needs to get through. */
async function dial({ gateway, token }: Scene) {
  const http = await trustGateway(gateway);
  onTestFinished(() => http.close());
  const url = new URL(`${gateway.publicUrl}/alpha/mcp`);
  return { url, options: { fetch: http.fetch, requestInit: { headers: { authorization: `Bearer ${token}` } } } };
}

function callEra(caller: Caller): Promise<HttpAnswer> {
  return caller.ask("tools/call", { name: "era", arguments: {} });
}

function reasonOf({ message }: HttpAnswer): string | undefined {
  return (message.error as { data?: { reason?: string } } | undefined)?.data?.reason;
}

const modernCodes = [-32_020, -32_021, -32_022];

describe("a stateless request at a server that knows only sessions", () => {
  const scene = share("legacy");

  it.each<[string, object]>([
    ["server/discover", {}],
    ["tools/list", {}],
    ["tools/call", { name: "era", arguments: {} }],
    ["resources/read", { uri: "test://one" }],
    ["subscriptions/listen", { notifications: { toolsListChanged: true } }],
  ])("does not reach it: %s", async (method, params) => {
    const { caller, gateway, server } = scene();
    const before = server.methods.length;
    const answer = await caller.ask(method, params);
    expect(answer.status).toBe(400);
    expect(answer.message).toMatchObject({
      id: expect.any(Number),
      error: { message: expect.stringContaining("begin with initialize"), data: { reason: "era_legacy" } },
    });
    const { code } = answer.message.error as { code: number };
    expect(modernCodes).not.toContain(code);
    expect(server.methods).toHaveLength(before);
    const record = (await readAudit(gateway)).find(({ id }) => id === answer.requestId);
    expect(record).toMatchObject({
      era: "modern",
      method,
      decision: { effect: "allow", reason: "era_legacy" },
      outcome: { http: 400, upstream: null },
    });
  });

  it("lets the client of SDK v2 fall back to a session, and work", async () => {
    const { server } = scene();
    const before = server.methods.length;
    const { url, options } = await dial(scene());
    const client = new StatelessClient({ name: "e2e", version: "1" }, { versionNegotiation: { mode: "auto" } });
    await client.connect(new StatelessTransport(url, options));
    onTestFinished(() => client.close());
    expect(client.getNegotiatedProtocolVersion()).toBe("2025-11-25");
    expect(await client.callTool({ name: "era", arguments: {} })).toMatchObject({ content: [{ text: "legacy" }] });
    expect(server.methods.slice(before)).not.toContain("server/discover");
  });

  it("tells the client of SDK v2 that may not fall back", async () => {
    const { server } = scene();
    const before = server.methods.length;
    const { url, options } = await dial(scene());
    const pinned = { versionNegotiation: { mode: { pin: "2026-07-28" } } } as const;
    const client = new StatelessClient({ name: "e2e", version: "1" }, pinned);
    onTestFinished(() => client.close());
    await expect(client.connect(new StatelessTransport(url, options))).rejects.toThrow();
    expect(server.methods).toHaveLength(before);
  });
});

describe("a session at a server that knows only stateless requests", () => {
  const scene = share("modern");

  it("is refused with what the server speaks", async () => {
    const { caller, gateway, server } = scene();
    const answer = await caller.post(initialize);
    expect(answer).toMatchObject({
      status: 400,
      session: undefined,
      message: {
        id: 0,
        error: {
          code: -32_022,
          message: expect.stringContaining("2026-07-28"),
          data: { reason: "era_modern", supported: ["2026-07-28"] },
        },
      },
    });
    const record = (await readAudit(gateway)).find(({ id }) => id === answer.requestId);
    expect(record).toMatchObject({
      era: "legacy",
      method: "initialize",
      decision: { reason: "era_modern" },
      outcome: { http: 400, rpc: -32_022 },
    });
    expect(reasonOf(await callEra(caller))).toBeUndefined();
    expect(server.probes).toBe(1);
  });

  it("tells the client of SDK v1 why it cannot connect", async () => {
    const { url, options } = await dial(scene());
    const client = new Client({ name: "e2e", version: "1" });
    const transport = new StreamableHTTPClientTransport(url, options);
    onTestFinished(() => client.close());
    // The SDK's own types disagree about undefined under exactOptionalPropertyTypes.
    const connecting = client.connect(transport as Parameters<Client["connect"]>[0]);
    await expect(connecting).rejects.toThrow("This server speaks MCP 2026-07-28 or later only");
  });

  it("is no matter for the client of SDK v2, which stays without one", async () => {
    const before = scene().server.methods.length;
    const { url, options } = await dial(scene());
    const client = new StatelessClient({ name: "e2e", version: "1" }, { versionNegotiation: { mode: "auto" } });
    await client.connect(new StatelessTransport(url, options));
    onTestFinished(() => client.close());
    expect(await client.callTool({ name: "era", arguments: {} })).toMatchObject({ content: [{ text: "modern" }] });
    expect(scene().server.methods.slice(before)).not.toContain("initialize");
  });
});

it("a server that knows both refuses what it will not begin a second time in its own words", async () => {
  const subject = await startSubject();
  onTestFinished(() => subject.stop());
  const { caller } = await setScene(subject.url);
  const again = await caller.post(initialize, await caller.begin());
  expect(again).toMatchObject({ status: 400, message: { error: { code: -32_600 } } });
  expect(reasonOf(again)).toBeUndefined();
});

describe("what a server speaks", () => {
  it("is asked once, however many wait for the answer", async () => {
    const waiting = 10;
    const release = Promise.withResolvers<void>();
    const server = await start("modern", { holdProbes: release.promise });
    const { caller } = await setScene(server.url, { limits: { identity: { concurrent: waiting } } });
    const isBusy = (answer: HttpAnswer) => reasonOf(answer) === "identity_busy";
    // The question whether there is a place left takes one itself.
    const enter = async (): Promise<HttpAnswer> => {
      const answer = await callEra(caller);
      return isBusy(answer) ? enter() : answer;
    };
    const calls = Array.from({ length: waiting }, enter);
    // A request of the older kind does not wait for the answer.
    await until("all of them to be in", async () => isBusy(await caller.post({ id: "one more", method: "ping" })));
    expect(server.methods.filter((method) => method === "tools/call")).toEqual([]);
    release.resolve();
    for (const answer of await Promise.all(calls)) {
      expect(answer.message).toMatchObject({ result: { content: [{ text: "modern" }] } });
    }
    await callEra(caller);
    expect(server.probes).toBe(1);
  });

  it("is not asked for the sake of those who have sessions", async () => {
    const server = await start("legacy");
    const { caller } = await setScene(server.url);
    const session = await caller.begin();
    expect((await caller.post({ id: 1, method: "tools/list" }, session)).status).toBe(200);
    expect(server.probes).toBe(0);
  });

  it("is asked again where the server was away at first", async () => {
    const port = await findFreePort();
    const { caller } = await setScene(`http://127.0.0.1:${port}/mcp`);
    expect(reasonOf(await callEra(caller))).toBe("upstream_unreachable");
    const server = await start("legacy", { port });
    await until("the server to be known", async () => reasonOf(await callEra(caller)) === "era_legacy");
    expect(server.probes).toBe(1);
  });
});

describe("a server that is replaced at the same place", () => {
  it("by one that knows only sessions is found out", async () => {
    const modern = await start("modern");
    const { caller } = await setScene(modern.url);
    expect((await callEra(caller)).message).toMatchObject({ result: { content: [{ text: "modern" }] } });
    await modern.stop();
    const legacy = await start("legacy", { port: modern.port });
    await until("the gateway to notice", async () => reasonOf(await callEra(caller)) === "era_legacy");
    expect(legacy.probes).toBe(1);
    const session = await caller.begin();
    const call = { id: 1, method: "tools/call", params: { name: "era", arguments: {} } };
    expect((await caller.post(call, session)).message).toMatchObject({ result: { content: [{ text: "legacy" }] } });
  });

  it("by one that knows only stateless requests is found out when a call has shown that it was away", async () => {
    const legacy = await start("legacy");
    const { caller } = await setScene(legacy.url);
    expect(reasonOf(await callEra(caller))).toBe("era_legacy");
    const session = await caller.begin();
    await legacy.stop();
    expect(reasonOf(await caller.post({ id: 1, method: "ping" }, session))).toBe("upstream_unreachable");
    const modern = await start("modern", { port: legacy.port });
    expect((await callEra(caller)).message).toMatchObject({ result: { content: [{ text: "modern" }] } });
    expect(modern.probes).toBe(1);
  });

  it("by one that knows only stateless requests is found out by a client that wants to begin a session", async () => {
    const legacy = await start("legacy");
    const { caller } = await setScene(legacy.url);
    expect(reasonOf(await callEra(caller))).toBe("era_legacy");
    await legacy.stop();
    const modern = await start("modern", { port: legacy.port });
    const refused = await caller.post(initialize);
    expect(refused.message).toMatchObject({ error: { code: -32_022, data: { supported: ["2026-07-28"] } } });
    expect(reasonOf(refused)).toBe("era_modern");
    expect((await callEra(caller)).message).toMatchObject({ result: { content: [{ text: "modern" }] } });
    expect(modern.probes).toBe(1);
  });
});
