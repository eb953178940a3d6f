/** What can be tried at a door of 2024-11-05: at somebody else's, at one's own, and by the server behind it. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type DenialCode, refusals } from "../../src/denial.ts";
import { openDoor, openStream, type PlainDoor } from "../e2e/elder-client.ts";
import { initialize, toolCall } from "../e2e/http.ts";
import { type Setting, type SettingOptions, set } from "../e2e/setting.ts";
import { type Gateway, startGateway } from "../fixtures/gateway.ts";
import { answerMinimally, type Recorder, type RecorderHandler, startRecorder } from "../fixtures/recorder.ts";
import { readAudit, readMetric, scrape } from "../golden/observe.ts";
import { until } from "./until.ts";
import { openWire, type WireAnswer } from "./wire.ts";

const plenty = { requests: 100_000 };

/** Answers with sessions and their streams; what is called `never` gets no answer. */
const withStreams: RecorderHandler = (request, body, response) => {
  if (request.method === "GET") {
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  } else if (request.method === "DELETE") {
    response.writeHead(200).end();
  } else if (!body.includes('"never"')) {
    // An ended session is never opened again, so each has an id of its own.
    if (body.includes('"initialize"')) response.setHeader("mcp-session-id", `session-${crypto.randomUUID()}`);
    answerMinimally(request, body, response);
  }
};

function countCalls({ recorder }: Pick<Setting, "recorder">): number {
  return recorder.requests.filter(({ body }) => body.includes("tools/call")).length;
}

/** A setting whose limits are out of the way, but for those of an identity that are given. */
function setWide(limits: object, options: SettingOptions = {}): Promise<Setting> {
  return set({
    handler: withStreams,
    ...options,
    configOverrides: {
      ...options.configOverrides,
      limits: { address: plenty, identity: { ...plenty, ...limits } },
    },
  });
}

