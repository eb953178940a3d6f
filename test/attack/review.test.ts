/** What an attacker's reading of the gateway found, each held by a real process: memory, places, streams, reloads, headers. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request as askPlainly, type IncomingMessage } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { toolCall } from "../e2e/http.ts";
import { connect, reloads, replaceFile, type Setting, type SettingOptions, set } from "../e2e/setting.ts";
import type { Gateway } from "../fixtures/gateway.ts";
import { permissivePolicy } from "../fixtures/gateway.ts";
import { answerMinimally, type RecorderHandler } from "../fixtures/recorder.ts";
import { readAudit } from "../golden/observe.ts";
import { until } from "./until.ts";

const modern = "2026-07-28";
const legacyHeaders = { "mcp-protocol-version": "2025-11-25" };

/** A request of the stateless revision, with its mirrors. */
function statelessly(method: string, params: object, headers: Readonly<Record<string, string>> = {}): Ask {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": modern,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  return {
    verb: "POST",
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta } }),
    headers: { "mcp-protocol-version": modern, "mcp-method": method, ...headers },
  };
}

const subscribe = (uris: readonly string[]) =>
  statelessly("subscriptions/listen", { notifications: { resourceSubscriptions: uris } });

interface Ask {
  readonly verb: "GET" | "POST";
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a request on a connection of its own, and gives its answer unread: what nobody reads piles up on the way. */
async function open(gateway: Gateway, token: string, { verb, body, headers }: Ask): Promise<IncomingMessage> {
  const outgoing = request(`${gateway.publicUrl}/alpha/mcp`, {
    agent: false,
    ca: await readFile(gateway.caFile),
    method: verb,
    headers: {
      authorization: `Bearer ${token}`,
      accept: verb === "GET" ? "text/event-stream" : "application/json, text/event-stream",
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
  });
  outgoing.on("error", () => {});
  onTestFinished(() => void outgoing.destroy());
  outgoing.end(body);
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  response.on("error", () => {});
  return response;
}

/** Begins an event stream and never says anything. */
const hold: RecorderHandler = (_request, _body, response) => {
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
};

/** Both kinds of streams that nobody has to end. */
const endless: readonly Ask[] = [{ verb: "GET", headers: legacyHeaders }, subscribe(["note://a"])];

function openBoth(gateway: Gateway, token: string): Promise<IncomingMessage[]> {
  return Promise.all(endless.map((ask) => open(gateway, token, ask)));
}

/** Reads a stream to its end, which only the gateway can bring about. */
async function ends(stream: IncomingMessage): Promise<void> {
  stream.resume();
  await until("the end of the stream", () => stream.closed);
}

const plenty = { requests: 100_000 };

describe("bodies in chunks of one byte", () => {
  const inFlight = 4;
  const bytesEach = 512 * 1024;
  const crumbs = Buffer.alloc(bytesEach * 6, "1\r\n \r\n");
  const lastChunks = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;

  /** With a heap in which a few million small objects have no room. */
  async function setNarrow(options: SettingOptions = {}): Promise<Setting> {
    vi.stubEnv("NODE_OPTIONS", "--max-old-space-size=128");
    try {
      return await set(options);
    } finally {
      vi.unstubAllEnvs();
    }
  }

  it("of clients take the memory of their bytes, not more", async () => {
    const { gateway, recorder, client, token } = await setNarrow();
    const body = JSON.stringify({ jsonrpc: "2.0", ...toolCall(1) });
    const head = [
      "POST /alpha/mcp HTTP/1.1",
      "Host: localhost",
      `Authorization: Bearer ${token}`,
      "Content-Type: application/json",
      "Transfer-Encoding: chunked",
    ];
    const wires = await Promise.all(Array.from({ length: inFlight }, () => connect(gateway)));
    await Promise.all(wires.map((wire) => wire.say(`${head.join("\r\n")}\r\n\r\n`)));
    // The end of none is sent before all the rest of all is.
    await Promise.all(wires.map((wire) => wire.say(crumbs)));
    for (const wire of wires) void wire.say(lastChunks(body));
    const answers = await Promise.all(wires.map((wire) => wire.hear()));
    expect(answers.map(({ status }) => status)).toEqual(Array(inFlight).fill(200));
    expect(recorder.requests.map(({ body: { length } }) => length)).toEqual(
      Array(inFlight).fill(bytesEach + body.length),
    );
    expect((await client.post(toolCall(2))).message).toMatchObject({ id: 2, result: {} });
  });

  it("of servers take the memory of their bytes, not more", async () => {
    const { client } = await setNarrow({
      connections: inFlight,
      handler(incoming, body, response) {
        const { id, params } = JSON.parse(String(body));
        if (params.name === "echo") return answerMinimally(incoming, body, response);
        const answer = JSON.stringify({ jsonrpc: "2.0", id, result: { content: [] } });
        const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        response.socket?.write(head);
        response.socket?.write(crumbs);
        response.socket?.end(lastChunks(answer));
      },
    });
    const answers = await Promise.all(
      Array.from({ length: inFlight }, (_, id) => client.post(toolCall(id, "crumble"))),
    );
    expect(answers.map(({ message }) => message.result)).toEqual(Array(inFlight).fill({ content: [] }));
    expect((await client.post(toolCall(9))).message).toMatchObject({ id: 9, result: {} });
  });
});

describe("places of calls whose answer nobody reads", () => {
  const large = "x".repeat(8 * 1024 * 1024 - 1024);

  const answerLargely: RecorderHandler = (_request, body, response) => {
    const { id, params } = JSON.parse(String(body));
    const { as, text = "" } = { as: params.arguments.as, text: params.arguments.large === true ? large : "" };
    const answer = JSON.stringify({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text }] } });
    response.writeHead(200, { "content-type": as });
    response.end(as === "application/json" ? answer : `data: ${answer}\n\n`);
  };

