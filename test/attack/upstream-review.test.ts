/** What a hostile server still gets away with: each of these describes how it ought to be. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { DenialCode } from "../../src/denial.ts";
import { readAudit } from "../golden/observe.ts";
import { callTool, pour, type RawScene, startRawScene } from "./hostile.ts";
import type { RawHandler } from "./rawUpstream.ts";
import { byJson, byStream, refusal, type Way, witness } from "./witness.ts";

let scene: RawScene;
beforeAll(async () => {
  scene = await startRawScene();
});
afterAll(() => scene?.stop());

const note = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
const answer = '{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","content":[]}}';
const [legacyCall, statelessCall, standalone, subscription] = byStream as [Way, Way, Way, Way];
const open = (type: string, more = "") => `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nConnection: close\r\n${more}`;
const begin = `${open("text/event-stream")}\r\n`;
const json = (body: string, more = "") =>
  `${open("application/json", more)}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

const finish =
  (bytes: string | Buffer): RawHandler =>
  (socket) =>
    void socket.end(bytes);
const say =
  (bytes: string | Buffer): RawHandler =>
  (socket) =>
    void socket.write(bytes);

describe("a stream that ends without its answer, and cannot be taken up again", () => {
  it.each<[string, Way, string]>([
    ["because its revision knows no resumption", statelessCall, `id: 1\ndata: ${note}\n\n`],
    ["because its last id is empty", legacyCall, `id: 1\ndata: ${note}\n\nid:\ndata: ${note}\n\n`],
  ])("is refused: %s", async (_case, way, events) => {
    scene.behave(finish(begin + events));
    const { client, records, counted } = await witness(scene, way.ask);
    expect(client.messages.at(-1)).toEqual(refusal("upstream_closed", client, 7));
    expect(records).toMatchObject([{ decision: { reason: "upstream_closed" } }]);
    expect(counted).toEqual({ upstream_closed: 1 });
  });
});

it.each([legacyCall, statelessCall])("an answer as an event of another type answers nobody: $name", async (way) => {
  // Clients read events of the type `message` only, so this one would wait for ever.
  scene.behave(finish(`${begin}event: other\ndata: ${answer}\n\n`));
  const { client, records } = await witness(scene, way.ask);
  expect(client.messages).toEqual([refusal("upstream_closed", client, 7)]);
  expect(records).toMatchObject([{ decision: { reason: "upstream_closed" } }]);
});

describe("what came whole before bytes that are no UTF-8 reaches the client, however the stream is cut", () => {
  it("a notification", async () => {
    scene.behave(say(Buffer.concat([Buffer.from(`${begin}data: ${note}\n\n`), Buffer.from("\xff\n\n", "latin1")])));
    const { client } = await witness(scene, legacyCall.ask);
    expect(client.messages).toEqual([JSON.parse(note), refusal("upstream_malformed", client, 7)]);
  });

  it("an answer", async () => {
    scene.behave(say(Buffer.concat([Buffer.from(`${begin}data: ${answer}\n\n`), Buffer.of(0xff)])));
    expect((await witness(scene, legacyCall.ask)).client.messages).toEqual([JSON.parse(answer)]);
  });
});

describe.each([standalone, subscription])("$name that the server spoils", (way) => {
  it.each<[string, DenialCode, string]>([
    ["with JSON that is none", "upstream_malformed", "data: {\n\n"],
    ["with an event above the cap", "upstream_too_large", `data: ${"x".repeat(70_000)}`],
  ])("%s is on record and counted as %s", async (_case, reason, events) => {
    scene.behave(say(begin + events));
    const { end, counted } = await witness(scene, way.ask);
    expect(end).toMatchObject({ event: "stream_failure", decision: { reason } });
    expect(counted).toEqual({ [reason]: 1 });
  });
});

it.each<[string, DenialCode, string]>([
  ["an error page", "upstream_refused", "HTTP/1.1 500 Oops\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"],
  ["JSON that is none", "upstream_malformed", json("{")],
])("the record of a refused answer names the status of the server: %s", async (_case, reason, bytes) => {
  scene.behave(finish(bytes));
  const { records } = await witness(scene, byJson.ask);
  const upstream = Number(bytes.split(" ")[1]);
  expect(records).toMatchObject([{ decision: { reason }, outcome: { upstream } }]);
});

it("a request of the server that is refused is counted", async () => {
  const request = '{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}';
  scene.behave((socket, { body }) => {
    if (body.includes('"error"')) return void socket.end("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    socket.end(`${begin}data: ${request}\n\ndata: ${answer}\n\n`);
  });
  expect((await witness(scene, legacyCall.ask)).counted).toEqual({ client_request_denied: 1 });
});

it("a server cannot fill the disk with requests that are refused", async () => {
  const count = 20_000;
  scene.behave(async (socket, { body }) => {
    if (body.includes('"error"')) return void socket.end("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    const request = `data: {"jsonrpc":"2.0","id":1,"method":"x"}\n\n`;
    socket.end(`${begin}${request.repeat(count)}data: ${answer}\n\n`);
  });
  const before = (await readAudit(scene.gateway)).length;
  await witness(scene, legacyCall.ask);
  expect((await readAudit(scene.gateway)).length - before).toBeLessThan(count / 4);
});

it("interim answers without end do not keep a call waiting", async () => {
  let poured = 0;
  scene.behave((socket) =>
    pour(socket, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(1_000), (length) => {
      poured += length;
      // Far more than the time for a first byte has room for; a connection that is gone counts as an end as well.
      if (poured > 192 * 1_048_576) socket.destroy();
    }),
  );
  const { client } = await witness(scene, byJson.ask);
  expect(client.reason).toBe("upstream_malformed");
});

it("a head with status 000 is no answer", async () => {
  scene.behave(finish(json(answer).replace("200 OK", "000 No")));
  expect((await witness(scene, byJson.ask)).client.reason).toBe("upstream_reset");
});

describe("session ids", () => {
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "initialize", params });
  const initialized = `{"jsonrpc":"2.0","id":7,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"x","version":"1"}}}`;

  it.each<[string, string]>([
    ["two of them", "Mcp-Session-Id: a\r\nMcp-Session-Id: b\r\n"],
    ["an empty one", "Mcp-Session-Id:\r\n"],
    ["one with a space", "Mcp-Session-Id: a b\r\n"],
    ["one beyond ASCII", "Mcp-Session-Id: caf\xc3\xa9\r\n"],
    ["one of 10,000 characters", `Mcp-Session-Id: ${"x".repeat(10_000)}\r\n`],
    ["one of 15,000 characters", `Mcp-Session-Id: ${"x".repeat(15_000)}\r\n`],
  ])("that no client could send back are refused: %s", async (_case, headers) => {
    scene.behave(finish(Buffer.from(json(initialized, headers), "latin1")));
    const { client } = await witness(scene, { body });
    expect(client.messages).toEqual([refusal("upstream_malformed", client, 7)]);
    expect(client.headers).not.toHaveProperty("mcp-session-id");
  });

  it("may be as long as signed tokens are, which some servers use for them", async () => {
    const id = "x".repeat(2_048);
    scene.behave(finish(json(initialized, `Mcp-Session-Id: ${id}\r\n`)));
    const { headers } = await scene.send({ body });
    scene.behave(finish(json(answer)));
    await scene.send({ body: callTool(7), headers: { "mcp-session-id": String(headers["mcp-session-id"]) } });
    expect(scene.upstream.requests().at(-1)?.headers).toContainEqual(["mcp-session-id", id]);
  });
});

describe("event ids", () => {
  const sealed = async (id: string) => {
    scene.behave(finish(`${begin}id: ${id}\ndata:\n\n`));
    return /^id: (.*)$/m.exec((await scene.send({ body: callTool(7) })).text)?.[1];
  };

  it("beyond ASCII go back to the server as the bytes that they came as", async () => {
    const id = await sealed("é\u{1f511}");
    scene.behave(finish(`${begin}data: ${answer}\n\n`));
    const { messages } = await scene.send({ verb: "GET", headers: { "last-event-id": String(id) } });
    expect(messages).toEqual([JSON.parse(answer)]);
    const [, sent = ""] =
      scene.upstream
        .requests()
        .at(-1)
        ?.headers.find(([name]) => name === "last-event-id") ?? [];
    expect(Buffer.from(sent, "latin1").toString()).toBe("é\u{1f511}");
  });

  it("that are too long to come back are not given out", async () => {
    expect(await sealed("x".repeat(20_000))).toBeUndefined();
  });
});

it("a time to wait that is no number of milliseconds is not passed on as another", async () => {
  scene.behave(finish(`${begin}retry: ${"9".repeat(400)}\ndata: ${answer}\n\n`));
  expect((await scene.send({ body: callTool(7) })).text).not.toMatch(/^retry: (?!9+$)/m);
});

describe("an event in the smallest of pieces, in a heap of 128 MiB", () => {
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  const chunked = open("text/event-stream", "Transfer-Encoding: chunked\r\n");

  it.each<[string, string, string]>([
    ["lines without anything", begin, "data\n"],
    ["lines of one character", begin, "data:x\n"],
    ["chunks of two bytes", `${chunked}\r\n${chunk("data: ")}`, chunk("xy")],
  ])("takes the memory of its bytes: %s", async (_case, head, unit) => {
    vi.stubEnv("NODE_OPTIONS", "--max-old-space-size=128");
    const narrow = await startRawScene({ maxResponse: "8MiB" });
    vi.unstubAllEnvs();
    try {
      narrow.behave((socket) => {
        socket.write(head);
        return pour(socket, unit.repeat(10_000));
      });
      const gone = new Promise((resolve) =>
        narrow.gateway.child.once("exit", () => resolve("the gateway has crashed")),
      );
      const end = narrow.send(legacyCall.ask).then(({ reason }) => reason ?? gone);
      expect(await Promise.race([end, gone])).toBe("upstream_too_large");
    } finally {
      await narrow.stop();
    }
  });
});