describe("somebody who is not meant", () => {
  let gateway: Gateway;
  let recorder: Recorder;
  const tokens: Record<string, string> = {};
  beforeAll(async () => {
    recorder = await startRecorder(withStreams);
    const alike = { url: recorder.url };
    gateway = await startGateway({
      servers: { alpha: alike, beta: alike },
      configOverrides: { limits: { address: plenty, identity: plenty } },
    });
    tokens.own = await gateway.mint({ server: "alpha" });
    tokens.beta = await gateway.mint({ server: "beta" });
    tokens.other = await gateway.mint({ server: "alpha", subject: "mallory" });
  });
  afterAll(async () => {
    await gateway?.stop();
    await recorder?.stop();
  });

  interface Try {
    readonly verb?: string;
    /** `{door}` stands for the id of the door. */
    readonly path: string;
    readonly as?: "own" | "beta" | "other" | "nobody";
    readonly headers?: Readonly<Record<string, string>>;
    /** Default: a call. */
    readonly message?: object;
  }

  async function attempt({ verb = "POST", path, as = "own", headers = {}, message }: Try): Promise<WireAnswer> {
    const body = verb !== "POST" ? "" : JSON.stringify(message ?? { jsonrpc: "2.0", ...toolCall(7) });
    const head = {
      host: "localhost",
      ...(as !== "nobody" && { authorization: `Bearer ${tokens[as]}` }),
      ...(body !== "" && { "content-type": "application/json", "content-length": String(body.length) }),
      ...headers,
    };
    const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
    const wire = await openWire(gateway);
    onTestFinished(() => wire.destroy());
    wire.send(`${verb} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
    return (await wire.answer()) ?? expect.fail("no answer");
  }

  async function openOwn(): Promise<PlainDoor> {
    const door = await openDoor(gateway, { token: tokens.own ?? "" });
    await door.begin();
    return door;
  }

  const modern = "2026-07-28";
  const stateless: Try = {
    path: "/alpha/messages/{door}",
    headers: { "mcp-protocol-version": modern, "mcp-method": "tools/call", "mcp-name": "echo" },
    message: {
      jsonrpc: "2.0",
      id: 7,
      method: "tools/call",
      params: {
        name: "echo",
        _meta: {
          "io.modelcontextprotocol/protocolVersion": modern,
          "io.modelcontextprotocol/clientCapabilities": {},
        },
      },
    },
  };

  it.each<[string, Try, number, DenialCode]>([
    ["another identity", { path: "/alpha/messages/{door}", as: "other" }, 404, "session_foreign"],
    ["the identity at another server", { path: "/beta/messages/{door}", as: "beta" }, 404, "session_foreign"],
    ["a token for another server", { path: "/alpha/messages/{door}", as: "beta" }, 401, "token_audience"],
    ["no token", { path: "/alpha/messages/{door}", as: "nobody" }, 401, "token_missing"],
    ["no token, at the stream", { verb: "GET", path: "/alpha/sse", as: "nobody" }, 401, "token_missing"],
    ["a token in the query", { path: "/alpha/messages/{door}?access_token=x", as: "nobody" }, 401, "token_missing"],
    ["an id that was never given", { path: `/alpha/messages/${crypto.randomUUID()}` }, 404, "session_unknown"],
    ["an id of dashes", { path: `/alpha/messages/${"-".repeat(36)}` }, 404, "session_unknown"],
    ["an id in capitals", { path: "/alpha/messages/{DOOR}" }, 404, "route_unknown"],
    ["an id that is longer", { path: "/alpha/messages/{door}0" }, 404, "route_unknown"],
    ["an id with a dot", { path: "/alpha/messages/{door}." }, 404, "route_unknown"],
    ["an id with a null byte", { path: "/alpha/messages/{door}%00" }, 404, "route_unknown"],
    ["a key of every object", { path: "/alpha/messages/__proto__" }, 404, "route_unknown"],
    ["no id", { path: "/alpha/messages/" }, 404, "route_unknown"],
    ["an id in the query", { path: "/alpha/messages?sessionId={door}" }, 404, "route_unknown"],
    ["a trailing slash", { path: "/alpha/messages/{door}/" }, 404, "route_unknown"],
    ["two slashes", { path: "/alpha//messages/{door}" }, 404, "route_unknown"],
    ["two slashes in front", { path: "//alpha/messages/{door}" }, 404, "route_unknown"],
    ["an encoded slash", { path: "/alpha/messages%2f{door}" }, 404, "route_unknown"],
    ["an encoded letter", { path: "/%61lpha/messages/{door}" }, 404, "route_unknown"],
    ["a backslash", { path: "/alpha\\messages/{door}" }, 404, "route_unknown"],
    ["a step back", { path: "/beta/../alpha/messages/{door}", as: "beta" }, 404, "route_unknown"],
    ["a step on the spot", { path: "/alpha/./messages/{door}" }, 404, "route_unknown"],
    ["a parameter of the path", { path: "/alpha/messages/{door};x=1" }, 404, "route_unknown"],
    ["an absolute target", { path: "https://localhost/alpha/messages/{door}" }, 404, "route_unknown"],
    ["a server that is not there", { path: "/gamma/messages/{door}" }, 404, "route_unknown"],
    ["a stream of a server that is not there", { verb: "GET", path: "/gamma/sse" }, 404, "route_unknown"],
    ["GET", { verb: "GET", path: "/alpha/messages/{door}" }, 405, "method_not_allowed"],
    ["DELETE", { verb: "DELETE", path: "/alpha/messages/{door}" }, 405, "method_not_allowed"],
    ["PUT", { verb: "PUT", path: "/alpha/messages/{door}" }, 405, "method_not_allowed"],
    ["POST at the stream", { path: "/alpha/sse" }, 405, "method_not_allowed"],
    ["DELETE at the stream", { verb: "DELETE", path: "/alpha/sse" }, 405, "method_not_allowed"],
    [
      "a browser of another origin",
      { path: "/alpha/messages/{door}", headers: { origin: "https://evil.example" } },
      403,
      "origin_denied",
    ],
    ["another host", { path: "/alpha/messages/{door}", headers: { host: "evil.example" } }, 421, "host_unknown"],
    ["a form", { path: "/alpha/messages/{door}", headers: { "content-type": "text/plain" } }, 415, "media_type"],
    [
      "a stream with a body",
      { verb: "GET", path: "/alpha/sse", headers: { "content-length": "2" } },
      400,
      "body_unexpected",
    ],
    [
      "a stream of something else",
      { verb: "GET", path: "/alpha/sse", headers: { accept: "text/html" } },
      406,
      "not_acceptable",
    ],
    ["a stateless message", stateless, 400, "version_unsupported"],
    [
      "a stateless stream",
      { verb: "GET", path: "/alpha/sse", headers: { "mcp-protocol-version": modern } },
      405,
      "method_not_allowed",
    ],
    [
      "initialize once more",
      { path: "/alpha/messages/{door}", message: { jsonrpc: "2.0", ...initialize } },
      400,
      "message_invalid",
    ],
    ["a batch", { path: "/alpha/messages/{door}", message: [toolCall(1)] }, 400, "batch_refused"],
    [
      "an answer that nobody asked for",
      { path: "/alpha/messages/{door}", message: { jsonrpc: "2.0", id: 1, result: {} } },
      400,
      "answer_unasked",
    ],
  ])("with %s is refused, on record, and the door's owner goes on", async (_case, wanted, status, reason) => {
    const door = await openOwn();
    const id = door.path.split("/").at(-1) ?? "";
    const path = wanted.path.replace("{door}", id).replace("{DOOR}", id.toUpperCase());
    const asked = recorder.requests.length;
    const answer = await attempt({ ...wanted, path });
    expect(answer.status).toBe(status);
    const record = (await readAudit(gateway)).find((entry) => entry.id === answer.header("x-request-id"));
    expect(record?.decision).toMatchObject({ effect: "deny", reason });
    expect(answer.body).toContain(refusals[reason].text);
    expect(answer.body).not.toContain(id);
    expect(recorder.requests.length).toBe(asked);
    expect(door.heard).toHaveLength(1);
    await door.post(toolCall(8));
    expect(await door.answer(8)).toMatchObject({ result: {} });
  });

  it.each([
    ["/alpha/sse", "POST", "GET"],
    ["/alpha/sse/", "DELETE", "GET"],
    ["/alpha/messages/{door}", "GET", "POST"],
    ["/alpha/messages/{door}", "DELETE", "POST"],
  ])("hears what can be done at %s instead of %s", async (path, verb, allow) => {
    const door = path.replace("{door}", crypto.randomUUID());
    expect((await attempt({ verb, path: door })).header("allow")).toBe(allow);
  });

  it.each<[string, Try]>([
    ["another identity", { path: "/alpha/messages/{door}", as: "other" }],
    ["the identity at another server", { path: "/beta/messages/{door}", as: "beta" }],
  ])("cannot begin a session at a door that has none yet: %s", async (_case, wanted) => {
    const door = await openDoor(gateway, { token: tokens.own ?? "" });
    const asked = recorder.requests.length;
    const path = wanted.path.replace("{door}", door.path.split("/").at(-1) ?? "");
    const answer = await attempt({ ...wanted, path, message: { jsonrpc: "2.0", ...initialize } });
    const record = (await readAudit(gateway)).find(({ id }) => id === answer.header("x-request-id"));
    expect([answer.status, record?.decision.reason]).toEqual([404, "session_foreign"]);
    expect(recorder.requests.length).toBe(asked);
    await door.begin();
    expect(door.heard).toHaveLength(1);
  });

  it("comes too late when the stream is over", async () => {
    const door = await openOwn();
    door.stream.destroy();
    await until("the door to be gone", async () => (await attempt({ path: door.path })).status === 404);
    const answer = await attempt({ path: door.path });
    expect(JSON.parse(answer.body)).toMatchObject({ id: 7, error: { data: { reason: "session_unknown" } } });
  });

  it("cannot lead a door into another session by a header", async () => {
    const door = await openOwn();
    const headers = { "mcp-session-id": "made-up", "last-event-id": "made-up" };
    expect((await attempt({ path: door.path, headers, message: { jsonrpc: "2.0", ...toolCall(9) } })).status).toBe(202);
    expect(await door.answer(9)).toMatchObject({ result: {} });
    const { rawHeaders = [] } = recorder.requests.findLast(({ body }) => body.includes("tools/call")) ?? {};
    expect(rawHeaders).toContainEqual(expect.stringMatching(/^session-/));
    expect(rawHeaders).not.toContain("made-up");
  });
});

describe("a door's own client", () => {
  it("cannot begin several sessions at once", async () => {
    const { gateway, recorder, token } = await setWide({});
    const door = await openDoor(gateway, { token });
    const begun = await Promise.all([0, 1, 2].map((id) => door.post({ ...initialize, id })));
    expect(begun.map(({ status }) => status).sort()).toEqual([202, 400, 400]);
    expect(recorder.requests.filter(({ body }) => body.includes("initialize"))).toHaveLength(1);
  });

  it("may open as many streams as an identity has, and gets their places back", async () => {
    const { gateway, token } = await setWide({ streams: 5 });
    const opened = await Promise.all(Array.from({ length: 20 }, () => openStream(gateway, "/alpha/sse", token)));
    const statuses = opened.map(({ statusCode }) => statusCode).sort();
    expect(statuses).toEqual([...Array(5).fill(200), ...Array(15).fill(429)]);
    for (const stream of opened) stream.destroy();
    const again = () => openStream(gateway, "/alpha/sse", token);
    await until("a place", async () => (await again()).statusCode === 200);
    const mallory = await gateway.mint({ server: "alpha", subject: "mallory" });
    expect((await openStream(gateway, "/alpha/sse", mallory)).statusCode).toBe(200);
  });

  it.each<[string, object, object, DenialCode]>([
    ["too many at once", { concurrent: 1 }, toolCall(7), "identity_busy"],
    ["too many", { requests: 5 }, toolCall(7), "identity_limited"],
    ["a task that is not there", {}, { id: 7, method: "tasks/get", params: { taskId: "no" } }, "task_unknown"],
    ["a method that is not there", {}, { id: 7, method: "no/such" }, "method_unknown"],
    ["parameters that do not fit", {}, { id: 7, method: "tools/call", params: {} }, "params_invalid"],
  ])("hears of every refusal: %s", async (_case, limits, message, reason) => {
    const { gateway, token } = await setWide(limits);
    const door = await openDoor(gateway, { token });
    await door.begin();
    if ("concurrent" in limits) await door.post(toolCall(1, "never"));
    if ("requests" in limits) for (let id = 100; id < 105; id++) await door.post({ id, method: "ping" });
    const { status, requestId } = await door.post(message);
    // What stands in the body of the POST is read by no client of that era, unless its status says that it failed.
    if (status < 400)
      expect(await door.answer(7)).toMatchObject({ error: { code: refusals[reason].rpc, data: { reason } } });
    const record = (await readAudit(gateway)).find(({ id }) => id === requestId);
    expect(record?.decision).toMatchObject({ effect: "deny", reason });
  });

  it("is held to its limits by whatever number of messages at once", async () => {
    let [inFlight, most] = [0, 0];
    const { gateway, token, recorder } = await setWide(
      { concurrent: 4 },
      {
        async handler(request, body, response) {
          if (!body.includes("tools/call")) return withStreams(request, body, response);
          inFlight += 1;
          most = Math.max(most, inFlight);
          await new Promise((resolve) => setTimeout(resolve, 20));
          inFlight -= 1;
          answerMinimally(request, body, response);
        },
      },
    );
    const door = await openDoor(gateway, { token });
    await door.begin();
    const ids = Array.from({ length: 300 }, (_, index) => 1_000 + index);
    const posts = ids.map((id) => {
      const body = JSON.stringify({ jsonrpc: "2.0", ...toolCall(id) });
      const head = `host: localhost\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json`;
      return `POST ${door.path} HTTP/1.1\r\n${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    });
    const each = 20;
    for (let from = 0; from < ids.length; from += each) {
      const wire = await openWire(gateway);
      onTestFinished(() => wire.destroy());
      wire.send(posts.slice(from, from + each).join(""));
    }
    await until("every call on record", async () => {
      const calls = (await readAudit(gateway)).filter(({ method }) => method === "tools/call");
      return calls.length === ids.length;
    });
    expect(most).toBeLessThanOrEqual(4);
    const passed = countCalls({ recorder });
    await until("every answer", () => door.heard.filter(({ result }) => result?.content).length === passed);
    await door.post(toolCall(1));
    expect(await door.answer(1)).toMatchObject({ result: {} });
  });

  it("that leaves while ten answers are owed leaves nothing behind", async () => {
    const { gateway, recorder, token, log } = await setWide({ concurrent: 10 });
    const door = await openDoor(gateway, { token });
    await door.begin();
    for (let id = 1; id <= 10; id++) await door.post(toolCall(id, "never"));
    const pending = () => recorder.requests.filter(({ body }) => body.includes('"never"'));
    await until("the calls", () => pending().length === 10);
    door.stream.destroy();
    await until("the calls to end", () => pending().every(({ aborted }) => aborted));
    await until("nothing in progress", async () => {
      const text = await scrape(gateway);
      const gauges = ["sallyport_inflight_requests", "sallyport_open_streams"];
      return gauges.every((gauge) => readMetric(text, gauge, "server").get("alpha") === 0);
    });
    const records = (await readAudit(gateway)).filter(({ method }) => method === "tools/call");
    expect(records.map(({ decision: { reason } }) => reason)).toEqual(Array(10).fill("client_gone"));
    const next = await openDoor(gateway, { token });
    await next.begin();
    for (let id = 1; id <= 10; id++) expect((await next.post(toolCall(id, "never"))).text).toBe("");
    await until("ten more", () => pending().length === 20);
    expect(log()).not.toContain("Warning");
  });
});

