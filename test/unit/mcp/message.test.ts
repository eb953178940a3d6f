import { describe, expect, it } from "vitest";
import { readMessage } from "../../../src/mcp/message.ts";

const modern = "2026-07-28";
const meta = { "io.modelcontextprotocol/protocolVersion": modern, "io.modelcontextprotocol/clientCapabilities": {} };

const read = (body: unknown, headers: Record<string, string> = {}) =>
  readMessage(
    Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
    new Map(Object.entries(headers)),
    32,
  );

const call = (params: unknown, extra: object = {}) => ({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/call",
  params,
  ...extra,
});
const modernCall = (params: object) => call({ ...params, _meta: meta });
const mirrors = (name?: string) => ({
  "mcp-protocol-version": modern,
  "mcp-method": "tools/call",
  ...(name === undefined ? {} : { "mcp-name": name }),
});

const listening = { "mcp-protocol-version": modern, "mcp-method": "subscriptions/listen" };
const subscribe = (notifications: object) => ({
  jsonrpc: "2.0",
  id: 1,
  method: "subscriptions/listen",
  params: { _meta: meta, notifications },
});

describe("readMessage: what passes", () => {
  it.each<[string, unknown, Record<string, string>, object]>([
    [
      "a tool call",
      call({ name: "echo", arguments: { a: 1 } }),
      {},
      {
        kind: "request",
        era: "legacy",
        revision: "2025-03-26",
        id: 1,
        targets: [{ kind: "tool", name: "echo" }],
        args: { a: 1 },
      },
    ],
    ["a string id", { ...call({ name: "echo" }), id: "x" }, {}, { id: "x" }],
    [
      "a list",
      { jsonrpc: "2.0", id: 1, method: "tools/list" },
      { "mcp-protocol-version": "2025-11-25" },
      { revision: "2025-11-25", targets: [{ kind: "server" }] },
    ],
    [
      "a resource, by its canonical URI",
      { jsonrpc: "2.0", id: 1, method: "resources/read", params: { uri: "TEST://Host/%41b" } },
      {},
      { targets: [{ kind: "resource", name: "test://host/Ab" }] },
    ],
    [
      "a completion of a prompt",
      { jsonrpc: "2.0", id: 1, method: "completion/complete", params: { ref: { type: "ref/prompt", name: "p" } } },
      {},
      { targets: [{ kind: "prompt", name: "p" }] },
    ],
    [
      "a completion of a template",
      {
        jsonrpc: "2.0",
        id: 1,
        method: "completion/complete",
        params: { ref: { type: "ref/resource", uri: "test://{id}" }, argument: { name: "id", value: "" } },
      },
      {},
      { targets: [{ kind: "template", name: "test://{id}" }] },
    ],
    [
      "a notification",
      { jsonrpc: "2.0", method: "notifications/initialized" },
      {},
      { kind: "notification", method: "notifications/initialized" },
    ],
    ["the client's answer", { jsonrpc: "2.0", id: "a.b", result: {} }, {}, { kind: "response", id: "a.b" }],
    [
      "the client's refusal",
      { jsonrpc: "2.0", id: "a.b", error: { code: 1, message: "no" } },
      {},
      { kind: "response" },
    ],
    ["a stateless call", modernCall({ name: "echo" }), mirrors("echo"), { era: "modern", revision: modern }],
    [
      "a name that a header cannot hold",
      modernCall({ name: "größe" }),
      mirrors(`=?base64?${Buffer.from("größe").toString("base64")}?=`),
      { targets: [{ kind: "tool", name: "größe" }] },
    ],
    [
      "a subscription",
      {
        jsonrpc: "2.0",
        id: 1,
        method: "subscriptions/listen",
        params: { _meta: meta, notifications: { resourceSubscriptions: ["test://a"] } },
      },
      { ...mirrors(), "mcp-method": "subscriptions/listen" },
      { targets: [{ kind: "server" }, { kind: "resource", name: "test://a" }] },
    ],
    ["members nobody knows", { ...call({ name: "echo", future: { Name: 1 } }), extra: true }, {}, { kind: "request" }],
  ])("%s", (_case, body, headers, expected) => expect(read(body, headers)).toMatchObject(expected));

  it("keeps the judged bytes", () => {
    const bytes = Buffer.from(
      '{ "jsonrpc":"2.0", "id":1,"method":"tools/call","params":{"name":"echo","arguments":{"n":9007199254740993}}}',
    );
    const message = readMessage(bytes, new Map(), 32);
    expect("bytes" in message && message.bytes).toBe(bytes);
  });
});

