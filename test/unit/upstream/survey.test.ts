import { describe, expect, it, onTestFinished } from "vitest";
import type { ServerConfig } from "../../../src/config/schema.ts";
import type { Era } from "../../../src/mcp/era.ts";
import type { Age } from "../../../src/upstream/age.ts";
import { type ListMethod, survey } from "../../../src/upstream/survey.ts";
import { createPools, createStreamableTransport } from "../../../src/upstream/transport.ts";
import { type Recorder, startRecorder } from "../../fixtures/recorder.ts";

type Answers = (message: { method: string; params: Record<string, unknown> }) => object | undefined;

interface Scene {
  readonly recorder: Recorder;
  ask(methods: readonly ListMethod[]): ReturnType<typeof survey>;
}

/** A real server that answers with these, and the way to it. */
async function serve(era: Era, answers: Answers, session?: string): Promise<Scene> {
  const recorder = await startRecorder((request, body, response) => {
    if (request.method !== "POST") return void response.writeHead(405).end();
    const message = JSON.parse(body.toString());
    if (message.id === undefined) return void response.writeHead(202).end();
    const answer = answers(message);
    if (answer === undefined) return void response.writeHead(500).end();
    if (message.method === "initialize" && session !== undefined) response.setHeader("mcp-session-id", session);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...answer }));
  });
  onTestFinished(() => recorder.stop());
  const timeouts = { connect: 1_000, firstByte: 1_000, idle: 1_000 };
  const config = { url: new URL(recorder.url), timeouts } as ServerConfig;
  const transport = createStreamableTransport(config, createPools(config));
  onTestFinished(() => transport.destroy());
  const headers = { authorization: "Bearer own" };
  const age = { find: async () => (era === "modern" ? { era, supported: [] } : { era }) } as unknown as Age;
  return { recorder, ask: (methods) => survey({ transport, headers, age }, methods) };
}

const unknown = { error: { code: -32601, message: "Method not found" } };
const hello = { result: { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "s", version: "1" } } };
const named = (...names: string[]) => names.map((name) => ({ name }));

const headersOf = ({ rawHeaders }: Recorder["requests"][number]) =>
  Object.fromEntries(
    rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1]]] : [])),
  );

describe("a survey of a server with sessions", () => {
  it("reads every page, in a session of its own with the server's credentials", async () => {
    const { recorder, ask } = await serve(
      "legacy",
      ({ method, params }) => {
        if (method === "initialize") return hello;
        if (method !== "tools/list") return unknown;
        return params.cursor === "2"
          ? { result: { tools: named("b", "c") } }
          : { result: { tools: named("a"), nextCursor: "2" } };
      },
      "s-1",
    );
    const lists = await ask(["tools/list", "prompts/list"]);
    expect(lists.get("tools/list")).toEqual(named("a", "b", "c"));
    expect(lists.get("prompts/list")).toEqual([]);
    const own = recorder.requests;
    expect(own.map(headersOf).every((headers) => headers.authorization === "Bearer own")).toBe(true);
    const inSession = own.slice(1).map(headersOf);
    expect(inSession.map((headers) => headers["mcp-session-id"])).toEqual(inSession.map(() => "s-1"));
    expect(own.at(-1)?.method).toBe("DELETE");
    expect(headersOf(own[2] as Recorder["requests"][number])["mcp-protocol-version"]).toBe("2025-06-18");
  });

  it.each<[string, Answers, RegExp]>([
    ["fails", () => undefined, /^initialize: it answered with status 500 and no result$/],
    ["agrees to nothing known", () => ({ result: { protocolVersion: "1999-01-01" } }), /did not agree/],
    [
      "lists something else",
      ({ method }) => (method === "initialize" ? hello : { result: { things: [] } }),
      /^its answer to tools\/list has no tools$/,
    ],
    [
      "has pages without end",
      ({ method }) => (method === "initialize" ? hello : { result: { tools: [], nextCursor: "more" } }),
      /more than 100 pages/,
    ],
  ])("says what is wrong with one that %s", async (_what, answers, message) => {
    const { ask } = await serve("legacy", answers);
    await expect(ask(["tools/list"])).rejects.toThrow(message);
  });
});

it("a survey of a stateless server begins no session", async () => {
  const { recorder, ask } = await serve("modern", () => ({ result: { resultType: "complete", tools: named("a") } }));
  expect((await ask(["tools/list"])).get("tools/list")).toEqual(named("a"));
  expect(recorder.requests.map(({ body }) => JSON.parse(body.toString()).method)).toEqual(["tools/list"]);
  expect(headersOf(recorder.requests[0] as Recorder["requests"][number])).toMatchObject({
    "mcp-method": "tools/list",
    "mcp-protocol-version": "2026-07-28",
  });
});
