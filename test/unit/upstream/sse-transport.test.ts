import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import { until } from "../../golden/observe.ts";
import { answerTo, call, end, faultOf, idleMs, listen, message, note, on, set, textOf } from "./sse-scene.ts";
import { openStream, type Posted } from "./sse-server.ts";
import { hear } from "./sse-source.ts";

afterEach(() => void vi.useRealTimers());

describe("without a session", () => {
  it("a request is told how to begin", async () => {
    const { server, send } = await set();
    const answer = await send({ id: 7, method: "tools/list" });
    expect(answer).toMatchObject({ statusCode: 400, headers: { "content-type": "application/json" } });
    expect(JSON.parse(await textOf(answer))).toEqual({
      jsonrpc: "2.0",
      id: 7,
      error: { code: -32600, message: expect.stringContaining("initialize") },
    });
    expect(server.streams).toEqual([]);
  });

  it.each([
    ["notification", note],
    ["stream", listen],
    ["end", end],
  ])("a %s is refused", async (_case, outgoing) => {
    const { server, send } = await set();
    expect(await send(outgoing)).toMatchObject({ statusCode: 400 });
    expect([...server.streams, ...server.posts]).toEqual([]);
  });
});

describe("a session that is not known", () => {
  it.each([
    ["request", call(1, "elsewhere")],
    ["notification", { ...note, ...on("elsewhere") }],
    ["stream", { ...listen, ...on("elsewhere") }],
    ["end", { ...end, ...on("elsewhere") }],
  ])("is not found by a %s", async (_case, outgoing) => {
    const { server, send, begin } = await set();
    await begin();
    const answer = await send(outgoing);
    expect(answer.statusCode).toBe(404);
    expect(await textOf(answer)).toBe("");
    expect(server.posts).toHaveLength(1);
  });
});

