import { describe, expect, it } from "vitest";
import type { Judged } from "../../../src/mcp/answers.ts";
import type { Exchange } from "../../../src/relay/exchange.ts";
import { learnLists } from "../../../src/relay/lists.ts";
import { createListMemory, type ListKind } from "../../../src/upstream/lists.ts";

const key = "the request";
const result = { resultType: "complete", ttlMs: 100, cacheScope: "public" };
const kinds: ListKind[] = ["tools", "prompts", "resources"];

/** The memory of a server, one kept answer of each kind in it, and the exchange of a list of tools. */
function setScene(asksForList = true) {
  const lists = createListMemory();
  for (const kind of kinds) lists.keep(lists.begin(kind), kind, "old", result, 1_000);
  const list = asksForList ? { kind: "tools", ticket: lists.begin("tools"), key } : undefined;
  const exchange = { upstream: { lists, now: () => 1_000 }, answer: { list } } as unknown as Exchange;
  return {
    lists,
    learn: (judged: Judged, source = "as the server sent it") => learnLists(exchange, judged, () => source),
    kept: () => kinds.filter((kind) => lists.find(kind, 1_000) !== undefined),
  };
}

const answer = (changes: object | null): Judged => ({
  kind: "answer",
  text: "as the client gets it",
  untouched: true,
  rpc: null,
  toolError: null,
  result: changes === null ? null : { ...result, ...changes },
});

describe("the answer to a list", () => {
  it("is kept as the server sent it, not as this client gets it", () => {
    const { lists, learn } = setScene();
    learn(answer({}));
    expect(lists.find(key, 1_000)?.text).toBe("as the server sent it");
  });

  it("teaches what tools want mirrored", () => {
    const { lists, learn } = setScene();
    learn(answer({ tools: [{ name: "echo", inputSchema: { type: "object" } }], cacheScope: "private" }));
    expect(lists.mirrorsOf("echo")).toEqual([]);
  });

  it.each<[string, Judged, boolean]>([
    ["an error", answer(null), true],
    ["no answer to a list", answer({}), false],
    ["a request", { kind: "ask", text: "", method: "tools/list", id: "1" }, true],
    ["a refused request", { kind: "refuse", method: "tools/list", idText: "1" }, true],
    ["another notification", { kind: "pass", text: "", method: "notifications/message" }, true],
    ["nothing", { kind: "drop", asked: null, method: null }, true],
  ])("teaches nothing where it is %s", (_case, judged, asksForList) => {
    const { lists, learn, kept } = setScene(asksForList);
    learn(judged);
    expect(lists.find(key, 1_000)).toBeUndefined();
    expect(kept()).toEqual(kinds);
  });

  it("is not read again where nothing is learned from it", () => {
    const { lists } = setScene();
    const exchange = { upstream: { lists, now: () => 0 }, answer: { list: undefined } } as unknown as Exchange;
    const source = () => {
      throw new Error("read");
    };
    expect(() => learnLists(exchange, answer({}), source)).not.toThrow();
  });
});

describe("that a list has changed", () => {
  it.each(kinds)("ends what is kept of %s, whether the client may hear of it or not", (kind) => {
    const method = `notifications/${kind}/list_changed`;
    const left = kinds.filter((other) => other !== kind);
    for (const judged of [
      { kind: "pass", text: "", method },
      { kind: "drop", asked: null, method },
    ] as const) {
      const { learn, kept } = setScene(false);
      learn(judged);
      expect(kept()).toEqual(left);
    }
  });

  it("ends what was asked for before, too", () => {
    const { lists, learn } = setScene();
    learn({ kind: "drop", asked: null, method: "notifications/tools/list_changed" });
    learn(answer({}));
    expect(lists.find(key, 1_000)).toBeUndefined();
  });

  it.each(["notifications/roots/list_changed", "notifications/templates/list_changed", "tools/list_changed"])(
    "is not said by %s",
    (method) => {
      const { learn, kept } = setScene(false);
      learn({ kind: "pass", text: "", method });
      expect(kept()).toEqual(kinds);
    },
  );

  it("is not said by a request", () => {
    const { learn, kept } = setScene(false);
    learn({ kind: "refuse", method: "notifications/tools/list_changed", idText: "1" });
    expect(kept()).toEqual(kinds);
  });
});
