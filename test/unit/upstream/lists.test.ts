import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createListMemory, type ListKind, type ListLimits } from "../../../src/upstream/lists.ts";

const limits: ListLimits = { maxTools: 3, maxAnswers: 3, maxChars: 1_000, maxTtlMs: 1_000 };
const open = { ttlMs: 100, cacheScope: "public" };

describe("what a server says of its tools", () => {
  const tool = (name: string, readOnlyHint: boolean) => ({
    name,
    inputSchema: { type: "object" },
    annotations: { readOnlyHint },
  });
  const forMs = 300_000;

  it("is believed for five minutes after it was said last", () => {
    const lists = createListMemory();
    lists.learnTools(lists.begin("tools"), { tools: [tool("a", true)] }, 1_000);
    expect(lists.annotationsOf("a", 1_000 + forMs - 1)).toEqual({ readOnlyHint: true });
    expect(lists.annotationsOf("a", 1_000 + forMs)).toBeUndefined();
    lists.learnTools(lists.begin("tools"), { tools: [tool("a", false)] }, 1_000 + forMs);
    expect(lists.annotationsOf("a", 1_000 + forMs)).toEqual({ readOnlyHint: false });
    expect(lists.annotationsOf("a", 0)).toBeUndefined();
    expect(lists.mirrorsOf("a")).toEqual([]);
  });

  it("is unknown of those that a list of all leaves out, though not what their calls must mirror", () => {
    const lists = createListMemory();
    lists.learnTools(lists.begin("tools"), { tools: [tool("a", true), tool("b", true)] }, 0);
    lists.learnAllTools(lists.begin("tools"), { tools: [tool("b", false)] }, 1);
    expect([lists.annotationsOf("a", 1), lists.annotationsOf("b", 1)]).toEqual([undefined, { readOnlyHint: false }]);
    expect([lists.mirrorsOf("a"), lists.mirrorsOf("b")]).toEqual([[], []]);
    lists.learnTools(lists.begin("tools"), { tools: [tool("a", true)] }, 2);
    expect(lists.annotationsOf("a", 2)).toEqual({ readOnlyHint: true });
  });

  it("is not touched by a list of all that was asked for before the last change", () => {
    const lists = createListMemory();
    const before = lists.begin("tools");
    lists.forget("tools");
    lists.learnTools(lists.begin("tools"), { tools: [tool("a", true)] }, 0);
    lists.learnAllTools(before, { tools: [] }, 0);
    expect(lists.annotationsOf("a", 0)).toEqual({ readOnlyHint: true });
  });
});