describe("a request", () => {
  it("is posted to the endpoint of its own session, and answered there", async () => {
    const { server, request, begin } = await set();
    const sessions: string[] = [];
    for (const path of ["/m?s=1", "/m?s=2"]) {
      server.behave({ open: (response) => openStream(response, `event: endpoint\ndata: ${path}\n\n`) });
      sessions.push(await begin());
    }
    const [first, second] = await Promise.all(sessions.map((session) => request(1, session)));
    expect(
      server.posts
        .slice(2)
        .map(({ url }) => url)
        .sort(),
    ).toEqual(["/m?s=1", "/m?s=2"]);
    server.streams[1]?.say(answerTo(1, { of: "second" }));
    await until("the answer", () => second?.end);
    expect(second?.messages).toEqual([answerTo(1, { of: "second" })]);
    expect(first).toEqual({ messages: [], end: undefined });
  });

  it("hears the progress it asked for", async () => {
    const { server, send, request, begin } = await set();
    const session = await begin();
    const standalone = hear((await send({ ...listen, ...on(session) })).body);
    const asking = { body: Buffer.from('{"id":1,"params":{"name":"x","_meta":{"progressToken":"one"}}}') };
    const [heard] = [await request(1, session, asking), await request(2, session)];
    const progress =
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"one","progress":1}}';
    server.streams[0]?.say(progress);
    server.streams[0]?.say(answerTo(1));
    await until("the end", () => heard.end);
    expect(heard.messages).toEqual([progress, answerTo(1)]);
    expect(standalone.messages).toEqual([]);
  });

  it("hears what nobody heard before, once it is taken", async () => {
    const { server, send, request } = await set();
    const { headers, body } = await send({});
    const session = String(headers["mcp-session-id"]);
    const opening = hear(body);
    // In one piece with the answer, so that it is there when that is.
    server.streams[0]?.response.write(`data: ${answerTo("hello")}\n\ndata: ${message}\n\n`);
    await until("the answer", () => opening.end);
    server.behave({ take: refuseWith(400) });
    await textOf(await send(call(1, session)));
    server.behave({});
    const heard = await request(2, session);
    await until("the message", () => heard.messages[0]);
    expect(heard.messages).toEqual([message]);
  });

  it("is refused when the server refuses it, and forgotten", async () => {
    const { server, send, request, begin } = await set();
    const session = await begin();
    server.behave({ take: refuseWith(403, "application/json", '{"no":1}') });
    const answer = await send(call(1, session));
    expect(answer).toMatchObject({ statusCode: 403, headers: { "content-type": "application/json" } });
    expect(await textOf(answer)).toBe('{"no":1}');
    server.behave({});
    const heard = await request(1, session);
    server.streams[0]?.say(answerTo(1));
    await until("the end", () => heard.end);
    expect(heard.messages).toEqual([answerTo(1)]);
  });

  it("with the id of one that waits is refused, and the first goes on", async () => {
    const { server, send, request, begin } = await set();
    const session = await begin();
    const first = await request(1, session);
    const second = await send(call(1, session));
    expect(second.statusCode).toBe(400);
    expect(JSON.parse(await textOf(second))).toMatchObject({ id: 1, error: { code: -32600 } });
    expect(server.posts).toHaveLength(2);
    server.streams[0]?.say(answerTo(1));
    await until("the end", () => first.end);
    expect(first.messages).toEqual([answerTo(1)]);
  });

  it("begins to be answered before the server has taken it, where that does the work first", async () => {
    const { server, request, begin } = await set();
    const session = await begin();
    const question = '{"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":{}}';
    server.behave({ take: () => server.streams[0]?.say(question) });
    const heard = await request(1, session);
    await until("the question", () => heard.messages[0]);
    server.streams[0]?.say(answerTo(1));
    await until("the end", () => heard.end);
    expect(heard).toEqual({ messages: [question, answerTo(1)], end: { cause: null } });
  });

  it.each<[string, (response: ServerResponse) => unknown, object]>([
    ["is refused", (response) => response.writeHead(500).end(), { code: "upstream_refused" }],
    ["is cut off", (response) => response.destroy(), { code: "UND_ERR_SOCKET" }],
  ])("that %s after its stream has begun breaks off", async (_case, finish, expected) => {
    const { server, request, begin } = await set();
    const session = await begin();
    server.behave({ take: () => server.streams[0]?.say(message) });
    const heard = await request(1, session);
    finish(server.posts.at(-1)?.response ?? expect.fail());
    await until("the end", () => heard.end);
    expect(heard.end?.cause).toMatchObject(expected);
  });

  it("that is refused after its answer keeps the answer", async () => {
    const { server, send, begin } = await set();
    const session = await begin();
    server.behave({ take: () => server.streams[0]?.say(answerTo(1)) });
    const { body } = await send(call(1, session));
    server.posts.at(-1)?.response.writeHead(500).end();
    server.behave({});
    await send({ ...note, ...on(session) });
    const heard = hear(body);
    await until("the end", () => heard.end);
    expect(heard).toEqual({ messages: [answerTo(1)], end: { cause: null } });
  });

  it("that is broken off is not cancelled at the server, and its late answer reaches nobody", async () => {
    const { server, send, request, begin } = await set();
    const session = await begin();
    const gone = new AbortController();
    const heard = await request(1, session, { signal: gone.signal });
    gone.abort(new Error("client gone"));
    await until("the end", () => heard.end);
    const standalone = hear((await send({ ...listen, ...on(session) })).body);
    server.streams[0]?.say(answerTo(1));
    server.streams[0]?.say(message);
    await until("the message", () => standalone.messages[0]);
    expect(standalone.messages).toEqual([message]);
    expect(server.posts).toHaveLength(2);
    expect(heard.messages).toEqual([]);
  });

  it("that cannot be sent is forgotten", async () => {
    const { server, send, begin } = await set();
    const session = await begin();
    server.behave({ take: ({ response }) => void response.destroy() });
    await expect(send(call(1, session))).rejects.toMatchObject({ code: "UND_ERR_SOCKET" });
    server.behave({});
    expect(await send(call(1, session))).toMatchObject({ statusCode: 200 });
  });

  it("whose session breaks before it is taken breaks off, with a stream that says so", async () => {
    const { server, send, begin } = await set();
    const session = await begin();
    server.behave({ take: () => server.streams[0]?.response.destroy() });
    const answer = await send(call(1, session));
    expect(await faultOf(answer)).toMatchObject({ code: "UND_ERR_SOCKET" });
  });
});

function refuseWith(status: number, type = "text/plain", body = "no"): (posted: Posted) => void {
  return ({ response }) => void response.writeHead(status, { "content-type": type }).end(body);
}