  it.each<[string, string, object]>([
    ["identity_busy", "application/json", { identity: { ...plenty, concurrent: 2 } }],
    ["identity_busy", "text/event-stream", { identity: { ...plenty, concurrent: 2 } }],
    ["tool_busy", "application/json", { tools: [{ server: "alpha", tools: ["*"], ...plenty, concurrent: 2 }] }],
  ])("are held until the answer has left: %s, %s", async (reason, as, limits) => {
    const { gateway, client, token } = await set({
      handler: answerLargely,
      configOverrides: { limits: { address: plenty, identity: plenty, ...limits } },
    });
    const call = (id: number, isLarge: boolean): Ask => ({
      verb: "POST",
      body: JSON.stringify({ jsonrpc: "2.0", ...toolCall(id, "echo", { as, large: isLarge }) }),
    });
    const small = () => client.send("POST", { body: String(call(3, false).body) });
    const readers = [await open(gateway, token, call(1, true)), await open(gateway, token, call(2, true))];
    expect(readers.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    expect((await small()).message).toMatchObject({ id: 3, error: { data: { reason } } });

    await Promise.all(
      readers.map(async (reader) => {
        let length = 0;
        for await (const chunk of reader) length += (chunk as Buffer).length;
        expect(length).toBeGreaterThan(large.length);
      }),
    );
    await until("a place for the next call", async () => (await small()).message.result !== undefined);
  });
});

