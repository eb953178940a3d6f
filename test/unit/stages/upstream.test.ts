import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { Denial } from "../../../src/denial.ts";
import type { Arrival, Decision, Identity, Message, Session } from "../../../src/facts.ts";
import { readMessage } from "../../../src/mcp/message.ts";
import type { Narrowed } from "../../../src/mcp/subscription.ts";
import { forward } from "../../../src/stages/upstream.ts";
import { Unconnected } from "../../../src/upstream/dispatch.ts";
import { createListMemory } from "../../../src/upstream/lists.ts";
import { keepList } from "../../../src/upstream/recollect.ts";
import type { Outgoing } from "../../../src/upstream/transport.ts";
import type { Upstream } from "../../../src/upstream/upstream.ts";

const meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** What the client sends, as a body and headers. */
interface Sent {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A server that answers everything with 200, and what it was sent. */
function setScene(fail?: unknown) {
  const sent: Outgoing[] = [];
  const load: string[] = [];
  const body = Readable.from([Buffer.from("answer")], { objectMode: false });
  const upstream = {
    name: "s",
    headers: { authorization: "Bearer the gateway's", "x-tenant": "a" },
    lists: createListMemory(),
    now: () => 1_000,
    reachable: null as boolean | null,
    era: { doubt: () => load.push("doubt") },
    begin(isStream: boolean) {
      load.push(isStream ? "stream" : "call");
      return () => load.push("done");
    },
    async send(outgoing: Outgoing) {
      sent.push(outgoing);
      if (fail !== undefined) throw fail;
      return { statusCode: 200, headers: { "content-type": "application/json" }, body };
    },
  };
  return { upstream: upstream as unknown as Upstream, sent, load, body };
}

const nothing = { upstreamId: null, resume: null, task: null, edits: [] };
const ended = new AbortController().signal;
const arrivalWith = (headers: Sent["headers"] = {}, signal = ended) =>
  ({ headers: new Map(Object.entries(headers)), ended: signal }) as unknown as Arrival;
const ann = { subject: "ann" } as unknown as Identity;
const read = ({ body, headers = {} }: Sent): Message =>
  readMessage(Buffer.from(body), new Map(Object.entries(headers)), 32);

async function send(sent: Sent, session: Partial<Session> = {}, narrowed: Narrowed | null = null, scene = setScene()) {
  const message = read(sent);
  const decision = { narrowed } as Decision;
  const opened = { ...nothing, ...session } as Session;
  const known = { arrival: arrivalWith(sent.headers), identity: ann, message, session: opened, decision };
  const answer = await forward(scene.upstream, known);
  return { ...scene, message, answer, outgoing: scene.sent[0] };
}

const call = '{ "jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"n":1e400}} }';
const stateless = (method: string, params: object, name?: string): Sent => ({
  body: JSON.stringify({ jsonrpc: "2.0", id: 7, method, params: { ...params, _meta: meta } }),
  headers: {
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": method,
    ...(name === undefined ? {} : { "mcp-name": name }),
  },
});

describe("the body", () => {
  it("is the judged bytes", async () => {
    const { outgoing, message } = await send({ body: call });
    expect(outgoing?.body).toBe("bytes" in message && message.bytes);
    expect(outgoing).toMatchObject({ kind: "request", id: 7, method: "tools/call", endless: false });
  });

  it("has handles in the form in which the server gave them out, and all other bytes", async () => {
    const body = '{ "jsonrpc":"2.0","id":7,"method":"tools/list","params":{"x":[1e400,-0],"cursor" : "sealed"} }';
    const edits = [{ path: ["params", "cursor"], value: '"ü\\u0000"' }];
    const { outgoing } = await send({ body }, { edits });
    expect(outgoing?.body).toBe(body.replace('"sealed"', '"ü\\u0000"'));
  });

  it("has all of them", async () => {
    const key = "io.modelcontextprotocol/related-task";
    const body = `{"jsonrpc":"2.0","id":"a.b","result":{"_meta":{"${key}":{"taskId":"h"}},"n":1.0}}`;
    const edits = [
      { path: ["id"], value: "9007199254740993" },
      { path: ["result", "_meta", key, "taskId"], value: '"t"' },
    ];
    const { outgoing } = await send({ body }, { edits });
    expect(outgoing?.body).toBe(body.replace('"a.b"', "9007199254740993").replace('"h"', '"t"'));
    expect(outgoing).toMatchObject({ kind: "response", id: null, method: null });
  });

  it("of a subscription is narrowed", async () => {
    const sent = stateless("subscriptions/listen", {
      notifications: { toolsListChanged: true, resourceSubscriptions: ["test://a", "test://b"], taskIds: ["h"] },
    });
    const narrowed: Narrowed = { uris: [false, true], tasks: ["t"], kinds: new Set() };
    const { outgoing, load } = await send(sent, {}, narrowed);
    expect(JSON.parse(String(outgoing?.body)).params.notifications).toEqual({
      toolsListChanged: false,
      resourceSubscriptions: ["test://b"],
      taskIds: ["t"],
    });
    expect(outgoing?.endless).toBe(true);
    expect(load[0]).toBe("stream");
  });

  it.each(["listen", "end"] as const)("is none where the message is %s", async (kind) => {
    const { upstream, sent } = setScene();
    const message = { kind, era: "legacy" } as Message;
    const session = nothing as unknown as Session;
    const decision = { narrowed: null } as Decision;
    await forward(upstream, { arrival: arrivalWith({}), identity: ann, message, session, decision });
    expect(sent[0]).toMatchObject({ kind, body: null, id: null, method: null, endless: kind === "listen" });
    expect(sent[0]?.headers).not.toHaveProperty("content-type");
  });
});

describe("the headers", () => {
  const own = {
    authorization: "Bearer the gateway's",
    "x-tenant": "a",
    accept: "application/json, text/event-stream",
    "accept-encoding": "identity",
    "content-type": "application/json",
  };
  const outside = {
    authorization: "Bearer the client's",
    cookie: "a=b",
    "x-tenant": "b",
    "x-forwarded-for": "192.0.2.1",
    "mcp-session-id": "sealed",
    "last-event-id": "sealed",
    "content-encoding": "gzip",
    "mcp-other": "x",
    host: "gateway",
  };

  it("are the gateway's and the server's own, and nothing else of the client's", async () => {
    const { outgoing } = await send({ body: call, headers: outside });
    expect(outgoing?.headers).toEqual(own);
  });

  it("of a session carry the revision, and no mirror that nobody has compared", async () => {
    const headers = { "mcp-protocol-version": "2025-11-25", "mcp-method": "ping", "mcp-name": "x", "mcp-param-a": "x" };
    const { outgoing } = await send({ body: call, headers });
    expect(outgoing?.headers).toEqual({ ...own, "mcp-protocol-version": "2025-11-25" });
  });

  it("of a stateless request carry its mirrors", async () => {
    const { body, headers } = stateless("tools/call", { name: "echo" }, "echo");
    const { outgoing } = await send({ body, headers: { ...outside, ...headers, "mcp-param-region": "eu" } });
    expect(outgoing?.headers).toEqual({ ...own, ...headers, "mcp-param-region": "eu" });
  });

  it("carry the server's own session, and event", async () => {
    const { outgoing } = await send({ body: call, headers: outside }, { upstreamId: "up-1" });
    expect(outgoing?.headers).toEqual({ ...own, "mcp-session-id": "up-1" });
    const { upstream, sent } = setScene();
    const resume = { eventId: "é-1", pending: null };
    const session = { ...nothing, upstreamId: "up-1", resume } as unknown as Session;
    const message = { kind: "listen", era: "legacy" } as Message;
    const decision = { narrowed: null } as Decision;
    await forward(upstream, { arrival: arrivalWith(outside), identity: ann, message, session, decision });
    expect(sent[0]?.headers).toMatchObject({
      accept: "text/event-stream",
      "mcp-session-id": "up-1",
      // Bytes of UTF-8, one a character, as headers are written.
      "last-event-id": "\u00c3\u00a9-1",
    });
  });

  it.each([
    ["t-1", "t-1"],
    ["größe", `=?base64?${Buffer.from("größe").toString("base64")}?=`],
  ])("name the task %s by the server's own id", async (taskId, name) => {
    const task = { taskId, handle: "h", method: "tools/call", targets: [] };
    const sent = stateless("tasks/get", { taskId: "h" }, "h");
    const { outgoing } = await send(sent, {
      task,
      edits: [{ path: ["params", "taskId"], value: JSON.stringify(taskId) }],
    });
    expect(outgoing?.headers["mcp-name"]).toBe(name);
    expect(JSON.parse(String(outgoing?.body)).params.taskId).toBe(taskId);
  });

  it("name a task even where the client did not, and in a session never", async () => {
    const task = { taskId: "t-1", handle: "h", method: "tools/call", targets: [] };
    const modern = await send(stateless("tasks/get", { taskId: "h" }), { task });
    expect(modern.outgoing?.headers["mcp-name"]).toBe("t-1");
    const body = '{"jsonrpc":"2.0","id":7,"method":"tasks/get","params":{"taskId":"h"}}';
    const legacy = await send({ body }, { task });
    expect(legacy.outgoing?.headers).toEqual(own);
  });
});

describe("a list that is kept", () => {
  const list = stateless("tools/list", {});
  const kept =
    '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","tools":[],"ttlMs":50,"cacheScope":"public"}}';

  it("is answered without the server, and not kept once more, which would make it last for ever", async () => {
    const first = await send(list);
    expect(first.answer).toMatchObject({ kept: false, list: { kind: "tools" } });
    if (first.answer.list === undefined) throw new Error("no list");
    keepList(first.upstream.lists, first.answer.list, kept, JSON.parse(kept).result, 980);
    const { answer, sent, load } = await send(list, {}, null, first);
    expect(sent).toHaveLength(1);
    expect(load).toEqual(["call"]);
    expect(answer).toMatchObject({ kept: true, list: undefined, statusCode: 200 });
    expect(JSON.parse(await text(answer.body))).toMatchObject({ id: 7, result: { ttlMs: 30 } });
  });

  it("is what no other request asks for", async () => {
    const { answer } = await send({ body: call });
    expect(answer).toMatchObject({ kept: false, list: undefined });
  });
});

it.each(["2026-07-28", "2025-11-25"])(
  "a cancellation of %s without a session is accepted and goes nowhere, for it could call off another client's request",
  async (revision) => {
    const body = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}';
    const { answer, sent, load } = await send({ body, headers: { "mcp-protocol-version": revision } });
    expect(answer).toMatchObject({ statusCode: 202, list: undefined });
    expect(await text(answer.body)).toBe("");
    expect([sent, load]).toEqual([[], []]);
    const session = await send({ body }, { upstreamId: "up-1" });
    expect(session.outgoing).toMatchObject({ kind: "notification", body: Buffer.from(body) });
  },
);