describe("readMessage: what is refused, and as what", () => {
  it.each<[string, string, string | undefined]>([
    ["where it is known", '\ufeff{"jsonrpc":"2.0","id":1,"method":"ping"}', "at character 0"],
    ["and else says nothing of it", '{"jsonrpc":"2.0","id":1,', undefined],
  ])("says the place %s", (_, text, detail) => {
    expect(() => readMessage(Buffer.from(text), new Map(), 32)).toThrow(
      expect.objectContaining({ code: "json_invalid", extra: detail === undefined ? {} : { detail } }),
    );
  });

  it.each<[string, string, unknown, Record<string, string>?]>([
    ["utf8_invalid", "a lone surrogate", '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\\ud800"}}'],
    ["json_invalid", "half a message", '{"jsonrpc":"2.0","id":1,'],
    ["json_invalid", "a byte order mark", '\ufeff{"jsonrpc":"2.0","id":1,"method":"ping"}'],
    ["json_invalid", "two messages in a row", '{"jsonrpc":"2.0","id":1,"method":"ping"}{}'],
    [
      "json_duplicate_key",
      "two names",
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"drop"}}',
    ],
    [
      "json_duplicate_key",
      "two names, one escaped",
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","n\\u0061me":"drop"}}',
    ],
    ["json_duplicate_key", "two params", '{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"params":{}}'],
    ["json_duplicate_key", "two methods", '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}'],
    [
      "json_duplicate_key",
      "deep inside the arguments",
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"e","arguments":{"a":[{"b":1,"b":2}]}}}',
    ],
    ["json_key_twin", "METHOD", '{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call"}'],
    ["json_key_twin", "Name beside name", call({ name: "echo", Name: "drop" })],
    ["json_key_twin", "a long s", call({ name: "echo", argumentſ: {} })],
    ["json_key_twin", "a full-width name", call({ name: "echo", ｎame: "drop" })],
    [
      "json_key_twin",
      "a version in other letters",
      call({ name: "echo", _meta: { "io.modelcontextprotocol/ProtocolVersion": modern } }),
    ],
    [
      "json_key_twin",
      "a twin in a reference",
      {
        jsonrpc: "2.0",
        id: 1,
        method: "completion/complete",
        params: { ref: { type: "ref/prompt", name: "p", NAME: "q" } },
      },
    ],
    [
      "json_too_deep",
      "depth",
      `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${"[".repeat(40)}${"]".repeat(40)}}}`,
    ],
    ["batch_refused", "a batch", [call({ name: "echo" })]],
    ["message_invalid", "a number", 1],
    ["message_invalid", "null", null],
    ["message_invalid", "another version of JSON-RPC", { ...call({ name: "echo" }), jsonrpc: "1.0" }],
    ["message_invalid", "no method", { jsonrpc: "2.0", id: 1 }],
    ["message_invalid", "a method that is no string", { jsonrpc: "2.0", id: 1, method: 1 }],
    ["message_invalid", "a request that is also an answer", { ...call({ name: "echo" }), result: {} }],
    ["message_invalid", "an answer with result and error", { jsonrpc: "2.0", id: "a", result: {}, error: {} }],
    ["message_invalid", "a null id", { ...call({ name: "echo" }), id: null }],
    ["message_invalid", "a fractional id", '{"jsonrpc":"2.0","id":1.0,"method":"ping"}'],
    ["message_invalid", "an id that rounds", '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}'],
    [
      "message_invalid",
      "an answer in the stateless revision",
      { jsonrpc: "2.0", id: "a", result: {} },
      { "mcp-protocol-version": modern },
    ],
    ["params_invalid", "params that are an array", call([])],
    ["params_invalid", "no name", call({})],
    ["params_invalid", "a name that is no string", call({ name: ["echo"] })],
    ["params_invalid", "no uri", { jsonrpc: "2.0", id: 1, method: "resources/read", params: {} }],
    [
      "params_invalid",
      "a reference of no kind",
      { jsonrpc: "2.0", id: 1, method: "completion/complete", params: { ref: { type: "x" } } },
    ],
    ["params_invalid", "a stateless request without _meta", call({ name: "echo" }), mirrors("echo")],
    ["name_ambiguous", "a full-width tool", call({ name: "ｄrop" })],
    ["name_ambiguous", "an invisible character", call({ name: "dr\u200bop" })],
    [
      "name_ambiguous",
      "dot segments",
      { jsonrpc: "2.0", id: 1, method: "resources/read", params: { uri: "test://a/%2e%2e/b" } },
    ],
    ["method_unknown", "an unknown method", { jsonrpc: "2.0", id: 1, method: "tools/drop" }],
    ["method_unknown", "a method in other letters", { ...call({ name: "echo" }), method: "Tools/Call" }],
    ["method_unknown", "an unknown notification", { jsonrpc: "2.0", method: "notifications/x" }],
    [
      "method_unknown",
      "initialize in the stateless revision",
      { jsonrpc: "2.0", id: 1, method: "initialize", params: { _meta: meta } },
      { ...mirrors(), "mcp-method": "initialize" },
    ],
    ["method_unknown", "server/discover before it existed", { jsonrpc: "2.0", id: 1, method: "server/discover" }],
    ["header_mismatch", "a version in the body alone", modernCall({ name: "echo" })],
    [
      "header_mismatch",
      "two versions",
      modernCall({ name: "echo" }),
      { ...mirrors("echo"), "mcp-protocol-version": "2025-11-25" },
    ],
    [
      "header_mismatch",
      "no Mcp-Method",
      modernCall({ name: "echo" }),
      { "mcp-protocol-version": modern, "mcp-name": "echo" },
    ],
    [
      "header_mismatch",
      "another Mcp-Method",
      modernCall({ name: "echo" }),
      { ...mirrors("echo"), "mcp-method": "tools/list" },
    ],
    ["header_mismatch", "no Mcp-Name", modernCall({ name: "echo" }), mirrors()],
    ["header_mismatch", "another Mcp-Name", modernCall({ name: "echo" }), mirrors("drop")],
    ["header_mismatch", "Mcp-Name in other letters", modernCall({ name: "echo" }), mirrors("Echo")],
    ["header_mismatch", "sloppy base64", modernCall({ name: "echo" }), mirrors("=?base64?ZWNobw?=")],
    [
      "version_unsupported",
      "a version from the future",
      { jsonrpc: "2.0", id: 1, method: "ping" },
      { "mcp-protocol-version": "2999-01-01" },
    ],
  ])("%s: %s", (code, _case, body, headers) => {
    expect(() => read(body, headers)).toThrow(expect.objectContaining({ code }));
  });

  const marks = `a${"\u0316\u0301".repeat(100_000)}`;

  it.each<[string, unknown, Record<string, string>?]>([
    ["the envelope", { ...call({ name: "echo" }), [marks]: 1 }],
    ["the parameters", call({ name: "echo", [marks]: 1 })],
    ["_meta", call({ name: "echo", _meta: { [marks]: 1 } })],
    [
      "a reference",
      { jsonrpc: "2.0", id: 1, method: "completion/complete", params: { ref: { type: "ref/prompt", [marks]: 1 } } },
    ],
    ["a subscription", subscribe({ [marks]: 1 }), listening],
  ])("refuses a member name of 200,000 combining marks at once, in %s", (_case, body, headers) => {
    expect(() => read(body, headers)).toThrow(expect.objectContaining({ code: "json_key_twin" }));
  });

  it("leaves such a name alone where no decision rests on names", () => {
    const message = read(call({ name: "echo", arguments: { [marks]: 1 } }));
    expect(message).toMatchObject({ kind: "request", args: { [marks]: 1 } });
  });

  it("takes 256 subscriptions and no more", () => {
    const uris = Array.from({ length: 257 }, (_, index) => `note://${index}`);
    const message = read(subscribe({ resourceSubscriptions: uris.slice(1) }), listening);
    expect(message.kind === "request" && message.targets.length).toBe(257);
    expect(() => read(subscribe({ resourceSubscriptions: uris }), listening)).toThrow(
      expect.objectContaining({ code: "params_invalid" }),
    );
  });

  it("takes subscriptions of 65,536 characters together and no more", () => {
    const uris = Array.from({ length: 64 }, () => `note://${"x".repeat(1_017)}`);
    const message = read(subscribe({ resourceSubscriptions: uris }), listening);
    expect(message.kind === "request" && message.targets.length).toBe(65);
    expect(() => read(subscribe({ resourceSubscriptions: [...uris.slice(1), `${uris[0]}x`] }), listening)).toThrow(
      expect.objectContaining({ code: "params_invalid" }),
    );
  });

  it("keeps what a subscription asks for, for the record", () => {
    const notifications = { resourceSubscriptions: ["note://a", "note://b"], toolsListChanged: true };
    expect(read(subscribe(notifications), listening)).toMatchObject({ args: notifications });
  });

  it("refuses bytes that are no UTF-8", () => {
    const bytes = Buffer.from([...Buffer.from('{"jsonrpc":"2.0","id":1,"method":"pi'), 0xff, ...Buffer.from('ng"}')]);
    expect(() => readMessage(bytes, new Map(), 32)).toThrow(expect.objectContaining({ code: "utf8_invalid" }));
  });

  it("echoes the id of what it refuses, once it knows it", () => {
    expect(() => read({ jsonrpc: "2.0", id: "mine", method: "nope" })).toThrow(
      expect.objectContaining({ extra: expect.objectContaining({ rpcId: "mine" }) }),
    );
  });

  it("tells which versions a stateless request may name", () => {
    const headers = { "mcp-protocol-version": "1900-01-01" };
    expect(() => read({ jsonrpc: "2.0", id: 1, method: "ping" }, headers)).toThrow(
      expect.objectContaining({
        extra: expect.objectContaining({ data: { requested: "1900-01-01", supported: [modern] } }),
      }),
    );
  });

  it("never answers an unknown method of a session with 404, which would end it", () => {
    expect(() => read({ jsonrpc: "2.0", id: 1, method: "nope" })).toThrow(
      expect.objectContaining({ extra: expect.objectContaining({ http: 200 }) }),
    );
  });
});

