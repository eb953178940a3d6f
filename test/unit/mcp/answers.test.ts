import { describe, expect, it } from "vitest";
import { judgeServerMessage } from "../../../src/mcp/answers.ts";
import type { Expectation } from "../../../src/mcp/expectation.ts";
import { expectedWith, pendingFor } from "./scene.ts";

const judge = (message: unknown, changes?: Partial<Expectation>) =>
  judgeServerMessage(
    Buffer.from(typeof message === "string" ? message : JSON.stringify(message)),
    expectedWith(changes),
  );
const answer = (result: unknown) => ({ jsonrpc: "2.0", id: 7, result });

describe("answers", () => {
  it("pass with their bytes", () => {
    const text =
      '{ "jsonrpc":"2.0","id":7, "result":{"content":[],"n":9007199254740993,"e":1e400,"z":-0,"u":"\\ud800"} }';
    expect(judge(text)).toMatchObject({ kind: "answer", text, rpc: null, toolError: false });
  });

  it.each([
    ["a tool's own error", answer({ isError: true, content: [] }), { rpc: null, toolError: true }],
    [
      "a JSON-RPC error",
      { jsonrpc: "2.0", id: 7, error: { code: -32602, message: "no" } },
      { rpc: -32602, toolError: null },
    ],
  ])("are recorded for what they are: %s", (_case, message, outcome) => expect(judge(message)).toMatchObject(outcome));

  it("an error without an id is about the one request of its exchange", () => {
    const judged = judge({ jsonrpc: "2.0", id: null, error: { code: -32700, message: "no" } });
    expect(judged).toMatchObject({ kind: "answer", text: expect.stringContaining('"id":7') });
  });

  it.each<[string, unknown]>([
    ["another id", { ...answer({}), id: 8 }],
    ["the id as a string", { ...answer({}), id: "7" }],
    ["another's error", { jsonrpc: "2.0", id: 8, error: { code: 1, message: "" } }],
    ["a result that is no object", answer(1)],
    ["result and error", { ...answer({}), error: { code: 1 } }],
    ["an error without a code", { jsonrpc: "2.0", id: 7, error: {} }],
    ["two codes", '{"jsonrpc":"2.0","id":7,"error":{"code":1,"Code":-32042,"message":""}}'],
    ["two results", '{"jsonrpc":"2.0","id":7,"result":{},"result":{"secret":1}}'],
    ["a batch", [answer({})]],
    ["no JSON", "<html>"],
    ["another JSON-RPC", { ...answer({}), jsonrpc: "1.0" }],
    ["a call that is an answer", { ...answer({}), method: "x" }],
  ])("are refused: %s", (_case, message) => {
    expect(() => judge(message)).toThrow(expect.objectContaining({ code: "upstream_malformed" }));
  });

  const marks = `a${"\u0316\u0301".repeat(100_000)}`;

  it.each<[string, unknown]>([
    ["the envelope", { ...answer({}), [marks]: 1 }],
    ["the result", answer({ content: [], [marks]: 1 })],
    [
      "the parameters of an update",
      { jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri: "test://open/1", [marks]: 1 } },
    ],
  ])("are refused at once for a member name of 200,000 combining marks, in %s", (_case, message) => {
    expect(() => judge(message)).toThrow(expect.objectContaining({ code: "upstream_malformed" }));
  });

  describe("that send the client to a URL (-32042)", () => {
    const error = {
      code: -32042,
      message: "Log in first.",
      data: { elicitations: [{ mode: "url", elicitationId: "1", url: "https://phish.example/", message: "" }] },
    };

    it.each<[string, unknown, Partial<Expectation>]>([
      ["nothing may be asked", { jsonrpc: "2.0", id: 7, error }, {}],
      [
        "other things may be asked",
        { jsonrpc: "2.0", id: 7, error },
        { clientRequests: new Set(["sampling", "roots"]) },
      ],
      ["it has no id", { jsonrpc: "2.0", id: null, error }, {}],
      ["the revision is stateless", { jsonrpc: "2.0", id: 7, error }, { era: "modern" }],
      ["the code is written in another way", '{"jsonrpc":"2.0","id":7,"error":{"code":-3.2042e4,"message":""}}', {}],
      ["the method is a list", { jsonrpc: "2.0", id: 7, error }, { pending: pendingFor("tools/list") }],
    ])("are refused where %s", (_case, message, changes) => {
      expect(() => judge(message, changes)).toThrow(expect.objectContaining({ code: "client_request_denied" }));
    });

    it("pass where the client may be asked to elicit", () => {
      const judged = judge({ jsonrpc: "2.0", id: 7, error }, { clientRequests: new Set(["elicitation"]) });
      expect(judged).toMatchObject({ kind: "answer", rpc: -32042 });
    });
  });

  it("do not belong on a standalone stream", () =>
    expect(judge(answer({}), { pending: null })).toMatchObject({ kind: "drop" }));
});