describe("a client that does not read its stream", () => {
  const large = "x".repeat(4 * 1_048_576);
  const answerLargely: RecorderHandler = (request, body, response) => {
    const { id, params } = JSON.parse(body.toString() || "{}");
    if (params?.name === "begun") {
      // Answers never, but on a stream.
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      return;
    }
    if (params?.name !== "large") return withStreams(request, body, response);
    const result = { content: [{ type: "text", text: large }] };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
  };

  /** Answers that nobody reads, until one of them waits. */
  async function fill(setting: Setting, door: PlainDoor, concurrent: number): Promise<readonly number[]> {
    door.stream.pause();
    const accepted: number[] = [];
    for (let id = 1; ; id++) {
      const { status, text } = await door.post(toolCall(id, "large"));
      if (status !== 202 || text !== "") return accepted;
      accepted.push(id);
      // More than what both kernels keep and all places together.
      expect(accepted.length).toBeLessThan(concurrent + 10);
      await until("the answer", async () => {
        const told = (await readAudit(setting.gateway)).filter(({ target }) => target?.name === "large");
        return told.length >= accepted.length;
      });
    }
  }

  it("holds the places of its calls, and gets every answer when it reads again", async () => {
    const setting = await setWide({ concurrent: 2 }, { handler: answerLargely });
    const { gateway, token, client, recorder } = setting;
    const door = await openDoor(gateway, { token });
    await door.begin();
    const accepted = await fill(setting, door, 2);
    const asked = countCalls({ recorder });
    expect((await client.post(toolCall(99))).message).toMatchObject({ error: { data: { reason: "identity_busy" } } });
    expect(countCalls({ recorder })).toBe(asked);
    door.stream.resume();
    for (const id of accepted) expect(await door.answer(id)).toMatchObject({ result: { content: [{ text: large }] } });
    await until("a place", async () => (await client.post(toolCall(99))).message.result !== undefined);
  });

  it("makes the server wait that has much to say on its own", async () => {
    const chunk = `data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { data: "x".repeat(32_768) } })}\n\n`;
    const count = 1_024;
    let written = 0;
    const { gateway, token, client } = await setWide(
      {},
      {
        async handler(request, body, response) {
          if (request.method !== "GET") return withStreams(request, body, response);
          response.writeHead(200, { "content-type": "text/event-stream" });
          while (written < count && !response.destroyed) {
            written += 1;
            if (!response.write(chunk)) await once(response, "drain");
          }
        },
      },
    );
    const door = await openDoor(gateway, { token });
    door.stream.on("data", () => void (door.heard.length > 0 && written < count && door.stream.pause()));
    await door.begin();
    await until("the server to begin", () => written > 8);
    // The time of some calls for everything that may still flow.
    for (let id = 0; id < 50; id++) expect((await client.post(toolCall(id))).status).toBe(200);
    expect(written).toBeLessThan(count);
    door.stream.removeAllListeners("data");
    door.stream.resume();
    await until("all of it", () => written === count);
  });

  it("with a dozen answers waiting is nothing that stderr has to hear of", async () => {
    const setting = await setWide({ concurrent: 12 }, { handler: answerLargely });
    const door = await openDoor(setting.gateway, { token: setting.token });
    await door.begin();
    await fill(setting, door, 12);
    expect(setting.log()).not.toContain("Warning");
  });

  it.each<[string, string, (setting: Setting) => unknown]>([
    ["its token expires", "begun", () => {}],
    ["its token expires", "never", () => {}],
    ["the gateway stops", "begun", ({ gateway }) => gateway.child.kill("SIGTERM")],
  ])("cannot bring the gateway down when %s while a call is pending: %s", async (how, tool, act) => {
    const setting = await setWide(
      { concurrent: 8 },
      {
        handler: answerLargely,
        configOverrides: { identity: { clockSkew: "0s" }, listen: { drainTimeout: "200ms" } },
      },
    );
    const { gateway, log } = setting;
    const exited = once(gateway.child, "exit");
    const token = await gateway.mint({ server: "alpha", ttl: how === "the gateway stops" ? "10m" : "20s" });
    const door = await openDoor(gateway, { token });
    await door.begin();
    await door.post(toolCall(50, tool));
    door.stream.pause();
    for (let id = 1; id <= 6; id++) await door.post(toolCall(id, "large"));
    await until(
      "the answers",
      async () => (await readAudit(gateway)).filter(({ target }) => target?.name === "large").length === 6,
    );
    await act(setting);
    if (how === "the gateway stops") return expect(await exited).toEqual([0, null]);
    await until("the record of the call", async () =>
      (await readAudit(gateway)).some(({ target }) => target?.name === tool),
    );
    const next = await openDoor(gateway, { token: setting.token });
    await next.begin();
    expect([gateway.child.exitCode, log()]).toEqual([null, expect.not.stringContaining("write after end")]);
  });
});

