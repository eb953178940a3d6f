/** Requests of sessions that are called off (2025-11-25, Cancellation), over Streamable HTTP. */
import { createParser } from "eventsource-parser";
import { describe, expect, it, onTestFinished } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import { answerMinimally, type RecordedRequest, type RecorderHandler } from "../fixtures/recorder.ts";
import { readAudit, readMetric, readRefusals, scrape, until } from "../golden/observe.ts";
import type { Message } from "./elder-client.ts";
import { createClient, type HttpAnswer, type HttpClient, initialize, toolCall } from "./http.ts";
import { trustGateway } from "./sdk.ts";
import { type Setting, type SettingOptions, set, verify } from "./setting.ts";

/**
 * Gives sessions. A call of `never` gets no answer, one of `begun` the head of a stream and no more, one of `asking` a
 * question and its answer when that is answered.
 */
function createServer(): RecorderHandler {
  let sessions = 0;
  let answerAsking = () => {};
  return (request, body, response) => {
    const message = JSON.parse(body.toString() || "{}");
    const tool = message.params?.name;
    if (tool === "never") return;
    if (tool === "begun") return void response.writeHead(200, stream).flushHeaders();
    if (tool === "asking") {
      response.writeHead(200, stream);
      response.write(
        event({ id: "question", method: "elicitation/create", params: { message: "?", requestedSchema } }),
      );
      answerAsking = () => void response.end(event({ id: message.id, result: { content: [] } }));
      return;
    }
    if (message.id === "question") answerAsking();
    if (message.method === "initialize") {
      sessions += 1;
      response.setHeader("mcp-session-id", `session-${sessions}`);
    }
    if (message.method === undefined) return void response.writeHead(202).end();
    answerMinimally(request, body, response);
  };
}

const stream = { "content-type": "text/event-stream" };
const requestedSchema = { type: "object", properties: {} };
const event = (message: object) => `data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`;

/** A client in a session of its own. */
interface Caller {
  post(message: object): Promise<HttpAnswer>;
  cancel(requestId: unknown): Promise<HttpAnswer>;
}

async function enter(client: HttpClient): Promise<Caller> {
  const { session = "" } = await client.post(initialize);
  const headers = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
  const post = (message: object) => client.post(message, headers);
  return {
    post,
    cancel: (requestId) => post({ method: "notifications/cancelled", params: { requestId, reason: "enough" } }),
  };
}

interface Scene extends Setting {
  readonly caller: Caller;
}

async function start(options: SettingOptions = {}): Promise<Scene> {
  const setting = await set({ handler: createServer(), connections: 16, ...options });
  // Otherwise clients would close when the last of their calls is over, which some never are.
  onTestFinished(() => void setting.gateway.child.kill("SIGKILL"));
  return { ...setting, caller: await enter(setting.client) };
}

/** A call that the test does not wait for, however it ends. */
function leave<T>(call: Promise<T>): Promise<T> {
  call.catch(() => {});
  return call;
}

const calls = ({ recorder }: Setting, tool: string) =>
  recorder.requests.filter(({ body }) => body.includes(`"${tool}"`) && body.includes("tools/call"));

/** Resolves when so many calls of a tool are at the server. */
function arrival(setting: Setting, tool: string, count = 1): Promise<readonly RecordedRequest[]> {
  return until("the calls", () => {
    const found = calls(setting, tool);
    return found.length === count ? found : undefined;
  });
}

/** Whether the promise is settled by now; what came before this question has been dealt with. */
async function isSettled(promise: Promise<unknown>, client: Caller): Promise<boolean> {
  const pending = {};
  const ping = client.post({ id: "is-settled", method: "ping" }).then(() => pending);
  return (await Promise.race([promise, ping])) !== pending;
}

async function recordOf({ gateway }: Setting, { requestId }: HttpAnswer): Promise<AuditRecord | undefined> {
  return (await readAudit(gateway)).find(({ id }) => id === requestId);
}

const limits = (identity: object, more: object = {}) => ({ configOverrides: { limits: { identity, ...more } } });