describe("lists", () => {
  const list = (method: string, result: unknown, era: "legacy" | "modern" = "legacy") => {
    const judged = judge(answer(result), { pending: pendingFor(method), era });
    return JSON.parse("text" in judged ? judged.text : "{}").result;
  };

  it.each([
    [
      "tools/list",
      "tools",
      [{ name: "echo", extra: 1 }, { name: "drop" }, { name: "get-env" }, { name: "get-sum" }],
      ["echo", "get-sum"],
      "name",
    ],
    ["prompts/list", "prompts", [{ name: "hello" }, { name: "other" }], ["hello"], "name"],
    [
      "resources/list",
      "resources",
      [{ uri: "test://open/1" }, { uri: "test://open/../shut" }, { uri: "test://shut" }],
      ["test://open/1"],
      "uri",
    ],
    [
      "resources/templates/list",
      "resourceTemplates",
      [{ uriTemplate: "test://{x}/1" }, { uriTemplate: "file:///{x}" }],
      ["test://{x}/1"],
      "uriTemplate",
    ],
  ] as const)("%s shows what could be called", (method, member, elements, visible, key) => {
    const result = list(method, { [member]: elements, nextCursor: "next", unknown: [1] });
    expect(result).toMatchObject({ nextCursor: `${method}/next`, unknown: [1] });
    expect(result[member].map((element: Record<string, string>) => element[key])).toEqual(visible);
  });

  it.each<[string, unknown[]]>([
    ["no name", [{}]],
    ["a name that is no string", [{ name: 1 }]],
    ["a name that could not be called", [{ name: "ec\u200bho" }]],
    ["something else", [null, "echo", ["echo"]]],
  ])("hide an element with %s", (_case, tools) => expect(list("tools/list", { tools }).tools).toEqual([]));

  it("hide an element with a member name of 200,000 combining marks, at once", () => {
    const tools = [{ name: "echo", [`a${"\u0316\u0301".repeat(100_000)}`]: 1 }, { name: "get-sum" }];
    expect(list("tools/list", { tools }).tools).toEqual([{ name: "get-sum" }]);
  });

  it("keep every byte of what stays", () => {
    const text =
      '{"jsonrpc":"2.0","id":7,"result":{"tools":[ {"name":"drop"},{"name":"echo","n":1.0e2,"2":0,"1":"\\u00e9"} ],"nextCursor":"c"}}';
    const judged = judge(text, { pending: pendingFor("tools/list") });
    expect(judged).toMatchObject({ text: expect.stringContaining('{"name":"echo","n":1.0e2,"2":0,"1":"\\u00e9"}') });
  });

  it("are refused when they hold no list, instead of passing unfiltered", () => {
    expect(() => list("tools/list", { Tools: [{ name: "drop" }], tools: {} })).toThrow(
      expect.objectContaining({ code: "upstream_malformed" }),
    );
  });

  it.each(["public", "private"])(
    "are private in the stateless revision, whatever the server says (%s)",
    (cacheScope) => {
      expect(list("tools/list", { tools: [{ name: "echo" }], cacheScope }, "modern")).toMatchObject({
        cacheScope: "private",
      });
    },
  );

  it("are private when the server says nothing", () => {
    expect(list("tools/list", { tools: [] }, "modern")).toMatchObject({ cacheScope: "private" });
  });
});