describe("reloads", () => {
  const nothing = permissivePolicy.replace("groups: [all]", "groups: [nobody]");
  const policyFile = ({ directory }: Gateway) => join(directory, "policies", "all.yaml");

  /** Lets everybody call one tool; so long that reading it takes a while. */
  function renderPolicy(tool: string): string {
    const others = Array.from({ length: 1_500 }, (_, index) => `      - { server: alpha, tools: [other-${index}] }\n`);
    return `version: 1
roles:
  some:
    allow:
      - { server: alpha, tools: [${tool}] }
${others.join("")}bindings:
  - { roles: [some], groups: [all] }
`;
  }

  it("a change that is made while a reload is running is not lost", async () => {
    const { gateway, client } = await set({
      policyYaml: renderPolicy("first"),
      configOverrides: { limits: { address: plenty, identity: plenty } },
    });
    for (let round = 1; round <= 4; round++) {
      const tool = `round-${round}`;
      gateway.child.kill("SIGHUP");
      for (let writes = round * 25; writes > 1; writes--) {
        await replaceFile(policyFile(gateway), renderPolicy(`write-${writes}`));
      }
      await replaceFile(policyFile(gateway), renderPolicy(tool));
      await until(`the policy that was written last in round ${round}`, async () => {
        const { message } = await client.post(toolCall(round, tool));
        return message.result !== undefined;
      });
    }
  });

  it("go on when nobody reads stderr any more", async () => {
    const { gateway, client } = await set();
    gateway.child.stderr?.destroy();
    for (let count = 1; count <= 2; count++) {
      gateway.child.kill("SIGHUP");
      await until("the reload", async () => (await reloads(gateway)).length >= count);
      expect((await client.post(toolCall(count))).message).toMatchObject({ id: count, result: {} });
    }
    expect([gateway.child.exitCode, gateway.child.signalCode]).toEqual([null, null]);
  });

  it("that leave a caller nothing end its streams", async () => {
    const { gateway, token, recorder } = await set({ handler: hold });
    const streams = await openBoth(gateway, token);
    expect(streams.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    await replaceFile(policyFile(gateway), nothing);
    gateway.child.kill("SIGHUP");
    await Promise.all(streams.map(ends));
    await until("the server to hear of it", () => recorder.requests.every(({ aborted }) => aborted));
  });

  it("that leave a caller nothing end streams as well whose server had not answered yet", async () => {
    const release = Promise.withResolvers<void>();
    const { gateway, token, recorder } = await set({
      async handler(...exchange) {
        await release.promise;
        await hold(...exchange);
      },
    });
    const opening = openBoth(gateway, token);
    await until("both to be asked for", () => recorder.requests.length === endless.length);
    await replaceFile(policyFile(gateway), nothing);
    gateway.child.kill("SIGHUP");
    await until("the reload", async () => (await reloads(gateway)).length > 0);
    release.resolve();
    await Promise.all((await opening).map(ends));
  });
});

describe("endless streams", () => {
  it("end when the token expires that they were opened with, and not before", async () => {
    const { gateway, token, recorder } = await set({
      handler: hold,
      configOverrides: { identity: { clockSkew: "0s" } },
    });
    const lasting = await openBoth(gateway, token);
    const short = await gateway.mint({ server: "alpha", ttl: "10s" });
    const streams = await openBoth(gateway, short);
    expect(streams.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    for (const stream of lasting) stream.resume();
    await Promise.all(streams.map(ends));
    await until("the server to hear of it", () => recorder.requests.filter(({ aborted }) => aborted).length === 2);
    expect(lasting.map(({ closed }) => closed)).toEqual([false, false]);
    expect((await open(gateway, short, { verb: "GET" })).statusCode).toBe(401);
  });

  it("take 256 subscriptions and no more, and are on record with all of them", async () => {
    const { gateway, token, recorder } = await set({ handler: hold });
    const uris = Array.from({ length: 257 }, (_, index) => `note://${index}`);
    const refused = await open(gateway, token, subscribe(uris));
    expect(refused.statusCode).toBe(400);
    expect(JSON.parse((await refused.toArray()).join(""))).toMatchObject({
      id: 1,
      error: { code: -32602, data: { reason: "params_invalid" } },
    });
    expect(recorder.requests).toHaveLength(0);

    expect((await open(gateway, token, subscribe(uris.slice(1)))).statusCode).toBe(200);
    expect((await open(gateway, token, subscribe(["note://first", "note://payroll"]))).statusCode).toBe(200);
    const records = (await readAudit(gateway)).filter(({ server }) => server === "alpha");
    expect(records.map(({ decision: { reason } }) => reason)).toEqual(["params_invalid", null, null]);
    const view = { resourceSubscriptions: ["note://first", "note://payroll"] };
    expect(records.at(-1)?.args).toMatchObject({ digest: expect.any(String), view });
  });

  it("carry no event ids in the stateless revision, which has no use for them", async () => {
    const { gateway, token } = await set({
      handler(_request, _body, response) {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write('id: e1\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n');
        response.write("id: e2\ndata:\n\nid: e3\n\n");
        response.end('id: e4\ndata: {"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[]}}\n\n');
      },
    });
    const call = statelessly("tools/call", { name: "echo" }, { "mcp-name": "echo" });
    for (const ask of [subscribe(["note://a"]), call]) {
      const text = (await (await open(gateway, token, ask)).toArray()).join("");
      expect(text).toContain("notifications/message");
      expect(text).toContain('"id":1');
      expect(text).not.toMatch(/^id/m);
    }
  });
});

it("headers that mirror a body reach a server only where they were compared with one", async () => {
  const { gateway, token, recorder } = await set();
  const mirrors = { "mcp-method": "tools/list", "mcp-name": "drop", "mcp-param-region": "eu" };
  const post = (message: object): Ask => ({
    verb: "POST",
    body: JSON.stringify({ jsonrpc: "2.0", ...message }),
    headers: { ...legacyHeaders, ...mirrors },
  });
  const asks: [Ask, readonly string[]][] = [
    [post(toolCall(1)), []],
    [post({ method: "notifications/initialized" }), []],
    [{ verb: "GET", headers: { ...legacyHeaders, ...mirrors } }, []],
    [
      statelessly("tools/call", { name: "echo" }, { "mcp-name": "echo", "mcp-param-region": "eu" }),
      ["mcp-method", "mcp-name", "mcp-param-region"],
    ],
  ];
  for (const [ask, expected] of asks) {
    await open(gateway, token, ask);
    const { rawHeaders = [] } = recorder.requests.at(-1) ?? {};
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(names).toContain("mcp-protocol-version");
    expect(names.filter((name) => /^mcp-(?:method|name|param)/.test(name)).sort()).toEqual(expected);
  }
  expect(recorder.requests).toHaveLength(asks.length);
});

it("the admin listener on a loopback address answers to loopback names only", async () => {
  const { gateway } = await set();
  const { hostname, port } = new URL(gateway.adminUrl);
  async function status(host: string, path: string): Promise<number | undefined> {
    const outgoing = askPlainly({ hostname, port, path, headers: { host } }).end();
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  }
  const paths = ["/livez", "/readyz", "/healthz", "/metrics"];
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, "localhost", `[::1]:${port}`]) {
    expect(await Promise.all(paths.map((path) => status(host, path))), host).toEqual(paths.map(() => 200));
  }
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
  ]) {
    expect(await Promise.all(paths.map((path) => status(host, path))), host).toEqual(paths.map(() => 421));
  }
});