describe("notifications and answers of the client", () => {
  it.each(["notification", "response"] as const)("are posted: %s", async (kind) => {
    const { server, send, begin } = await set();
    const session = await begin();
    server.behave({ take: ({ response }) => void response.writeHead(200).end("OK") });
    const answer = await send({ ...note, ...on(session), kind });
    expect(answer.statusCode).toBe(202);
    expect(await textOf(answer)).toBe("");
    expect(server.posts.at(-1)).toMatchObject({ url: "/base/messages?session=1", body: message });
  });

  it("are no reason to listen to what the server says about them", async () => {
    const { server, send, begin } = await set();
    const session = await begin();
    server.behave({ take: ({ response }) => void response.writeHead(202).write("x".repeat(100_000)) });
    expect(await send({ ...note, ...on(session) })).toMatchObject({ statusCode: 202 });
    await until("the connection to be closed", () => server.posts.at(-1)?.response.destroyed || undefined);
  });

  it.each([400, 401, 500, 302])("that are refused with %s are answered so", async (status) => {
    const { server, send, begin } = await set();
    const session = await begin();
    server.behave({ take: refuseWith(status) });
    const answer = await send({ ...note, ...on(session) });
    expect(answer).toMatchObject({ statusCode: status, headers: { "content-type": "text/plain" } });
    expect(await textOf(answer)).toBe("no");
  });
});

describe("the end of a session", () => {
  it("comes when the client says so", async () => {
    const { server, send, request, begin } = await set();
    const session = await begin();
    const waiting = await request(1, session);
    const standalone = hear((await send({ ...listen, ...on(session) })).body);
    const answer = await send({ ...end, ...on(session) });
    expect(answer.statusCode).toBe(200);
    expect(await textOf(answer)).toBe("");
    for (const heard of [waiting, standalone]) {
      expect(await until("the end", () => heard.end)).toEqual({ cause: null });
    }
    await until("the stream to be closed", () => server.streams[0]?.closed || undefined);
    expect(await send(call(2, session))).toMatchObject({ statusCode: 404 });
    expect(server.posts).toHaveLength(2);
  });

  it.each<[string, (response: ServerResponse) => unknown, object]>([
    ["ends", (response) => response.end(), { cause: null }],
    ["breaks", (response) => response.destroy(), { cause: { code: "UND_ERR_SOCKET" } }],
    [
      "brings too large an event",
      (response) => response.write(`data: ${"x".repeat(70_000)}`),
      { cause: { kind: "too_large" } },
    ],
    [
      "brings what is not UTF-8",
      (response) => response.write(Buffer.from([0xff, 0x0a, 0x0a])),
      { cause: { kind: "utf8" } },
    ],
    ["brings no message", (response) => response.write("data: hello\n\n"), { cause: { code: "upstream_malformed" } }],
  ])("comes when the server's stream %s", async (_case, finish, expected) => {
    const { server, send, request, begin } = await set();
    const session = await begin();
    const waiting = await request(1, session);
    const standalone = hear((await send({ ...listen, ...on(session) })).body);
    finish(server.streams[0]?.response ?? expect.fail());
    for (const heard of [waiting, standalone]) {
      expect(await until("the end", () => heard.end)).toMatchObject(expected);
    }
    await until("the stream to be closed", () => server.streams[0]?.closed || undefined);
    expect(await send(call(2, session))).toMatchObject({ statusCode: 404 });
  });

  it("comes when the server has forgotten it", async () => {
    const { server, send, begin } = await set();
    const session = await begin();
    server.behave({ take: refuseWith(404) });
    expect(await send(call(1, session))).toMatchObject({ statusCode: 404 });
    await until("the stream to be closed", () => server.streams[0]?.closed || undefined);
    server.behave({});
    expect(await send(call(2, session))).toMatchObject({ statusCode: 404 });
    expect(server.posts).toHaveLength(2);
  });

  it("comes when nobody has used it for too long", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { server, send, begin } = await set();
    const session = await begin();
    await vi.advanceTimersByTimeAsync(idleMs - 1);
    expect(await send({ ...note, ...on(session) })).toMatchObject({ statusCode: 202 });
    await vi.advanceTimersByTimeAsync(idleMs - 1);
    expect(server.streams[0]?.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await until("the stream to be closed", () => server.streams[0]?.closed || undefined);
    vi.useRealTimers();
    expect(await send(call(1, session))).toMatchObject({ statusCode: 404 });
  });
});