describe("requests of the server", () => {
  const ask = (method: string) => ({ jsonrpc: "2.0", id: 99, method, params: {} });

  it.each([
    ["elicitation/create", ["elicitation"], "ask"],
    ["sampling/createMessage", ["elicitation"], "refuse"],
    ["roots/list", [], "refuse"],
    ["tools/call", ["elicitation", "sampling", "roots"], "refuse"],
    ["ping", [], "ask"],
  ])("%s with %j: %s", (method, kinds, kind) => {
    expect(judge(ask(method), { clientRequests: new Set(kinds) })).toMatchObject({
      kind,
      method,
      ...(kind === "ask" ? { id: "signed 99" } : { idText: "99" }),
    });
  });

  it("do not exist in the stateless revision", () => {
    const all = { clientRequests: new Set(["sampling"]), era: "modern" as const };
    expect(judge(ask("sampling/createMessage"), all)).toMatchObject({ kind: "drop", asked: "sampling/createMessage" });
  });

  it("travel in results there, and are refused there", () => {
    const result = { resultType: "input_required", inputRequests: { a: { method: "sampling/createMessage" } } };
    const modern = { era: "modern" as const };
    expect(judge(answer(result), { ...modern, clientRequests: new Set(["sampling"]) })).toMatchObject({
      kind: "answer",
    });
    expect(() => judge(answer(result), modern)).toThrow(expect.objectContaining({ code: "client_request_denied" }));
    expect(() => judge(answer({ ...result, inputRequests: [] }), modern)).toThrow(
      expect.objectContaining({ code: "upstream_malformed" }),
    );
  });
});

describe("notifications", () => {
  const note = (method: string, params: unknown) => ({ jsonrpc: "2.0", method, params });

  it.each<[string, unknown, string]>([
    ["notifications/progress", { progress: 1 }, "pass"],
    ["notifications/tools/list_changed", {}, "pass"],
    ["notifications/resources/updated", { uri: "test://open/1" }, "pass"],
    ["notifications/resources/updated", { uri: "test://shut/1" }, "drop"],
    ["notifications/resources/updated", { uri: "test://open/../shut" }, "drop"],
    ["notifications/resources/updated", {}, "drop"],
  ])("%s %j: %s", (method, params, kind) => expect(judge(note(method, params))).toMatchObject({ kind }));
});