it("any other notification without a session goes to the server", async () => {
  const body = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
  const { outgoing } = await send({ body });
  expect(outgoing).toMatchObject({ kind: "notification", body: Buffer.from(body) });
});

describe("what is in progress", () => {
  it("lasts until the answer is let go, read or not", async () => {
    const { load, body, upstream, answer } = await send({ body: call });
    expect(load).toEqual(["call"]);
    expect(upstream.reachable).toBe(true);
    answer[Symbol.dispose]();
    expect(load).toEqual(["call", "done"]);
    expect(body.destroyed).toBe(true);
  });

  it("is over where the server cannot be reached", async () => {
    const scene = setScene(new Unconnected(new Error("no")));
    await expect(send({ body: call }, {}, null, scene)).rejects.toMatchObject({ code: "upstream_unreachable" });
    expect(scene.load).toEqual(["call", "done", "doubt"]);
    expect(scene.upstream.reachable).toBe(false);
  });

  it("is over where the visit is, for the reason that ended it", async () => {
    const scene = setScene(new Error("aborted"));
    const signal = AbortSignal.abort(new Denial("client_cancelled"));
    const message = read({ body: call });
    const session = nothing as unknown as Session;
    const decision = { narrowed: null } as Decision;
    const known = { arrival: arrivalWith({}, signal), identity: ann, message, session, decision };
    const sending = forward(scene.upstream, known);
    await expect(sending).rejects.toMatchObject({ code: "client_cancelled" });
    expect(scene.load).toEqual(["call", "done"]);
  });
});