describe("a request that is called off", () => {
  it.each([
    ["before its answer begins", "never"],
    ["while its answer is under way", "begun"],
  ])("%s: the wait is over on both sides, and on record", async (_when, tool) => {
    const setting = await start();
    const { caller, gateway } = setting;
    const call = caller.post(toolCall(5, tool));
    const [request] = await arrival(setting, tool);
    expect(await caller.cancel(5)).toMatchObject({ status: 202, text: "" });
    const answer = await call;
    // No answer is expected to it, so the stream ends with none.
    expect([answer.status, answer.message]).toEqual([200, {}]);
    await until("the end at the server", () => request?.aborted);
    expect(await recordOf(setting, answer)).toMatchObject({
      method: "tools/call",
      decision: { effect: "allow", reason: "client_cancelled" },
      outcome: { http: 200 },
    });
    expect(await readRefusals(gateway)).toEqual(new Map([["client_cancelled", 1]]));
    const metrics = readMetric(await scrape(gateway), "sallyport_inflight_requests", "server");
    expect(metrics.get("alpha")).toBe(0);
    const said = setting.recorder.requests.filter(({ body }) => body.includes("notifications/cancelled"));
    expect(said).toHaveLength(1);
    expect(await verify(gateway.auditFile)).toMatchObject({ code: 0, report: { ok: true } });
  });

  it.each<[string, object]>([
    ["the identity", limits({ concurrent: 1 })],
    ["the tool", limits({}, { tools: [{ server: "alpha", tools: ["*"], requests: 1_000, concurrent: 1 }] })],
  ])("gives its place back at once: %s", async (_whose, options) => {
    const setting = await start(options);
    const { caller } = setting;
    const call = caller.post(toolCall(5, "never"));
    await arrival(setting, "never");
    const busy = await caller.post(toolCall(6, "never"));
    expect(busy.message).toMatchObject({ error: { data: { reason: expect.stringMatching(/_busy$/) } } });
    await caller.cancel(5);
    await call;
    leave(caller.post(toolCall(7, "never")));
    await arrival(setting, "never", 2);
  });

  it.each(["refuses to hear of it", "does not answer"])("ends also where the server %s", async (how) => {
    const handler = createServer();
    const setting = await start({
      handler(request, body, response) {
        if (!body.includes("notifications/cancelled")) return handler(request, body, response);
        if (how === "refuses to hear of it") response.writeHead(400).end();
      },
    });
    const { caller } = setting;
    const call = leave(caller.post(toolCall(5, "never")));
    const [request] = await arrival(setting, "never");
    void leave(caller.cancel(5));
    await until("the end at the server", () => request?.aborted);
    expect(await recordOf(setting, await call)).toMatchObject({ decision: { reason: "client_cancelled" } });
  });

  it("is the only one: what has the same id elsewhere goes on", async () => {
    const setting = await start();
    const { caller, client, gateway } = setting;
    const mallory = await createClient(
      gateway,
      "alpha",
      await gateway.mint({ server: "alpha", subject: "mallory" }),
      4,
    );
    const others = [caller, await enter(client), await enter(mallory)];
    const kept = others.map((other) => leave(other.post(toolCall(0, "never"))));
    const text = caller.post({ ...toolCall(0, "never"), id: "5" });
    const call = caller.post(toolCall(5, "never"));
    const elsewhere = others.slice(1).map((other) => leave(other.post(toolCall(5, "never"))));
    await arrival(setting, "never", 7);
    await caller.cancel(5);
    expect((await call).message).toEqual({});
    await until("one end", () => calls(setting, "never").filter(({ aborted }) => aborted).length === 1);
    for (const pending of [...kept, text, ...elsewhere]) expect(await isSettled(pending, caller)).toBe(false);
    await caller.cancel("5");
    expect((await text).message).toEqual({});
    for (const pending of [...kept, ...elsewhere]) expect(await isSettled(pending, caller)).toBe(false);
  });

  it("is nobody else's to call off", async () => {
    const setting = await start();
    const { caller, gateway, client } = setting;
    const { session = "" } = await client.post(initialize);
    const headers = { "mcp-session-id": session };
    const call = leave(client.post(toolCall(5, "never"), headers));
    await arrival(setting, "never");
    const mallory = await createClient(gateway, "alpha", await gateway.mint({ server: "alpha", subject: "mallory" }));
    const cancelled = { method: "notifications/cancelled", params: { requestId: 5 } };
    expect(await mallory.post(cancelled, headers)).toMatchObject({ status: 404 });
    expect(await (await enter(mallory)).cancel(5)).toMatchObject({ status: 202 });
    expect(await mallory.post(cancelled)).toMatchObject({ status: 202 });
    expect(await caller.cancel(5)).toMatchObject({ status: 202 });
    expect(await isSettled(call, caller)).toBe(false);
    expect(calls(setting, "never").map(({ aborted }) => aborted)).toEqual([false]);
  });

  it("without a session stays, for another client of the same user may have the same ids", async () => {
    const setting = await start();
    const { client, caller, gateway, recorder } = setting;
    const call = leave(client.post(toolCall(5, "never")));
    await arrival(setting, "never");
    const mallory = await createClient(gateway, "alpha", await gateway.mint({ server: "alpha", subject: "mallory" }));
    onTestFinished(() => mallory.close());
    for (const from of [client, mallory]) {
      const cancelled = await from.post({ method: "notifications/cancelled", params: { requestId: 5 } });
      expect(cancelled).toMatchObject({ status: 202 });
      // Nor may the server call off whichever request has that id there, and the record does not say that it heard of it.
      expect(await recordOf(setting, cancelled)).toMatchObject({
        event: "notification",
        decision: { effect: "allow", reason: null },
        outcome: { http: 202, upstream: null },
      });
    }
    expect(recorder.requests.filter(({ body }) => body.includes("notifications/cancelled"))).toEqual([]);
    expect(await isSettled(call, caller)).toBe(false);
  });
});