describe("the stream of the session", () => {
  it("is one at a time", async () => {
    const { send, begin } = await set();
    const session = await begin();
    const first = await send({ ...listen, ...on(session) });
    expect(first).toMatchObject({ statusCode: 200, headers: { "content-type": "text/event-stream" } });
    expect(await send({ ...listen, ...on(session) })).toMatchObject({ statusCode: 409 });
    first.body.destroy();
    const signal = AbortSignal.abort(new Error("client gone"));
    await expect(send({ ...listen, ...on(session), signal })).rejects.toThrow("client gone");
    expect(await send({ ...listen, ...on(session) })).toMatchObject({ statusCode: 200 });
  });
});

describe("sessions", () => {
  it("are so many and no more, those that are about to open included", async () => {
    const { server, send, begin } = await set({ maxSessions: 2 });
    const first = await begin();
    server.behave({ open: () => {} });
    const gone = new AbortController();
    const second = send({ signal: gone.signal }).catch(() => null);
    expect(await send({})).toMatchObject({ statusCode: 503 });
    gone.abort();
    await second;
    server.behave({});
    await begin();
    expect(await send({})).toMatchObject({ statusCode: 503 });
    await send({ ...end, ...on(first) });
    await begin();
  });
});

describe("closing", () => {
  it("lets exchanges finish, questions of the server included", async () => {
    const { server, transport, send, request, begin } = await set();
    const [busy, idle] = [await begin(), await begin()];
    const waiting = await request(1, busy);
    let closed = false;
    const closing = transport.close().then(() => {
      closed = true;
    });
    await until("the idle one to be closed", () => server.streams[1]?.closed || undefined);
    expect(await send({})).toMatchObject({ statusCode: 503 });
    expect(await send({ ...note, ...on(idle) })).toMatchObject({ statusCode: 404 });
    expect(await send({ ...note, ...on(busy), kind: "response" })).toMatchObject({ statusCode: 202 });
    expect(closed).toBe(false);
    server.streams[0]?.say(answerTo(1));
    await closing;
    expect(waiting).toMatchObject({ messages: [answerTo(1)] });
    await until("the stream to be closed", () => server.streams[0]?.closed || undefined);
  });

  it("lets a session that is about to open answer its first request", async () => {
    const { server, transport, send } = await set();
    server.behave({ open: () => {} });
    const sent = send({});
    const stream = await server.stream();
    const closing = transport.close();
    openStream(stream.response);
    const heard = hear((await sent).body);
    stream.say(answerTo("hello"));
    await closing;
    await until("the end", () => heard.end);
    expect(heard.messages).toEqual([answerTo("hello")]);
  });

  it("by force breaks everything off", async () => {
    const { server, transport, request, send, begin } = await set();
    const session = await begin();
    const waiting = await request(1, session);
    server.behave({ open: () => {} });
    const opening = send({}).catch((error: unknown) => error);
    await server.stream(1);
    await transport.destroy();
    expect(await until("the end", () => waiting.end)).toMatchObject({ cause: { code: "upstream_reset" } });
    expect(await opening).toBeInstanceOf(Error);
    for (const stream of server.streams) await until("the stream to be closed", () => stream.closed || undefined);
    expect(await send(call(2, session))).toMatchObject({ statusCode: 404 });
  });
});

describe("memory", () => {
  it("holds no more than a mark of what a client does not read; the server has to wait", async () => {
    const { server, send, begin } = await set();
    const session = await begin();
    const body = (await send({ ...listen, ...on(session) })).body as Readable;
    const large = message.replace('"x"', JSON.stringify("x".repeat(50_000)));
    const { response } = await server.stream();
    let written = 0;
    while (!response.writableNeedDrain || written < 400) {
      server.streams[0]?.say(large);
      written += 1;
    }
    await until("the stream to fill", () => body.readableLength > 65_536 || undefined);
    expect(body.readableLength).toBeLessThan(200_000);
    const heard = hear(body);
    await until("all of it", () => heard.messages.length === written || undefined);
  });
});