describe("readMessage: what a client hands back", () => {
  const request = (method: string, params: object) => ({ jsonrpc: "2.0", id: 1, method, params });
  const stateless = (method: string, params: object, name?: string): [unknown, Record<string, string>] => [
    request(method, { ...params, _meta: meta }),
    { ...mirrors(name), "mcp-method": method },
  ];
  const nothing = { cursor: null, state: null, task: null, tasks: [], related: null };
  const key = "io.modelcontextprotocol/related-task";
  const related = { _meta: { [key]: { taskId: "t" } } };

  it.each<[string, unknown, Record<string, string>, object]>([
    ["nothing", call({ name: "echo" }), {}, {}],
    ["a cursor", request("tools/list", { cursor: "c" }), {}, { cursor: "c" }],
    ["a cursor of no characters", request("resources/list", { cursor: "" }), {}, { cursor: "" }],
    ["no cursor where it is null", request("tools/list", { cursor: null }), {}, {}],
    ["a cursor of tasks", request("tasks/list", { cursor: "c" }), {}, { cursor: "c" }],
    ["a state", ...stateless("tools/call", { name: "echo", requestState: "s" }, "echo"), { state: "s" }],
    ["no state, before there was one", call({ name: "echo", requestState: "s" }), {}, {}],
    ["a task", request("tasks/result", { taskId: "t" }), {}, { task: "t" }],
    ["a task, named in the header", ...stateless("tasks/get", { taskId: "t" }, "t"), { task: "t" }],
    ["a task, not named in the header", ...stateless("tasks/update", { taskId: "t" }), { task: "t" }],
    ["tasks to hear of", subscribe({ taskIds: ["t", "u"] }), listening, { tasks: ["t", "u"] }],
    [
      "its task",
      call({ name: "echo", ...related }),
      {},
      { related: { path: ["params", "_meta", key, "taskId"], task: "t" } },
    ],
    [
      "the task of a notification",
      { jsonrpc: "2.0", method: "notifications/progress", params: related },
      {},
      { related: { path: ["params", "_meta", key, "taskId"], task: "t" } },
    ],
    [
      "the task of an answer",
      { jsonrpc: "2.0", id: "a.b", result: related },
      {},
      { related: { path: ["result", "_meta", key, "taskId"], task: "t" } },
    ],
    ["no task of an error", { jsonrpc: "2.0", id: "a.b", error: { code: 1, ...related } }, {}, {}],
  ])("is read: %s", (_case, body, headers, given) => {
    expect(read(body, headers)).toMatchObject({ given: { ...nothing, ...given } });
  });

  it.each<[string, string, unknown, Record<string, string>?]>([
    ["params_invalid", "a cursor that is a number", request("tools/list", { cursor: 0 })],
    [
      "params_invalid",
      "a state that is an object",
      ...stateless("tools/call", { name: "echo", requestState: {} }, "echo"),
    ],
    ["params_invalid", "no task", request("tasks/get", {})],
    ["params_invalid", "a task that is a number", request("tasks/get", { taskId: 1 })],
    ["params_invalid", "tasks that are no strings", subscribe({ taskIds: [1] }), listening],
    ["params_invalid", "a belonging without an id", call({ name: "echo", _meta: { [key]: { taskId: 1 } } })],
    ["json_key_twin", "a Cursor", request("tools/list", { Cursor: "c" })],
    ["json_key_twin", "a request_state", ...stateless("tools/call", { name: "echo", request_state: "s" }, "echo")],
    ["json_key_twin", "a taskid", request("tasks/get", { taskId: "t", taskid: "u" })],
    ["json_key_twin", "taskids", subscribe({ taskids: ["t"] }), listening],
    ["json_key_twin", "a TOOLSLISTCHANGED", subscribe({ TOOLSLISTCHANGED: true }), listening],
    ["json_key_twin", "two tasks to belong to", call({ name: "echo", _meta: { [key]: {}, [key.toUpperCase()]: {} } })],
    ["header_mismatch", "another task in the header", ...stateless("tasks/get", { taskId: "t" }, "u")],
    ["header_mismatch", "a task in the header in other letters", ...stateless("tasks/cancel", { taskId: "t" }, "T")],
    ["method_unknown", "a list of tasks in the stateless revision", ...stateless("tasks/list", {})],
    ["method_unknown", "a wait for a task in the stateless revision", ...stateless("tasks/result", { taskId: "t" })],
    ["method_unknown", "an update of a task in a session", request("tasks/update", { taskId: "t" })],
  ])("%s: %s", (code, _case, body, headers) => {
    expect(() => read(body, headers)).toThrow(expect.objectContaining({ code }));
  });
});