describe("a cancellation that comes to nothing", () => {
  it.each<[string, unknown]>([
    ["of an id that was never used", 77],
    ["of an id of another kind", "1"],
    ["of no id", undefined],
    ["of an id that is none", { id: 1 }],
    ["of the request that began the session", initialize.id],
    ["of a name that every object has", "__proto__"],
  ])("%s touches nothing", async (_case, requestId) => {
    const setting = await start();
    const { caller } = setting;
    const call = leave(caller.post(toolCall(1, "never")));
    await arrival(setting, "never");
    const { status } = await caller.cancel(requestId);
    expect([202, 400]).toContain(status);
    expect(await isSettled(call, caller)).toBe(false);
    expect((await caller.post(toolCall(2))).message).toMatchObject({ id: 2, result: {} });
  });

  it("twice, and after the answer, is only passed on", async () => {
    const setting = await start(limits({ concurrent: 1 }));
    const { caller, gateway, recorder } = setting;
    const call = caller.post(toolCall(5, "never"));
    await arrival(setting, "never");
    expect(await caller.cancel(5)).toMatchObject({ status: 202 });
    await call;
    expect(await caller.cancel(5)).toMatchObject({ status: 202 });
    expect((await caller.post(toolCall(6))).message).toMatchObject({ id: 6, result: {} });
    expect(await caller.cancel(6)).toMatchObject({ status: 202 });
    // A place that was given back twice would let two in.
    const last = [7, 8].map((id) => leave(caller.post(toolCall(id, "begun"))));
    const { message } = await Promise.race(last);
    expect(message).toMatchObject({ error: { data: { reason: "identity_busy" } } });
    expect(await readRefusals(gateway)).toEqual(
      new Map([
        ["client_cancelled", 1],
        ["identity_busy", 1],
      ]),
    );
    expect(recorder.requests.filter(({ body }) => body.includes("notifications/cancelled"))).toHaveLength(3);
  });

  it("does not call off the next request with the same id", async () => {
    const setting = await start();
    const { caller } = setting;
    const first = caller.post(toolCall(5, "never"));
    await arrival(setting, "never");
    await caller.cancel(5);
    await first;
    const second = caller.post(toolCall(5, "begun"));
    await arrival(setting, "begun");
    expect(await isSettled(second, caller)).toBe(false);
    await caller.cancel(5);
    expect((await second).message).toEqual({});
  });
});

describe("the one place of an identity", () => {
  it("stands in the way of neither an answer to the server's question nor a cancellation", async () => {
    const options = limits({ concurrent: 1 });
    const setting = await start({ ...options, server: { clientRequests: ["elicitation"] } });
    const { client, gateway, token } = setting;
    const { session = "" } = await client.post(initialize);
    const inSession = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
    const http = await trustGateway(gateway);
    onTestFinished(() => http.close());
    for (const end of ["answered", "cancelled"]) {
      const id = `asking until ${end}`;
      // The client may have the end of an answer before the gateway has its place back.
      const response = await until("the place", async () => {
        const answer = await http.fetch(`${gateway.publicUrl}/alpha/mcp`, {
          method: "POST",
          headers: { ...inSession, authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify({ jsonrpc: "2.0", ...toolCall(0, "asking"), id }),
        });
        if (answer.headers.get("content-type") === "text/event-stream") return answer;
        expect(await answer.text()).toContain("identity_busy");
        return undefined;
      });
      const heard: Message[] = [];
      const parser = createParser({ onEvent: ({ data }) => void heard.push(JSON.parse(data) as Message) });
      const reading = (async () => {
        for await (const chunk of response.body ?? []) parser.feed(Buffer.from(chunk).toString());
      })();
      const question = await until("the question", () => heard[0]);
      expect(question.method).toBe("elicitation/create");
      const busy = await client.post(toolCall(6), inSession);
      expect(busy.message).toMatchObject({ error: { data: { reason: "identity_busy" } } });
      const next =
        end === "answered"
          ? { id: question.id, result: { action: "decline" } }
          : { method: "notifications/cancelled", params: { requestId: id } };
      expect(await client.post(next, inSession)).toMatchObject({ status: 202 });
      await reading;
      const answer = { id, result: { content: [] } };
      expect(heard.slice(1)).toEqual(end === "answered" ? [expect.objectContaining(answer)] : []);
    }
    await until("the place", async () => (await client.post(toolCall(7), inSession)).message?.result);
  });
});
