/** Lists that are filtered, against a server that writes them oddly and clients that resume what is not theirs. */
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RecorderHandler } from "../fixtures/recorder.ts";
import { type Ask, callTool, type Finished, type Scene, startScene } from "./hostile.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene?.stop());

const tool = (name: string) => `{"name":"${name}","inputSchema":{"type":"object"}}`;
const shown = tool("open-one");
const hidden = tool("closed-one");
const list = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/list" });
const answerWith = (result: string, extra = "") => `{"jsonrpc":"2.0","id":7,"result":${result}${extra}}`;
const numbered = (id: string, text: string) => `id: ${id}\ndata: ${text}\n\n`;

const say =
  (type: string, body: string): RecorderHandler =>
  (_request, _body, response) =>
    void response.writeHead(200, { "content-type": type }).end(body);

const namesIn = ({ messages }: Finished) =>
  (messages.at(-1)?.result?.tools as { name: string }[] | undefined)?.map(({ name }) => name);

describe("a list", () => {
  it.each<[string, string, (text: string) => string]>([
    ["JSON", "application/json", (text) => text],
    ["an event stream", "text/event-stream", (text) => `data: ${text}\n\n`],
  ])("shows what may be called, to each their own (%s)", async (_case, type, render) => {
    scene.behave(say(type, render(answerWith(`{"tools":[${hidden},${shown},${hidden}]}`))));
    expect(namesIn(await scene.send({ body: list, as: "some" }))).toEqual(["open-one"]);
    expect(namesIn(await scene.send({ body: list, as: "all" }))).toEqual(["closed-one", "open-one", "closed-one"]);
  });

  const odd: [string, string][] = [
    ["tools twice", answerWith(`{"tools":[${shown}],"tools":[${hidden}]}`)],
    ["tools twice, the first hidden", answerWith(`{"tools":[${hidden}],"tools":[${shown}]}`)],
    ["tools twice, one escaped", answerWith(`{"tools":[${shown}],"t\\u006fols":[${hidden}]}`)],
    ["result twice", answerWith(`{"tools":[${shown}]}`, `,"result":{"tools":[${hidden}]}`)],
    ["a name twice", answerWith(`{"tools":[{"name":"open-one","name":"closed-one"}]}`)],
    ["a name twice, one escaped", answerWith(`{"tools":[{"name":"open-one","n\\u0061me":"closed-one"}]}`)],
    ["the id twice", answerWith(`{"tools":[${hidden}]}`, ',"id":7')],
    ["no array", answerWith(`{"tools":{"0":${hidden}}}`)],
    ["no tools", answerWith(`{"list":[${hidden}]}`)],
    ["a null list", answerWith(`{"tools":null,"more":[${hidden}]}`)],
    ["an element that is a name", answerWith('{"tools":["closed-one"]}')],
    ["an element that is a list", answerWith(`{"tools":[[${hidden}]]}`)],
    ["a name that is a list", answerWith('{"tools":[{"name":["open-one"],"title":"closed-one"}]}')],
    ["a name that is spelled otherwise", answerWith(`{"tools":[${tool("Open-closed-one")}]}`)],
    ["__proto__", answerWith(`{"__proto__":{"tools":[${shown}]},"list":[${hidden}]}`)],
    ["the answer to another request", answerWith(`{"tools":[${hidden}]}`).replace("7", "8")],
    ["an answer within a batch", `[${answerWith(`{"tools":[${hidden}]}`)}]`],
    [
      "a list that a notification carries",
      `{"jsonrpc":"2.0","id":7,"method":"notifications/message","result":{"tools":[${hidden}]}}`,
    ],
  ];

  it.each(odd)("does not show more when it has %s", async (_case, text) => {
    for (const [type, body] of [
      ["application/json", text],
      ["text/event-stream", `data: ${text}\n\n`],
    ] as const) {
      scene.behave(say(type, body));
      const result = await scene.send({ body: list, as: "some" });
      expect(result.status).toBe(200);
      expect(result.text).not.toContain("closed-one");
    }
  });

  it.each<[string, string]>([
    ["TOOLS", answerWith(`{"tools":[${shown}],"TOOLS":[${hidden}]}`)],
    ["Name", answerWith('{"tools":[{"name":"open-one","Name":"closed-one"}]}')],
    ["Result", answerWith(`{"tools":[${shown}]}`, `,"Result":{"tools":[${hidden}]}`)],
  ])("does not show more to a client whose parser takes %s for the same name", async (_case, text) => {
    scene.behave(say("application/json", text));
    expect((await scene.send({ body: list, as: "some" })).text).not.toContain("closed-one");
  });

  it.each<[string, object, string]>([
    ["tools", { method: "tools/list" }, `{"tools":[${shown},${hidden}]}`],
    ["prompts", { method: "prompts/list" }, '{"prompts":[{"name":"closed-one"}]}'],
    ["resources", { method: "resources/list" }, '{"resources":[{"uri":"closed://closed-one"}]}'],
    [
      "templates",
      { method: "resources/templates/list" },
      '{"resourceTemplates":[{"uriTemplate":"closed://closed-one/{a}"}]}',
    ],
    [
      "contents",
      { method: "resources/read", params: { uri: "open://directory" } },
      '{"contents":[{"uri":"closed://closed-one","text":"x"}]}',
    ],
    [
      "messages",
      { method: "prompts/get", params: { name: "open-one" } },
      '{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"closed://closed-one"}}}]}',
    ],
    [
      "completions",
      {
        method: "completion/complete",
        params: { ref: { type: "ref/resource", uri: "open://{a}" }, argument: { name: "a", value: "" } },
      },
      '{"completion":{"values":["../closed-one"]}}',
    ],
    ["tasks", { method: "tasks/list" }, '{"tasks":[{"taskId":"closed-one"}]}'],
  ])("of %s does not come as the answer to a call that has its id", async (_case, request, result) => {
    for (const [other, type, render] of [
      [callTool(7), "text/event-stream", (text: string) => `data: ${text}\n\n`],
      [JSON.stringify({ jsonrpc: "2.0", id: 7, method: "ping" }), "application/json", (text: string) => text],
    ] as const) {
      // As servers of the SDK do, this one gives the first answer to whoever used its id last.
      const asked = Promise.withResolvers<ServerResponse>();
      scene.behave((_request, body, response) => {
        response.writeHead(200, { "content-type": type });
        if (body.equals(Buffer.from(other))) response.end(render(answerWith(result)));
        else asked.resolve(response);
      });
      const first = scene.send({ body: JSON.stringify({ jsonrpc: "2.0", id: 7, ...request }), as: "some" });
      const owed = await asked.promise;
      const second = await scene.send({ body: other, as: "some" });
      expect(second.reason).toBe("upstream_malformed");
      expect(second.text).not.toContain("closed-one");
      owed.end();
      expect((await first).text).not.toContain("closed-one");
    }
  });

  it("an update of a resource that may not be seen is not told", async () => {
    const update = (uri: string) =>
      `data: {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"${uri}"}}\n\n`;
    scene.behave(
      say(
        "text/event-stream",
        ["closed://a", "open://b", "OPEN://b/../../closed", "open:\u200b//c"].map(update).join(""),
      ),
    );
    const { messages } = await scene.send({ verb: "GET", as: "some" });
    expect(messages).toMatchObject([{ params: { uri: "open://b" } }]);
  });
});

