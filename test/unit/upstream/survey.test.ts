import { describe, expect, it, onTestFinished } from "vitest";
import type { ServerConfig } from "../../../src/config/schema.ts";
import type { Era } from "../../../src/mcp/era.ts";
import type { ServerEra } from "../../../src/upstream/server-era.ts";
import { type ListMethod, type SurveyLimits, survey } from "../../../src/upstream/survey.ts";
import { createPools, createStreamableTransport } from "../../../src/upstream/transport.ts";
import { afterNextHead, holdDeadline } from "../../fixtures/deadline.ts";
import { type Recorder, startRecorder } from "../../fixtures/recorder.ts";

/** `silence`: a head, and then nothing. */
type Answers = (message: { method: string; params: Record<string, unknown> }) => object | "silence" | undefined;

interface Scene {
  readonly recorder: Recorder;
  ask(methods: readonly ListMethod[], limits?: Partial<SurveyLimits>): ReturnType<typeof survey>;
  /** Has a deadline of so many milliseconds be over when silence is what the server answers. */
  endAtSilence(ms: number): void;
}

/** A real server that answers with these, and the way to it. */
async function serve(era: Era, answers: Answers, session?: string): Promise<Scene> {
  let end = () => {};
  const recorder = await startRecorder((request, body, response) => {
    if (request.method !== "POST") return void response.writeHead(405).end();
    const message = JSON.parse(body.toString());
    const answer = answers(message);
    if (message.id === undefined && answer !== "silence") return void response.writeHead(202).end();
    if (answer === undefined) return void response.writeHead(500).end();
    if (message.method === "initialize" && session !== undefined) response.setHeader("mcp-session-id", session);
    response.writeHead(200, { "content-type": "application/json" });
    // A notification is answered by its head, so there even that has to be missing.
    if (answer === "silence" && message.id === undefined) return end();
    if (answer === "silence") {
      afterNextHead(end);
      return response.flushHeaders();
    }
    response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...answer }));
  });
  onTestFinished(() => recorder.stop());
  const timeouts = { connect: 60_000, firstByte: 60_000, idle: 60_000 };
  const config = { url: new URL(recorder.url), timeouts } as ServerConfig;
  const own = createStreamableTransport(config, createPools(config));
  onTestFinished(() => own.destroy());
  const headers = { authorization: "Bearer own" };
  const serverEra = { find: async () => (era === "modern" ? { era, supported: [] } : { era }) } as unknown as ServerEra;
  return {
    recorder,
    ask: (methods, limits) => survey({ own, headers, era: serverEra }, methods, { ...usual, ...limits }),
    endAtSilence(ms) {
      end = holdDeadline(ms);
    },
  };
}

const usual = { timeoutMs: 60_000, deadlineMs: 60_001, maxBytes: 65_536, maxTotalBytes: 65_536, maxElements: 100 };
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

describe("a survey is bounded in all", () => {
  const endless: Answers = ({ method }) =>
    method === "initialize" ? hello : { result: { tools: named("a"), nextCursor: "more" } };

  it("by one deadline for all pages", async () => {
    const answers: Answers = ({ method, params }) =>
      params?.cursor === "more" ? "silence" : endless({ method, params });
    const { recorder, ask, endAtSilence } = await serve("legacy", answers, "s-1");
    endAtSilence(200);
    await expect(ask(["tools/list"], { deadlineMs: 200 })).rejects.toThrow(/^tools\/list: its lists take too long$/);
    expect(recorder.requests.at(-1)?.method).toBe("DELETE");
  });

  it("by the bytes of all pages", async () => {
    const { ask } = await serve("modern", endless);
    await expect(ask(["tools/list"], { maxTotalBytes: 500 })).rejects.toThrow(/^tools\/list: /);
    const whole = await serve("modern", endless);
    await expect(whole.ask(["tools/list"], { maxTotalBytes: 1 })).rejects.toThrow(/^tools\/list: /);
    expect(whole.recorder.requests).toHaveLength(1);
  });

  it("by the elements of all lists", async () => {
    const answers: Answers = ({ method }) =>
      method === "tools/list" ? { result: { tools: named("a", "b") } } : { result: { prompts: named("c", "d") } };
    const { ask } = await serve("modern", answers);
    await expect(ask(["tools/list", "prompts/list"], { maxElements: 3 })).rejects.toThrow(
      "it lists more than 3 things",
    );
    expect((await ask(["tools/list", "prompts/list"], { maxElements: 4 })).get("prompts/list")).toHaveLength(2);
  });

  it("and takes a page that is longer than the arguments a function can have", async () => {
    const tools = Array.from({ length: 200_000 }, () => ({}));
    const { ask } = await serve("modern", () => ({ result: { tools } }));
    const wide = { maxBytes: 4_194_304, maxTotalBytes: 4_194_304, maxElements: 200_000 };
    expect((await ask(["tools/list"], wide)).get("tools/list")).toHaveLength(200_000);
  });
});

it.each<[string, Answers]>([
  ["no revision is agreed to", () => ({ result: { protocolVersion: "1999-01-01" } })],
  ["the answer to initialize is no result", () => ({ error: { code: 1, message: "no" } })],
  ["the answer to initialize never ends", () => "silence"],
  ["notifications/initialized is not answered", ({ method }) => (method === "initialize" ? hello : "silence")],
  ["a list cannot be had", ({ method }) => (method === "initialize" ? hello : undefined)],
])("a session that was begun is ended where %s", async (_what, answers) => {
  const { recorder, ask, endAtSilence } = await serve("legacy", answers, "s-1");
  endAtSilence(200);
  await expect(ask(["tools/list"], { timeoutMs: 200 })).rejects.toThrow();
  const last = recorder.requests.at(-1) as Recorder["requests"][number];
  expect([last.method, headersOf(last)["mcp-session-id"]]).toEqual(["DELETE", "s-1"]);
});
