/** Requests of a server to the client, where the configuration allows none and where it allows one kind. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RecorderHandler } from "../fixtures/recorder.ts";
import { readAudit } from "../golden/observe.ts";
import { callTool, type Scene, startScene } from "./hostile.ts";
import { until } from "./until.ts";

/** Requests that a client of the closed scene may have in flight. */
const concurrent = 4;

let closed: Scene;
let open: Scene;
beforeAll(async () => {
  [closed, open] = await Promise.all([
    startScene({ firstByte: "20s", concurrent }),
    startScene({ clientRequests: ["elicitation"] }),
  ]);
});
afterAll(async () => {
  await Promise.all([closed?.stop(), open?.stop()]);
});

const answer = { jsonrpc: "2.0", id: 7, result: { content: [] } };
const event = (text: string) => `data: ${text}\n\n`;
const isAnswerOfClient = (body: Buffer) => /"(?:error|result)"/.test(body.toString());

/** Sends `texts` as events, then the answer, and takes what comes back for them. */
const tell =
  (...texts: string[]): RecorderHandler =>
  (_request, body, response) => {
    if (isAnswerOfClient(body)) return void response.writeHead(202).end();
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end([...texts, JSON.stringify(answer)].map(event).join(""));
  };

/** Bodies of the answers to its own requests that the server was sent. */
const answersAt = (scene: Scene, from: number) =>
  scene.upstream.requests
    .slice(from)
    .map(({ body }) => body)
    .filter(isAnswerOfClient)
    .map(String);

describe("a request that may not pass", () => {
  const ask = (idText: string, method = "sampling/createMessage") =>
    `{"jsonrpc":"2.0","id":${idText},"method":"${method}","params":{}}`;

  it.each<[string, string, string]>([
    ["sampling", ask('"s1"'), '"s1"'],
    ["elicitation", ask("1", "elicitation/create"), "1"],
    ["roots", ask("2", "roots/list"), "2"],
    ["a method nobody knows", ask('"s2"', "client/run"), '"s2"'],
    ["a method in other letters", ask('"s3"', "Sampling/createMessage"), '"s3"'],
    ["an id beyond 2^53", ask("9007199254740993"), "9007199254740993"],
    ["an id with escapes", ask('"\\u0061\\n"'), '"\\u0061\\n"'],
    ["an id without value", ask("null"), "null"],
  ])("is never seen by the client, and the server is told: %s", async (_case, request, idText) => {
    const from = closed.upstream.requests.length;
    closed.behave(tell(request));
    const result = await closed.send({ body: callTool(7) });
    expect(result.messages).toEqual([answer]);
    // It is told beside the answer, not before it.
    await until("the server was told", () => answersAt(closed, from).length > 0);
    expect(answersAt(closed, from)).toEqual([
      expect.stringContaining(`{"jsonrpc":"2.0","id":${idText},"error":{"code":-32601,`),
    ]);
  });

  it("is never seen on a standalone stream either", async () => {
    const from = closed.upstream.requests.length;
    closed.behave((request, body, response) => {
      if (request.method === "POST") return tell()(request, body, response);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(event(ask('"g1"')) + event('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'));
    });
    const result = await closed.send({ verb: "GET" });
    expect(result.messages).toEqual([{ jsonrpc: "2.0", method: "notifications/tools/list_changed" }]);
    await until("the server was told", () => answersAt(closed, from).length === 1);
  });

  it.each<[string, string]>([
    ["without an id", '{"jsonrpc":"2.0","method":"sampling/createMessage","params":{}}'],
    ["with an id that only Go's parser sees", '{"jsonrpc":"2.0","ID":5,"method":"sampling/createMessage","params":{}}'],
    [
      "with a method that only Go's parser sees",
      '{"jsonrpc":"2.0","id":5,"method":"notifications/message","METHOD":"sampling/createMessage"}',
    ],
  ])("is never seen in disguise: %s", async (_case, disguised) => {
    closed.behave(tell(disguised));
    const result = await closed.send({ body: callTool(7) });
    expect(result.text).not.toContain("sampling/createMessage");
  });

  it("is on record as refused when it comes without an id", async () => {
    closed.behave(tell('{"jsonrpc":"2.0","method":"sampling/createMessage","params":{"disguise":true}}'));
    const { headers } = await closed.send({ body: callTool(7) });
    const records = await readAudit(closed.gateway);
    const own = records.filter(({ id, event }) => id === headers["x-request-id"] && event === "server_request");
    expect(own).toMatchObject([{ method: "sampling/createMessage", decision: { effect: "deny" } }]);
  });

  it("does not keep the client from its answer when the server ignores that it was refused", async () => {
    closed.behave((_request, body, response) => {
      if (isAnswerOfClient(body)) return;
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(event(ask('"mute"')) + event(JSON.stringify(answer)));
    });
    expect((await closed.send({ body: callTool(7) })).messages).toEqual([answer]);
  });

  it("does not keep the places of clients that went away", async () => {
    let refused = 0;
    closed.behave((_request, body, response) => {
      if (isAnswerOfClient(body)) return void refused++;
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(event(ask('"mute"')));
    });
    const opened = await Promise.all(
      Array.from({ length: concurrent }, () => closed.open({ body: callTool(7), as: "other" })),
    );
    await until("the server was told each time", () => refused >= concurrent);
    for (const { abort } of opened) abort();
    closed.behave(tell());
    const call = async () => (await closed.send({ body: callTool(7), as: "other" })).reason;
    await until("a call is let through", async () => (await call()) !== "identity_busy");
  });

  it("hundreds of times does not open hundreds of connections to tell the server so", async () => {
    let pending = 0;
    closed.behave((_request, body, response) => {
      if (isAnswerOfClient(body)) return void pending++;
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (let id = 0; id < 280; id++) response.write(event(ask(String(id))));
      response.end(event(JSON.stringify(answer)));
    });
    expect((await closed.send({ body: callTool(7) })).messages).toEqual([answer]);
    // A call behind it, for which the upstream has to be reached as well.
    closed.behave(tell());
    await closed.send({ body: callTool(7) });
    expect(pending).toBeLessThanOrEqual(100);
  });

  it("does not keep the gateway from stopping when the server ignores that it was refused", async () => {
    const scene = await startScene({ firstByte: "5m" });
    try {
      let told = 0;
      scene.behave((_request, body, response) => {
        if (isAnswerOfClient(body)) return void told++;
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.end(event(ask('"mute"')) + event(JSON.stringify(answer)));
      });
      expect((await scene.send({ body: callTool(7) })).messages).toEqual([answer]);
      await until("the server was told", () => told === 1);
      // Null would mean that it had to be killed.
      expect(await scene.gateway.stop()).toBe(0);
    } finally {
      await scene.stop();
    }
  });

  it("is refused inside a result of the stateless revision", async () => {
    const inputRequests = { one: { method: "sampling/createMessage", params: {} } };
    closed.behave((_request, _body, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 7, result: { resultType: "input_required", inputRequests } }));
    });
    const version = "2026-07-28";
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": version,
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "open-one", _meta } });
    const headers = { "mcp-protocol-version": version, "mcp-method": "tools/call", "mcp-name": "open-one" };
    const result = await closed.send({ body, headers });
    expect(result.reason).toBe("client_request_denied");
    expect(result.text).not.toContain("sampling");
  });
});