describe("a stream that is resumed", () => {
  /** Opens a session of its own. */
  async function begin(as: NonNullable<Ask["as"]>): Promise<string> {
    scene.behave((_request, _body, response) => {
      response.writeHead(200, { "content-type": "application/json", "mcp-session-id": `raw-${as}` });
      response.end(
        answerWith('{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"x","version":"1"}}'),
      );
    });
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } };
    const { headers } = await scene.send({
      body: JSON.stringify({ jsonrpc: "2.0", id: 7, method: "initialize", params }),
      as,
    });
    return String(headers["mcp-session-id"]);
  }

  /** Sends a request whose stream breaks off after its first event, and returns the id of that event. */
  async function breakOff(body: string, ask: Omit<Ask, "body">): Promise<string> {
    scene.behave(say("text/event-stream", "id: raw-1\ndata: \n\n"));
    const { text } = await scene.send({ body, ...ask });
    const [, id = ""] = /^id: (.+)$/m.exec(text) ?? [];
    expect(id).not.toBe("");
    return id;
  }

  const resume = (id: string, ask: Ask) =>
    scene.send({ verb: "GET", ...ask, headers: { ...ask.headers, "last-event-id": id } });
  const lastRequest = () => scene.upstream.requests.at(-1);

  it("goes on where it broke off, filtered as the list it is", async () => {
    const headers = { "mcp-session-id": await begin("some") };
    const id = await breakOff(list, { as: "some", headers });
    expect(id).not.toContain("raw-1");
    scene.behave(say("text/event-stream", numbered("raw-2", answerWith(`{"tools":[${shown},${hidden}]}`))));
    expect(namesIn(await resume(id, { as: "some", headers }))).toEqual(["open-one"]);
    expect(lastRequest()?.rawHeaders.join(" ")).toContain("last-event-id raw-1");
  });

  it("with the event id of another request brings no list", async () => {
    const headers = { "mcp-session-id": await begin("some") };
    const id = await breakOff(callTool(8), { as: "some", headers });
    scene.behave(say("text/event-stream", numbered("raw-2", answerWith(`{"tools":[${hidden}]}`))));
    const result = await resume(id, { as: "some", headers });
    expect(result.text).not.toContain("closed-one");
    expect(result.reason).toBe("upstream_malformed");
  });

  it("as a stream that owes nothing brings no answer", async () => {
    const headers = { "mcp-session-id": await begin("some") };
    scene.behave(say("text/event-stream", "id: raw-1\ndata: \n\n"));
    const [, id = ""] = /^id: (.+)$/m.exec((await scene.send({ verb: "GET", as: "some", headers })).text) ?? [];
    scene.behave(say("text/event-stream", numbered("raw-2", answerWith(`{"tools":[${hidden}]}`))));
    expect((await resume(id, { as: "some", headers })).text).not.toContain("closed-one");
  });

  it.each<[string, (id: string, headers: { "mcp-session-id": string }) => Promise<Finished>]>([
    ["by somebody else", (id) => resume(id, { as: "other" })],
    [
      "by somebody else in their own session",
      async (id) => resume(id, { as: "other", headers: { "mcp-session-id": await begin("other") } }),
    ],
    ["outside of its session", (id) => resume(id, { as: "some" })],
    ["with the server's own event id", (_id, headers) => resume("raw-1", { as: "some", headers })],
    ["with an id that was changed", (id, headers) => resume(`${id.slice(0, -2)}AA`, { as: "some", headers })],
    ["with a session id", (_id, headers) => resume(headers["mcp-session-id"], { as: "some", headers })],
    ["with no id", (_id, headers) => resume("", { as: "some", headers })],
  ])("cannot be taken up %s", async (_case, take) => {
    const headers = { "mcp-session-id": await begin("some") };
    const id = await breakOff(list, { as: "some", headers });
    scene.behave(say("text/event-stream", numbered("raw-2", answerWith(`{"tools":[${hidden}]}`))));
    const { status, reason } = await take(id, headers);
    expect({ status, reason }).toEqual({ status: 404, reason: "event_unknown" });
    expect(lastRequest()?.method).toBe("POST");
  });

  it("by somebody else with the session as well is refused for the session", async () => {
    const headers = { "mcp-session-id": await begin("some") };
    const id = await breakOff(list, { as: "some", headers });
    const before = scene.upstream.requests.length;
    expect(await resume(id, { as: "other", headers })).toMatchObject({ status: 404, reason: "session_foreign" });
    expect(scene.upstream.requests).toHaveLength(before);
  });
});
