import { afterEach, describe, expect, it, vi } from "vitest";
import { until } from "../../golden/observe.ts";
import { answerTo, call, faultOf, firstByteMs, initialize, message, set, textOf } from "./sse-scene.ts";
import { openStream } from "./sse-server.ts";
import { hear } from "./sse-source.ts";

afterEach(() => void vi.useRealTimers());

describe("initialize", () => {
  it("opens a stream with the credentials and posts to the endpoint that the server names", async () => {
    const { server, send } = await set();
    const headers = {
      ...initialize.headers,
      "x-team": "blue",
      "mcp-protocol-version": "2025-11-25",
      "last-event-id": "7",
    };
    const answer = await send({ headers });
    expect(answer).toMatchObject({
      statusCode: 200,
      headers: { "content-type": "text/event-stream", "mcp-session-id": "session-1" },
    });
    const [stream] = server.streams;
    expect(stream?.url).toBe("/base/sse");
    expect(stream?.headers).toMatchObject({
      authorization: "Bearer upstream",
      "x-team": "blue",
      accept: "text/event-stream",
    });
    expect(stream?.headers).not.toHaveProperty("content-type");
    const [posted] = server.posts;
    expect(posted).toMatchObject({ url: "/base/messages?session=1", body: initialize.body });
    expect(posted?.headers).toMatchObject({
      authorization: "Bearer upstream",
      "x-team": "blue",
      "content-type": "application/json",
    });
    for (const name of ["mcp-protocol-version", "mcp-session-id", "last-event-id"]) {
      expect(stream?.headers).not.toHaveProperty(name);
      expect(posted?.headers).not.toHaveProperty(name);
    }
    stream?.say(message);
    stream?.say(answerTo("hello"));
    const heard = hear(answer.body);
    await until("the end", () => heard.end);
    expect(heard.messages).toEqual([message, answerTo("hello")]);
  });

  it.each([
    ["relative to the stream", "messages?a=1", "/base/messages?a=1"],
    ["absolute in its path", "/messages?a=1#part", "/messages?a=1"],
    ["of another spelling of the same origin", "//127.0.0.1:PORT/x", "/x"],
  ])("finds an endpoint that is %s", async (_case, said, path) => {
    const { server, send } = await set();
    const data = said.replace("PORT", server.url.port);
    server.behave({
      open: (response) => openStream(response, `retry: 5\n\n: hello\n\nevent: endpoint\ndata: ${data}\n\n`),
    });
    await send({});
    expect(server.posts.map(({ url }) => url)).toEqual([path]);
  });

  it("takes messages that come in one piece with the endpoint, and however they are cut", async () => {
    const { server, send } = await set();
    const data = '{ "jsonrpc": "2.0",\n\t"id": "hello", "result": { "n": 1e400, "text": "é\\ud800 😀" } }';
    const text = `event: endpoint\rdata: m\r\revent: message\r\ndata: ${data.replace("\n", "\r\ndata: ")}\r\n\r\n`;
    const bytes = Buffer.from(text);
    server.behave({
      open(response) {
        openStream(response, "");
        for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7));
      },
      // It asks before it is answered: the message is there before anybody waits for it.
      take: ({ response }) => void response.writeHead(202).end(),
    });
    const answer = await send({});
    server.streams[0]?.response.write(`data: ${data.replace("\n", "\ndata: ")}\n\n`);
    const heard = hear(answer.body);
    await until("the end", () => heard.end);
    expect(heard.messages).toEqual([data]);
  });

  it("can be given up while the server refuses without end", async () => {
    const { server, send } = await set();
    server.behave({
      open: (response) => void response.writeHead(400, { "content-type": "application/json" }).write("{"),
    });
    const gone = new AbortController();
    const sending = send({ signal: gone.signal });
    await until("the refusal", () => server.streams.length > 0);
    gone.abort(new Error("gone"));
    await expect(sending).rejects.toThrow("gone");
  });

  it.each([
    ["begins with a message", "event: message\ndata: {}\n\n", { code: "upstream_malformed" }],
    [
      "names an endpoint at another host",
      "event: endpoint\ndata: http://169.254.169.254/x\n\n",
      { code: "upstream_malformed" },
    ],
    [
      "names an endpoint at another port",
      "event: endpoint\ndata: http://127.0.0.1:1/x\n\n",
      { code: "upstream_malformed" },
    ],
    [
      "names an endpoint of another scheme",
      "event: endpoint\ndata: https://HOST/x\n\n",
      { code: "upstream_malformed" },
    ],
    [
      "names an endpoint without scheme elsewhere",
      "event: endpoint\ndata: //example.com/x\n\n",
      { code: "upstream_malformed" },
    ],
    ["names an endpoint that is no URL", "event: endpoint\ndata: http://[\n\n", { code: "upstream_malformed" }],
    ["names an endpoint that never ends", `event: endpoint\ndata: ${"x".repeat(70_000)}`, { kind: "too_large" }],
    ["ends without an endpoint", "END", { code: "upstream_closed" }],
  ])("breaks off when the stream %s", async (_case, text, expected) => {
    const { server, send } = await set();
    server.behave({
      open(response) {
        if (text === "END") response.writeHead(200, { "content-type": "text/event-stream" }).end();
        else openStream(response, text.replace("HOST", server.url.host));
      },
    });
    const answer = await send({});
    expect(answer.headers).not.toHaveProperty("mcp-session-id");
    expect(await faultOf(answer)).toMatchObject(expected);
    expect(server.posts).toEqual([]);
    await until("the stream to be closed", () => server.streams[0]?.closed || undefined);
  });

  it("breaks off when what comes is no event stream", async () => {
    const { server, send } = await set();
    server.behave({ open: (response) => void response.writeHead(200, { "content-type": "text/html" }).end("<p>") });
    expect(await faultOf(await send({}))).toMatchObject({ code: "upstream_malformed" });
  });

  it("breaks off when the endpoint does not come in time", async () => {
    const { server, send } = await set();
    server.behave({ open: (response) => openStream(response, ": nothing yet\n\n") });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const sent = send({});
    await server.stream();
    await vi.advanceTimersByTimeAsync(firstByteMs);
    const fault = await sent.then(faultOf, (error: unknown) => error);
    expect(fault).toMatchObject({ code: "UND_ERR_HEADERS_TIMEOUT" });
    await until("the stream to be closed", () => server.streams[0]?.closed || undefined);
  });

  it.each([401, 404, 405, 500, 302])("passes a %s of the stream on as it is", async (status) => {
    const { server, send } = await set();
    server.behave({
      open: (response) =>
        void response.writeHead(status, { "content-type": "text/plain", "mcp-session-id": "x" }).end("no"),
    });
    const answer = await send({});
    expect(answer).toMatchObject({ statusCode: status, headers: { "content-type": "text/plain" } });
    expect(answer.headers).not.toHaveProperty("mcp-session-id");
    expect(await textOf(answer)).toBe("no");
  });

  it("that is refused leaves no session", async () => {
    const { server, send } = await set();
    server.behave({
      take: ({ response }) => void response.writeHead(400, { "content-type": "text/plain" }).end("bad"),
    });
    const answer = await send({});
    expect(answer).toMatchObject({ statusCode: 400, headers: { "content-type": "text/plain" } });
    expect(answer.headers).not.toHaveProperty("mcp-session-id");
    expect(await textOf(answer)).toBe("bad");
    await until("the stream to be closed", () => server.streams[0]?.closed || undefined);
    expect(await send(call(1, "session-1"))).toMatchObject({ statusCode: 404 });
  });

  it.each([
    ["before the endpoint is known", { open: () => {} }],
    ["before it is taken", { take: () => {} }],
    ["before it is answered", {}],
  ])("that is broken off %s closes the stream", async (_case, behaviour) => {
    const { server, send } = await set();
    server.behave(behaviour);
    const gone = new AbortController();
    const sent = send({ signal: gone.signal });
    const stream = await server.stream();
    if (!("open" in behaviour)) await until("the POST", () => server.posts[0]);
    if (!("open" in behaviour) && !("take" in behaviour)) await sent;
    gone.abort(new Error("client gone"));
    const outcome = await sent.then(faultOf, (error: unknown) => error);
    expect(outcome).toBeInstanceOf(Error);
    expect(outcome).not.toHaveProperty("code", "UND_ERR_HEADERS_TIMEOUT");
    await until("the stream to be closed", () => stream.closed || undefined);
  });

  it("that nobody waits for any more opens nothing", async () => {
    const { server, send, begin } = await set();
    const reason = new Error("client gone");
    await expect(send({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await begin();
    expect(server.streams).toHaveLength(1);
  });

  it("goes on without the request that opened it", async () => {
    const { server, send, request } = await set();
    const visit = new AbortController();
    const answer = await send({ signal: visit.signal });
    const heard = hear(answer.body);
    server.streams[0]?.say(answerTo("hello"));
    await until("the answer", () => heard.end);
    visit.abort();
    const later = await request(1, "session-1");
    server.streams[0]?.say(answerTo(1));
    await until("the end", () => later.end);
    expect(later.messages).toEqual([answerTo(1)]);
  });
});
