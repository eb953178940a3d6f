/** A server that breaks in the middle of a call, and could go on with it (MCP 2025-11-25, Resumability and Redelivery). */
import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { type Recorder, type RecorderHandler, startRecorder } from "../fixtures/recorder.ts";
import { until } from "../golden/observe.ts";
import { startSubjectWorld, type World } from "./personas.ts";
import type { HttpResult } from "./sdk.ts";
import { type SdkClient, textOf } from "./sdk-client.ts";
import { sessionClients } from "./sdk-clients.ts";
import { findRecords } from "./sdk-record.ts";
import { replaceFile } from "./setting.ts";

const hello = {
  protocolVersion: "2025-11-25",
  capabilities: { tools: {}, logging: {} },
  serverInfo: { name: "frail", version: "1.0.0" },
};
const head = { "content-type": "text/event-stream" };

/** What becomes of each stream of the call, in turn; the last one stands for all that follow. */
let streams: ((response: ServerResponse, callId: unknown) => void)[] = [];
let callId: unknown;

const behave: RecorderHandler = (request, body, response) => {
  const { id, method } = JSON.parse(body.toString() || "{}") as { id?: unknown; method?: string };
  const resumed = request.headers["last-event-id"] !== undefined;
  if (request.method === "GET" && !resumed) return void response.writeHead(405, { allow: "POST" }).end();
  if (request.method === "DELETE") return void response.writeHead(200).end();
  if (method === "initialize") {
    response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "session-of-the-server" });
    return void response.end(JSON.stringify({ jsonrpc: "2.0", id, result: hello }));
  }
  if (method === "tools/call") callId = id;
  else if (!resumed) return void response.writeHead(202).end();
  const [next] = streams.length > 1 ? streams.splice(0, 1) : streams;
  next?.(response, callId);
};

const primer = (eventId: string) => `id: ${eventId}\nretry: 10\ndata: \n\n`;
const say = (eventId: string, text: string) =>
  `id: ${eventId}\ndata: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: text } })}\n\n`;
const result = (eventId: string) =>
  `id: ${eventId}\ndata: ${JSON.stringify({ jsonrpc: "2.0", id: callId, result: { content: [{ type: "text", text: "Done after all." }] } })}\n\n`;

/** Says this, and resets the connection once it has left. */
const breakAfter =
  (...events: string[]) =>
  (response: ServerResponse) =>
    void response.writeHead(200, head).write(events.join(""), () => response.socket?.resetAndDestroy());
const closeAfter =
  (...events: string[]) =>
  (response: ServerResponse) =>
    void response.writeHead(200, head).end(events.join(""));
const refuse = (status: number) => (response: ServerResponse) => void response.writeHead(status).end();
const answer =
  (...before: string[]) =>
  (response: ServerResponse) =>
    void response.writeHead(200, head).end(before.join("") + result("last"));

let frail: Recorder;
let world: World;
beforeAll(async () => {
  frail = await startRecorder(behave);
  world = await startSubjectWorld({
    servers: { frail: { url: frail.url }, slow: { url: frail.url, timeouts: { idle: "1s" } } },
  });
});
afterAll(async () => {
  await world.stop();
  await frail.stop();
});

/** Each time others, by a limit that nobody meets. */
async function changeSettings(): Promise<void> {
  const config = parse(await readFile(world.gateway.configFile, "utf8"));
  const { identity } = config.limits;
  identity.concurrent = (identity.concurrent ?? 500) + 1;
  await replaceFile(world.gateway.configFile, stringify(config));
  world.gateway.child.kill("SIGHUP");
}

function isOver({ verb, requestId }: HttpResult, index: number, answers: readonly HttpResult[]): boolean {
  const { requestId: first } = answers.find((answer) => answer.verb === "GET") ?? {};
  return verb === "GET" && requestId !== first && answers[index]?.status === 405;
}

function saidTo({ heard }: SdkClient): unknown[] {
  return heard.filter(({ method }) => method === "notifications/message").map(({ params }) => params.data);
}

