import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import type { Edit, RequestMessage, RpcId, Session } from "../../../src/facts.ts";
import { type Era, revisions } from "../../../src/mcp/era.ts";
import { createListMemory, type ListMemory } from "../../../src/upstream/lists.ts";
import { keepList, type ListRequest, readListRequest, recollect } from "../../../src/upstream/recollect.ts";

const meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** A request for a list, with what its session has opened. */
interface Asking {
  readonly id?: RpcId;
  readonly method?: string;
  readonly era?: Era;
  readonly params?: object;
  readonly edits?: readonly Edit[];
}

function asking({ id = 1, method = "tools/list", era = "modern", params = {}, edits = [] }: Asking = {}) {
  const message = { kind: "request", era, revision: revisions[0], id, method, params: { _meta: meta, ...params } };
  return { message: message as unknown as RequestMessage, session: { edits } as unknown as Session };
}

function request(lists: ListMemory, order?: Asking): ListRequest {
  const { message, session } = asking(order);
  const found = readListRequest(lists, message, session);
  if (found === undefined) throw new Error(`${message.method} is no list`);
  return found;
}

const result = { resultType: "complete", tools: [], ttlMs: 100, cacheScope: "public" };
const answer =
  '{ "jsonrpc":"2.0","id" : 1,"result":{"n":[1e400,-0,"\\ud800"],"resultType":"complete","tools":[ ],"ttlMs" : 100,"cacheScope":"public"} }';

/** A memory in which the answer to a request was kept at 1000 ms. */
function kept(order?: Asking, changes: object = {}): ListMemory {
  const lists = createListMemory();
  keepList(lists, request(lists, order), answer, { ...result, ...changes }, 1_000);
  return lists;
}

const recall = (lists: ListMemory, nowMs: number, order?: Asking) =>
  recollect(lists, request(lists, order), asking(order).message, nowMs);

describe("an answer that everybody may have", () => {
  it("comes as if the server had just given it: with the id of this request, and less time left", async () => {
    const found = recall(kept(), 1_040, { id: "other" });
    expect(found).toMatchObject({ statusCode: 200, headers: { "content-type": "application/json" } });
    const expected = answer.replace('"id" : 1', '"id" : "other"').replace('"ttlMs" : 100', '"ttlMs" : 60');
    expect(found && (await text(found.body))).toBe(expected);
  });

  it.each([
    [1_000, 100],
    [1_001, 99],
    [1_099, 1],
    [1_100, undefined],
    [5_000, undefined],
    [999, undefined],
  ])("at %d ms is fresh for %s ms more", async (nowMs, leftMs) => {
    const found = recall(kept(), nowMs);
    expect(found && JSON.parse(await text(found.body)).result.ttlMs).toBe(leftMs);
  });

  it("is for requests that are alike, whoever sends them", () => {
    expect(recall(kept(), 1_000, { id: 99, params: { cursor: undefined } })).toBeDefined();
  });

  it.each<[string, Asking]>([
    ["another list", { method: "prompts/list" }],
    ["another page", { params: { cursor: "c" } }],
    ["another page, behind a handle", { edits: [{ path: ["params", "cursor"], value: '"c"' }] }],
    ["another revision", { params: { _meta: { ...meta, "io.modelcontextprotocol/protocolVersion": "2027-01-01" } } }],
    [
      "other capabilities",
      { params: { _meta: { ...meta, "io.modelcontextprotocol/clientCapabilities": { roots: {} } } } },
    ],
    ["progress", { params: { _meta: { ...meta, progressToken: 1 } } }],
    ["anything that nobody knows", { params: { later: 1 } }],
    ["a session", { era: "legacy" }],
  ])("is not for a request for %s", (_case, order) => expect(recall(kept(), 1_000, order)).toBeUndefined());

  it("is of the page that the server's own cursor names, whatever the client's looks like", async () => {
    const page = (handle: string, cursor: string): Asking => ({
      params: { cursor: handle },
      edits: [
        { path: ["params", "_meta", "x"], value: '"d"' },
        { path: ["params", "cursor"], value: cursor },
      ],
    });
    const lists = kept(page("sealed for alice", '"c"'));
    expect(recall(lists, 1_000, page("sealed for bob", '"c"'))).toBeDefined();
    expect(recall(lists, 1_000, { params: { cursor: "c" } })).toBeDefined();
    expect(recall(lists, 1_000, page("sealed for alice", '"d"'))).toBeUndefined();
    expect(recall(lists, 1_000, { params: { cursor: "sealed for alice" } })).toBeUndefined();
  });
});

describe("what is not kept", () => {
  it.each<[string, object]>([
    ["what asks for input first", { resultType: "input_required" }],
    ["what does not say that it is complete", { resultType: undefined }],
    ["what is private", { cacheScope: "private" }],
    ["what does not say for whom it is", { cacheScope: undefined }],
    ["what is stale already", { ttlMs: 0 }],
    ["what does not say for how long", { ttlMs: undefined }],
  ])("is %s", (_case, changes) => expect(recall(kept({}, changes), 1_000)).toBeUndefined());

  it("is the answer to a session", () => expect(recall(kept({ era: "legacy" }), 1_000)).toBeUndefined());

  it("is an answer that a change has overtaken", () => {
    const lists = createListMemory();
    const asked = request(lists);
    lists.forget("tools");
    keepList(lists, asked, answer, result, 1_000);
    expect(recall(lists, 1_000)).toBeUndefined();
    keepList(lists, request(lists), answer, result, 1_000);
    expect(recall(lists, 1_000)).toBeDefined();
  });

  it("takes the place of what was kept", () => {
    const lists = kept();
    keepList(lists, request(lists), answer, { ...result, cacheScope: "private" }, 1_001);
    expect(recall(lists, 1_001)).toBeUndefined();
  });

  it("does so only where it is complete", () => {
    const lists = kept();
    keepList(lists, request(lists), answer, { ...result, resultType: "input_required" }, 1_001);
    expect(recall(lists, 1_001)).toBeDefined();
  });
});

describe("what tools want mirrored", () => {
  const schema = { type: "object", properties: { a: { type: "string", "x-mcp-header": "Region" } } };
  const tools = [{ name: "echo", inputSchema: schema }];

  it.each<Era>(["legacy", "modern"])("is learned from every list of tools (%s)", (era) => {
    const lists = createListMemory();
    keepList(lists, request(lists, { era }), answer, { ...result, cacheScope: "private", tools }, 1_000);
    expect(lists.mirrorsOf("echo")).toHaveLength(1);
  });

  it("is learned from no other list", () => {
    const lists = createListMemory();
    keepList(lists, request(lists, { method: "prompts/list" }), answer, { ...result, tools }, 1_000);
    expect(lists.mirrorsOf("echo")).toBeUndefined();
  });
});

it.each(["tools/call", "tasks/list", "server/discover", "resources/read"])("%s asks for no list", (method) => {
  const { message, session } = asking({ method });
  expect(readListRequest(createListMemory(), message, session)).toBeUndefined();
});