describe("a request that may pass", () => {
  const ask = '{"jsonrpc":"2.0","id":9007199254740993,"method":"elicitation/create","params":{}}';

  /** Lets the server ask, and returns the id under which the client hears of it. */
  async function hearAsk(): Promise<string> {
    open.behave(tell(ask));
    const { messages } = await open.send({ body: callTool(7) });
    expect(messages.map(({ method }) => method)).toEqual(["elicitation/create", undefined]);
    return String(messages[0]?.id);
  }

  const reply = (id: unknown) => `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"action":"accept"}}`;

  it("comes back under the server's own id, exactly as it was written", async () => {
    const id = await hearAsk();
    const from = open.upstream.requests.length;
    expect((await open.send({ body: reply(id) })).status).toBe(202);
    expect(answersAt(open, from)).toEqual(['{"jsonrpc":"2.0","id":9007199254740993,"result":{"action":"accept"}}']);
  });

  it.each<[string, (id: string) => { body: string; as?: "other" }]>([
    ["by somebody else", (id) => ({ body: reply(id), as: "other" })],
    ["under an id that was made up", () => ({ body: reply("MQ.AAAA") })],
    ["under the server's own id", () => ({ body: '{"jsonrpc":"2.0","id":1,"result":{}}' })],
    [
      "under the id of another request",
      (id) => ({ body: reply(`${Buffer.from("1").toString("base64url")}.${id.split(".")[1]}`) }),
    ],
    ["under an id with something behind it", (id) => ({ body: reply(`${id}.x`) })],
    ["under an id with bits that base64 ignores", (id) => ({ body: reply(id.replace(".", "=.")) })],
  ])("cannot be answered %s", async (_case, forge) => {
    const id = await hearAsk();
    const from = open.upstream.requests.length;
    const result = await open.send(forge(id));
    expect(result.reason).toBe("answer_unasked");
    await hearAsk();
    expect(answersAt(open, from)).toEqual([]);
  });

  it("opens the way for its own kind only", async () => {
    const from = open.upstream.requests.length;
    open.behave(tell('{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}'));
    expect((await open.send({ body: callTool(7) })).messages).toEqual([answer]);
    await until("the server was told", () => answersAt(open, from).length === 1);
  });
});