describe("what belongs to a task", () => {
  const key = "io.modelcontextprotocol/related-task";
  const meta = (related: unknown) => ({ _meta: { other: 1, [key]: related } });
  const ask = (related: unknown) => ({ jsonrpc: "2.0", id: 99, method: "elicitation/create", params: meta(related) });
  const note = (related: unknown) => ({ jsonrpc: "2.0", method: "notifications/progress", params: meta(related) });
  const allowed = { clientRequests: new Set(["elicitation"]) };
  const own = { taskId: "own-1", more: true };

  it("names it as the client knows it", () => {
    const handle = meta({ taskId: "handle of own-1", more: true });
    expect(judge(ask(own), allowed)).toMatchObject({ kind: "ask", id: "signed 99" });
    for (const message of [ask(own), note(own), answer(meta(own))]) {
      const judged = judge(message, allowed);
      const { params, result } = JSON.parse("text" in judged ? judged.text : "{}");
      expect(params ?? result).toEqual(handle);
    }
  });

  it.each<[string, unknown]>([
    ["somebody else's", { taskId: "other" }],
    ["one without an id", {}],
    ["one with what looks like an id", { taskid: "own-1" }],
    ["an id that is no string", { taskId: ["own-1"] }],
    ["null", null],
    ["a string", "own-1"],
    ["an array", [{ taskId: "own-1" }]],
  ])("is kept from the client where the task is %s", (_case, related) => {
    expect(judge(ask(related), allowed)).toEqual({ kind: "refuse", method: "elicitation/create", idText: "99" });
    expect(judge(note(related))).toEqual({ kind: "drop", asked: null, method: "notifications/progress" });
    expect(() => judge(answer(meta(related)))).toThrow(expect.objectContaining({ code: "upstream_malformed" }));
  });

  it("is refused with a twin of the id", () => {
    for (const message of [ask, note, (related: unknown) => answer(meta(related))]) {
      expect(() => judge(message({ ...own, TaskId: "other" }), allowed)).toThrow(
        expect.objectContaining({ code: "upstream_malformed" }),
      );
    }
  });

  it("is refused with a twin of the key", () => {
    const params = { _meta: { [key]: own, [key.toUpperCase()]: { taskId: "other" } } };
    expect(() => judge({ jsonrpc: "2.0", method: "notifications/progress", params })).toThrow(
      expect.objectContaining({ code: "upstream_malformed" }),
    );
  });

  it("may be the very answer that begins the task", () => {
    const begun = judge(answer({ task: { taskId: "new" }, ...meta({ taskId: "new" }) }));
    expect(JSON.parse("text" in begun ? begun.text : "{}").result).toEqual({
      task: { taskId: "tools/call/new" },
      ...meta({ taskId: "tools/call/new" }),
    });
    const flat = judge(answer({ resultType: "task", taskId: "new", ...meta({ taskId: "new" }) }), { era: "modern" });
    expect(JSON.parse("text" in flat ? flat.text : "{}").result).toMatchObject({
      taskId: "tools/call/new",
      ...meta({ taskId: "tools/call/new" }),
    });
  });

  it("is dropped where a list has changed, and says so to who keeps lists", () => {
    const method = "notifications/tools/list_changed";
    expect(judge({ jsonrpc: "2.0", method, params: meta({ taskId: "other" }) })).toMatchObject({
      kind: "drop",
      method,
    });
  });
});

describe("whether a tool failed", () => {
  const task = { taskId: "own-1", method: "tools/call", targets: [], handle: "h" };

  it.each([
    ["tools/call", null, true],
    ["tasks/result", task, true],
    ["tasks/get", task, null],
    ["tasks/result", { ...task, method: "prompts/get" }, null],
    ["prompts/get", null, null],
  ])("is on record for %s of %j: %s", (method, task, toolError) => {
    const result = { isError: true, content: [], taskId: "own-1", messages: [] };
    expect(judge(answer(result), { pending: pendingFor(method, { task }) })).toMatchObject({ toolError });
  });

  it("is not, where it did not", () => {
    for (const isError of [false, undefined, "true", 1]) {
      expect(judge(answer({ isError }))).toMatchObject({ toolError: false });
    }
  });
});

describe("what is neither request nor notification", () => {
  it.each([
    ["tools/call", "legacy"],
    ["elicitation/create", "legacy"],
    ["elicitation/create", "modern"],
    ["Notifications/progress", "legacy"],
    ["notifications", "modern"],
    ["", "legacy"],
  ] as const)("%j without an id is dropped, and on record (%s)", (method, era) => {
    const judged = judge({ jsonrpc: "2.0", method }, { era, clientRequests: new Set(["elicitation"]) });
    expect(judged).toEqual({ kind: "drop", asked: method, method });
  });

  it("a notification with an id is a request", () => {
    expect(judge({ jsonrpc: "2.0", id: null, method: "notifications/progress" })).toEqual({
      kind: "refuse",
      method: "notifications/progress",
      idText: "null",
    });
  });
});