describe("definitions of tools", () => {
  const tool = (name: string, header = "Region") => ({
    name,
    inputSchema: { type: "object", properties: { a: { type: "string", "x-mcp-header": header } } },
  });
  const region = [{ header: "mcp-param-region", path: ["a"], type: "string" }];

  function learn(...tools: readonly unknown[]) {
    const lists = createListMemory(limits);
    lists.learnTools(lists.begin("tools"), { tools }, 0);
    return lists;
  }

  it("are remembered by name", () => {
    const lists = learn(tool("a"), tool("b", "Zone"), { name: "c", inputSchema: { type: "object" } });
    expect(lists.mirrorsOf("a")).toEqual(region);
    expect(lists.mirrorsOf("b")).toEqual([{ header: "mcp-param-zone", path: ["a"], type: "string" }]);
    expect(lists.mirrorsOf("c")).toEqual([]);
    expect(lists.mirrorsOf("A")).toBeUndefined();
    expect(lists.mirrorsOf("constructor")).toBeUndefined();
  });

  it("come page by page", () => {
    const lists = learn(tool("a"));
    lists.learnTools(lists.begin("tools"), { tools: [tool("b")] }, 0);
    expect([lists.mirrorsOf("a"), lists.mirrorsOf("b")]).toEqual([region, region]);
  });

  it("replace what was heard before, even by an invalid one", () => {
    const lists = learn(tool("a"), tool("b"));
    lists.learnTools(lists.begin("tools"), { tools: [tool("a", "Zone"), tool("b", "no token")] }, 0);
    expect(lists.mirrorsOf("a")).toEqual([{ header: "mcp-param-zone", path: ["a"], type: "string" }]);
    expect(lists.mirrorsOf("b")).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["a text", "tools"],
    ["a list", [tool("a")]],
    ["tools that are no list", { tools: tool("a") }],
    ["tools of all kinds", { tools: [null, 1, "a", [], {}, { name: 1 }, { name: null, inputSchema: {} }] }],
  ])("are not found in %s", (_case, result) => {
    const lists = createListMemory(limits);
    lists.learnTools(lists.begin("tools"), result, 0);
    expect(lists.mirrorsOf("a")).toBeUndefined();
  });

  it("are passed over under a name of more than 256 characters", () => {
    const lists = learn(tool("x".repeat(256)), tool("y".repeat(257)));
    expect(lists.mirrorsOf("x".repeat(256))).toEqual(region);
    expect(lists.mirrorsOf("y".repeat(257))).toBeUndefined();
  });

  it("are forgotten with a change of tools, and of nothing else", () => {
    const lists = learn(tool("a"));
    lists.forget("prompts");
    lists.forget("resources");
    expect(lists.mirrorsOf("a")).toEqual(region);
    lists.forget("tools");
    expect(lists.mirrorsOf("a")).toBeUndefined();
  });

  it("stay, and can be learned anew, while answers are renewed", () => {
    const lists = learn(tool("a"));
    const before = lists.begin("tools");
    lists.renew("tools");
    expect(lists.mirrorsOf("a")).toEqual(region);
    lists.learnTools(before, { tools: [tool("a", "Zone")] }, 0);
    expect(lists.mirrorsOf("a")).toEqual([{ header: "mcp-param-zone", path: ["a"], type: "string" }]);
  });

  it("are not believed when they were asked for before a change", () => {
    const lists = createListMemory(limits);
    const before = lists.begin("tools");
    lists.forget("tools");
    lists.learnTools(before, { tools: [tool("a")] }, 0);
    expect(lists.mirrorsOf("a")).toBeUndefined();
    lists.learnTools(lists.begin("tools"), { tools: [tool("a")] }, 0);
    expect(lists.mirrorsOf("a")).toEqual(region);
  });

  it("make room for new ones, those used least recently first", () => {
    const lists = learn(tool("a"), tool("b"), tool("c"));
    lists.mirrorsOf("a");
    lists.learnTools(lists.begin("tools"), { tools: [tool("d")] }, 0);
    expect(["a", "b", "c", "d"].map((name) => lists.mirrorsOf(name) !== undefined)).toEqual([true, false, true, true]);
  });

  it("are bounded in characters, all together and one by one", () => {
    const lists = learn(tool("a", "A".repeat(450)), tool("b", "B".repeat(450)), tool("c"));
    expect(["a", "b", "c"].map((name) => lists.mirrorsOf(name) !== undefined)).toEqual([false, true, true]);
    lists.learnTools(lists.begin("tools"), { tools: [tool("d", "D".repeat(1_000))] }, 0);
    expect(["b", "c", "d"].map((name) => lists.mirrorsOf(name) !== undefined)).toEqual([true, true, false]);
  });

  it("are remembered of 10,000 tools at most", () => {
    const lists = createListMemory();
    const tools = Array.from({ length: 10_001 }, (_, i) => ({ name: `t${i}`, inputSchema: {} }));
    lists.learnTools(lists.begin("tools"), { tools }, 0);
    expect(["t0", "t1", "t10000"].map((name) => lists.mirrorsOf(name))).toEqual([undefined, [], []]);
  });
});