describe.each(sessionClients)("%s", (_name, connect) => {
  it("has the result of a call whose stream its server reset", async () => {
    streams = [breakAfter(primer("1"), say("2", "before")), breakAfter(say("3", "between")), answer(say("4", "after"))];
    const client = await connect(world, { server: "frail" });
    expect(textOf(await client.call("slow"))).toBe("Done after all.");
    expect(saidTo(client)).toEqual(["before", "between", "after"]);
  });

  it("hears that a call is lost where its server breaks off whatever goes on", async () => {
    streams = [breakAfter(primer("1"), say("2", "before")), breakAfter(": hello\n\n")];
    const client = await connect(world, { server: "frail" });
    await expect(client.call("slow")).rejects.toMatchObject({ code: 502, data: { reason: "upstream_reset" } });
    expect(saidTo(client)).toEqual(["before"]);
  });

  it("has the result where the server first takes the broken stream for one that stands", async () => {
    streams = [closeAfter(primer("1"), say("2", "before")), refuse(409), answer(say("3", "after"))];
    const client = await connect(world, { server: "frail" });
    expect(textOf(await client.call("slow"))).toBe("Done after all.");
    expect(saidTo(client)).toEqual(["before", "after"]);
  });

  it("has the result where the stream that it resumes is reset before it says anything", async () => {
    streams = [closeAfter(primer("1"), say("2", "before")), breakAfter(": hello\n\n"), answer(say("3", "after"))];
    const client = await connect(world, { server: "frail" });
    expect(textOf(await client.call("slow"))).toBe("Done after all.");
    expect(saidTo(client)).toEqual(["before", "after"]);
  });

  it("may be kept waiting as long behind a reset of the stream that it resumes as before it", async () => {
    const sayLater = (response: ServerResponse) => {
      response.writeHead(200, head).flushHeaders();
      setTimeout(() => response.end(result("last")), 3_000);
    };
    streams = [closeAfter(primer("1")), breakAfter(": hello\n\n"), sayLater];
    const client = await connect(world, { server: "slow" });
    expect(textOf(await client.call("slow"))).toBe("Done after all.");
  });

  it("has the result though the settings change while it resumes the call", async () => {
    const { promise: standing, resolve: stand } = Promise.withResolvers<void>();
    const hold = (response: ServerResponse) =>
      void response.writeHead(200, head).write(say("3", "between"), () => stand());
    streams = [closeAfter(primer("1"), say("2", "before")), hold, answer(say("4", "after"))];
    const client = await connect(world, { server: "frail" });
    const call = client.call("slow");
    await standing;
    await changeSettings();
    expect(textOf(await call)).toBe("Done after all.");
    expect(saidTo(client)).toEqual(["before", "between", "after"]);
  });

  it.each<[string, typeof streams]>([
    ["before its stream ends", []],
    ["while it resumes it", [closeAfter(primer("1"))]],
  ])("leaves nothing behind of a call that it calls off %s", async (_when, before) => {
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    const { promise: standing, resolve: stand } = Promise.withResolvers<void>();
    const hold = (response: ServerResponse) => {
      response.writeHead(200, head).write(primer("2"), () => stand());
      response.once("close", close);
    };
    streams = [...before, hold];
    const client = await connect(world, { server: "frail" });
    const giveUp = new AbortController();
    const tokens: string[] = [];
    const onresumptiontoken = (token: string) => void tokens.push(token);
    const call = client.call("slow", {}, { signal: giveUp.signal, onresumptiontoken });
    await Promise.all([standing, until("the last event", () => tokens.length > before.length)]);
    giveUp.abort();
    await expect(call).rejects.toThrow();
    await closed;
    // It does not know that nothing will come, and asks for the rest; after this it does not ask again.
    await until("an end to it", () => client.http.answers.some(isOver));
    expect(client.http.answers.filter(({ verb, status }) => verb === "GET" && status === 200)).toHaveLength(
      before.length,
    );
  });

  it("hears at once that a call which it resumes is lost", async () => {
    streams = [closeAfter(primer("1"), say("2", "before")), refuse(500)];
    const client = await connect(world, { server: "frail" });
    await expect(client.call("slow")).rejects.toMatchObject({ code: 502, data: { reason: "upstream_refused" } });
    const records = await findRecords(world, client.http.answers);
    // The stream that clients open of their own accord may be answered behind it.
    expect(records.filter(({ event }) => event === "stream").map(({ decision }) => decision.reason)).toContain(
      "upstream_refused",
    );
  });
});