describe("a hostile server", () => {
  it.each(["endpoint", "ping", "error"])(
    "cannot give a door's client another address by an event: %s",
    async (type) => {
      // A client that took this for its address would post to another server of the same gateway.
      const params = { level: "info", data: "/../../beta/mcp?" };
      const notice = JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params });
      const { gateway, token } = await setWide(
        {},
        {
          handler(request, body, response) {
            if (!body.includes("tools/call")) return withStreams(request, body, response);
            const { id } = JSON.parse(String(body));
            const answer = JSON.stringify({ jsonrpc: "2.0", id, result: { content: [] } });
            response.writeHead(200, { "content-type": "text/event-stream" });
            response.end(`event: ${type}\ndata: ${notice}\n\nevent: message\ndata: ${answer}\n\n`);
          },
        },
      );
      const door = await openDoor(gateway, { token });
      const own = door.path;
      let text = "";
      door.stream.on("data", (chunk: string) => {
        text += chunk;
      });
      await door.begin();
      await door.post(toolCall(1));
      expect(await door.answer(1)).toMatchObject({ result: { content: [] } });
      expect(door.path).toBe(own);
      expect(new Set(text.match(/^event: .*$/gm))).toEqual(new Set(["event: message"]));
      expect(text).not.toContain("beta");
    },
  );

  it("asks one door, and only that one can answer", async () => {
    const { gateway, token, recorder } = await setWide(
      {},
      {
        server: { clientRequests: ["roots"] },
        handler(request, body, response) {
          if (!body.includes("tools/call")) {
            if (body.includes('"initialize"')) response.setHeader("mcp-session-id", crypto.randomUUID());
            return answerMinimally(request, body, response);
          }
          response.writeHead(200, { "content-type": "text/event-stream" });
          response.write(`data: ${JSON.stringify({ jsonrpc: "2.0", id: "q", method: "roots/list" })}\n\n`);
        },
      },
    );
    const [asked, other] = [await openDoor(gateway, { token }), await openDoor(gateway, { token })];
    await asked.begin();
    await other.begin();
    await asked.post(toolCall(1));
    const question = await until("the question", () => asked.heard.find(({ method }) => method === "roots/list"));
    const answer = { id: question?.id, result: { roots: [] } };
    expect(await other.post(answer)).toMatchObject({ status: 400, text: expect.stringContaining("answer_unasked") });
    expect(await asked.post({ ...answer, id: "q" })).toMatchObject({ status: 400 });
    const both = await Promise.all([asked.post(answer), asked.post(answer)]);
    expect(both.map(({ status }) => status).sort()).toEqual([202, 400]);
    expect(await asked.post(answer)).toMatchObject({ status: 400 });
    expect(other.heard).toHaveLength(1);
    await until("the answer", () => recorder.requests.some(({ body }) => body.includes('"roots":[]')));
    const answers = recorder.requests.filter(({ body }) => body.includes('"roots":[]'));
    expect(answers.map(({ body }) => JSON.parse(String(body)).id)).toEqual(["q"]);
  });
});