describe("answers", () => {
  it("are served while they are fresh, and say how long that is", () => {
    const lists = createListMemory(limits);
    lists.keep(lists.begin("tools"), "k", "answer", open, 1_000);
    expect(lists.find("k", 1_000)).toEqual({ text: "answer", leftMs: 100 });
    expect(lists.find("k", 1_099)).toEqual({ text: "answer", leftMs: 1 });
    expect(lists.find("other", 1_000)).toBeUndefined();
    expect(lists.find("k", 1_100)).toBeUndefined();
  });

  it.each<[string, unknown, unknown]>([
    ["private", "private", 100],
    ["of no scope", undefined, 100],
    ["public in other letters", "Public", 100],
    ["of a scope in a list", ["public"], 100],
    ["without a ttl", "public", undefined],
    ["with a ttl of 0", "public", 0],
    ["with a ttl of -0", "public", -0],
    ["with a negative ttl", "public", -5],
    ["with a ttl of less than a millisecond", "public", 0.9],
    ["with a ttl in a text", "public", "5"],
    ["with a ttl that is no number", "public", Number.NaN],
    ["with an endless ttl", "public", Number.POSITIVE_INFINITY],
    ["with a ttl of null", "public", null],
    ["with a ttl in an object", "public", { valueOf: () => 5 }],
  ])("%s are not kept, and push nothing out", (_case, cacheScope, ttlMs) => {
    const lists = createListMemory(limits);
    const ticket = lists.begin("tools");
    for (const key of ["a", "b", "c"]) lists.keep(ticket, key, "answer", open, 0);
    lists.keep(ticket, "k", "answer", { cacheScope, ttlMs }, 0);
    expect(["a", "b", "c", "k"].filter((key) => lists.find(key, 0) !== undefined)).toEqual(["a", "b", "c"]);
  });

  it.each([1_001, 1e308, Number.MAX_SAFE_INTEGER])(
    "are kept no longer than the limit, for a ttl of %d too",
    (ttlMs) => {
      const lists = createListMemory(limits);
      lists.keep(lists.begin("tools"), "k", "answer", { ...open, ttlMs }, 5);
      expect(lists.find("k", 5)?.leftMs).toBe(1_000);
      expect(lists.find("k", 1_005)).toBeUndefined();
    },
  );

  it("are kept for an hour at most by default", () => {
    const lists = createListMemory();
    lists.keep(lists.begin("tools"), "k", "answer", { ...open, ttlMs: 1e308 }, 0);
    expect(lists.find("k", 0)?.leftMs).toBe(3_600_000);
  });

  it("do not live longer by a clock that is set back", () => {
    const lists = createListMemory(limits);
    lists.keep(lists.begin("tools"), "k", "answer", open, 5_000);
    expect(lists.find("k", 4_999)).toBeUndefined();
  });

  it("replace the one before, also one that may not be kept", () => {
    const lists = createListMemory(limits);
    lists.keep(lists.begin("tools"), "k", "old", open, 0);
    lists.keep(lists.begin("tools"), "k", "new", open, 50);
    expect(lists.find("k", 120)?.text).toBe("new");
    lists.keep(lists.begin("tools"), "k", "mine", { ...open, cacheScope: "private" }, 60);
    expect(lists.find("k", 60)).toBeUndefined();
  });

  it.each<[ListKind, readonly string[]]>([
    ["tools", ["prompts", "resources", "templates"]],
    ["prompts", ["resources", "templates", "tools"]],
    ["resources", ["prompts", "tools"]],
  ])("are forgotten when the %s change", (kind, left) => {
    const lists = createListMemory({ ...limits, maxAnswers: 4 });
    for (const of of ["tools", "prompts", "resources"] as const) lists.keep(lists.begin(of), of, "answer", open, 0);
    lists.keep(lists.begin("resources"), "templates", "answer", open, 0);
    lists.forget(kind);
    const all = ["prompts", "resources", "templates", "tools"];
    expect(all.filter((key) => lists.find(key, 0) !== undefined)).toEqual(left);
  });

  it("are not served any more once their list is renewed, others are", () => {
    const lists = createListMemory(limits);
    lists.keep(lists.begin("tools"), "t", "tools", open, 0);
    lists.keep(lists.begin("prompts"), "p", "prompts", open, 0);
    lists.renew("tools");
    expect([lists.find("t", 0), lists.find("p", 0)?.text]).toEqual([undefined, "prompts"]);
  });

  it("asked for before a change of their list are not kept, and take nothing away", () => {
    const lists = createListMemory(limits);
    const before = lists.begin("tools");
    const beside = lists.begin("prompts");
    lists.forget("tools");
    lists.keep(before, "k", "old", open, 0);
    expect(lists.find("k", 0)).toBeUndefined();
    lists.keep(lists.begin("tools"), "k", "new", open, 0);
    lists.keep(before, "k", "old", { ...open, cacheScope: "private" }, 0);
    lists.keep(beside, "p", "prompts", open, 0);
    expect([lists.find("k", 0)?.text, lists.find("p", 0)?.text]).toEqual(["new", "prompts"]);
  });

  it("asked for by another memory are not kept", () => {
    const lists = createListMemory(limits);
    lists.keep(createListMemory(limits).begin("tools"), "k", "answer", open, 0);
    expect(lists.find("k", 0)).toBeUndefined();
  });

  it("that nobody asks for give way, not those in use, to a client that invents cursors", () => {
    const lists = createListMemory(limits);
    const ticket = lists.begin("tools");
    lists.keep(ticket, "first page", "answer", open, 0);
    for (let i = 0; i < 50; i += 1) {
      lists.keep(ticket, `invented ${i}`, "answer", open, 0);
      expect(lists.find("first page", 0)?.text).toBe("answer");
    }
    const left = Array.from({ length: 50 }, (_, i) => lists.find(`invented ${i}`, 0)).filter(
      (kept) => kept !== undefined,
    );
    expect(left).toHaveLength(2);
  });

  it("that are stale go before any fresh one, however lately they were wanted", () => {
    const lists = createListMemory(limits);
    const ticket = lists.begin("tools");
    lists.keep(ticket, "long", "answer", { ...open, ttlMs: 500 }, 0);
    lists.keep(ticket, "short 1", "answer", { ...open, ttlMs: 10 }, 0);
    lists.keep(ticket, "short 2", "answer", { ...open, ttlMs: 10 }, 0);
    lists.find("short 1", 5);
    lists.keep(ticket, "new 1", "answer", open, 20);
    lists.keep(ticket, "new 2", "answer", open, 20);
    expect(["long", "new 1", "new 2"].map((key) => lists.find(key, 20)?.text)).toEqual(["answer", "answer", "answer"]);
  });

  it("are bounded in characters, keys included", () => {
    const lists = createListMemory(limits);
    const ticket = lists.begin("tools");
    lists.keep(ticket, "a", "x".repeat(499), open, 0);
    lists.keep(ticket, "b", "x".repeat(499), open, 0);
    expect([lists.find("a", 0) !== undefined, lists.find("b", 0) !== undefined]).toEqual([true, true]);
    lists.keep(ticket, "c", "", open, 0);
    expect(["a", "b", "c"].map((key) => lists.find(key, 0) !== undefined)).toEqual([false, true, true]);
  });

  it("that are too large alone push nothing out", () => {
    const lists = createListMemory(limits);
    const ticket = lists.begin("tools");
    lists.keep(ticket, "a", "answer", open, 0);
    lists.keep(ticket, "b", "x".repeat(1_000), open, 0);
    expect([lists.find("a", 0)?.text, lists.find("b", 0)]).toEqual(["answer", undefined]);
  });

  it("are 64 and 4 Mi characters at most by default", () => {
    const lists = createListMemory();
    const ticket = lists.begin("tools");
    for (let i = 0; i < 65; i += 1) lists.keep(ticket, `k${i}`, "answer", open, 0);
    expect(["k0", "k1", "k64"].map((key) => lists.find(key, 0)?.text)).toEqual([undefined, "answer", "answer"]);
    lists.keep(ticket, "big", "x".repeat(4_194_301), open, 0);
    expect([lists.find("big", 0)?.text.length, lists.find("k1", 0)]).toEqual([4_194_301, undefined]);
    lists.keep(ticket, "giant", "x".repeat(4_194_304), open, 0);
    expect(lists.find("giant", 0)).toBeUndefined();
  });

  it("found are always the last ones that were kept, fresh, and within bounds, whatever happens", () => {
    const key = fc.constantFrom("a", "b", "c", "d", "e");
    const kind = fc.constantFrom<ListKind>("tools", "prompts", "resources");
    const step = fc.oneof(
      fc.record({ do: fc.constant("keep" as const), key, chars: fc.nat(600), ttlMs: fc.integer({ min: -5, max: 50 }) }),
      fc.record({ do: fc.constant("begin" as const), kind }),
      fc.record({ do: fc.constant("forget" as const), kind }),
      fc.record({ do: fc.constant("wait" as const), ms: fc.nat(30) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const lists = createListMemory(limits);
        const changes: Record<ListKind, number> = { tools: 0, prompts: 0, resources: 0 };
        const model = new Map<string, { text: string; until: number; kind: ListKind; change: number }>();
        let ticket = lists.begin("tools");
        let change = 0;
        let nowMs = 0;
        for (const [index, step] of steps.entries()) {
          if (step.do === "wait") nowMs += step.ms;
          if (step.do === "forget") {
            lists.forget(step.kind);
            changes[step.kind] += 1;
          }
          if (step.do === "begin") {
            ticket = lists.begin(step.kind);
            change = changes[step.kind];
          }
          if (step.do === "keep") {
            const text = `${index}${"x".repeat(step.chars)}`;
            lists.keep(ticket, step.key, text, { ...open, ttlMs: step.ttlMs }, nowMs);
            if (change === changes[ticket.kind])
              model.set(step.key, { text, until: nowMs + step.ttlMs, kind: ticket.kind, change });
          }
          let found = 0;
          let chars = 0;
          for (const name of ["a", "b", "c", "d", "e"]) {
            const kept = lists.find(name, nowMs);
            if (kept === undefined) continue;
            const expected = model.get(name);
            expect(kept).toEqual({ text: expected?.text, leftMs: (expected?.until ?? 0) - nowMs });
            expect(kept.leftMs).toBeGreaterThan(0);
            expect(expected?.change).toBe(expected && changes[expected.kind]);
            found += 1;
            chars += name.length + kept.text.length;
          }
          expect(found).toBeLessThanOrEqual(limits.maxAnswers);
          expect(chars).toBeLessThanOrEqual(limits.maxChars);
          // What was kept just now under a bound of its own is there.
          if (step.do === "keep" && step.ttlMs > 0 && change === changes[ticket.kind])
            expect(lists.find(step.key, nowMs)).toBeDefined();
        }
      }),
    );
  });
});