describe("readMessage: what a client calls off", () => {
  const cancel = (params?: unknown) => ({ jsonrpc: "2.0", method: "notifications/cancelled", params });

  it.each([
    [{ requestId: 7 }, 7],
    [{ requestId: 0 }, 0],
    [{ requestId: "7", reason: "slow" }, "7"],
    [{ requestId: "" }, ""],
    [{ requestId: null }, null],
    [{ requestId: [7] }, null],
    [{ requestid: 7 }, null],
    [{}, null],
    [undefined, null],
  ])("%j is about %j", (params, cancels) => expect(read(cancel(params))).toMatchObject({ cancels }));

  it("is about an id that a request may have, and not about a longer one", () => {
    const ids = ["x".repeat(256), "x".repeat(257)];
    const cancelled = ids.map((requestId) => (read(cancel({ requestId })) as { cancels: unknown }).cancels);
    expect(cancelled).toEqual([ids[0], null]);
  });

  it("is nothing with any other notification", () => {
    expect(read({ ...cancel({ requestId: 7 }), method: "notifications/progress" })).toMatchObject({ cancels: null });
  });

  const stateless = (method: string, params: object) =>
    read({ jsonrpc: "2.0", method, params }, { "mcp-protocol-version": modern, "mcp-method": method });

  it("may be said in the stateless revision too", () => {
    for (const params of [{ requestId: 7 }, { requestId: 7, _meta: meta }]) {
      expect(stateless("notifications/cancelled", params)).toMatchObject({ kind: "notification", era: "modern" });
    }
  });

  it.each([
    "notifications/initialized",
    "notifications/progress",
    "notifications/roots/list_changed",
    "notifications/tasks/status",
    "notifications/Cancelled",
  ])("is all that may be said there without an id: %s is refused", (method) => {
    expect(() => stateless(method, { _meta: meta })).toThrow(
      expect.objectContaining({ code: "method_unknown", extra: expect.objectContaining({ http: 400 }) }),
    );
  });
});
