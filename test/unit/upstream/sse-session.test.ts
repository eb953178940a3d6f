import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RpcId } from "../../../src/facts.ts";
import { type StreamEvent, StreamFault } from "../../../src/mcp/sse.ts";
import { SseSession } from "../../../src/upstream/sse-session.ts";
import type { SseSource } from "../../../src/upstream/sse-source.ts";
import { collectGarbage } from "../../fixtures/garbage.ts";
import { createSource, type Heard, hear, type ScriptedSource, settle } from "./sse-source.ts";

const idleMs = 60_000;

interface Scene {
  readonly source: ScriptedSource;
  readonly session: SseSession;
  /** A request that is heard. */
  request(id: RpcId, progressToken?: RpcId): Heard;
  readonly ended: () => number;
}

function open(): Scene {
  const source = createSource();
  let ended = 0;
  const session = new SseSession(source, idleMs, () => {
    ended += 1;
  });
  return {
    source,
    session,
    request(id, progressToken) {
      const outlet = session.expect(id, progressToken, new AbortController().signal);
      if (outlet === undefined) throw new Error("refused");
      return hear(outlet.body);
    },
    ended: () => ended,
  };
}

/** A session whose first request was answered. */
async function establish(): Promise<Scene> {
  const scene = open();
  scene.request("first");
  scene.source.say(answer("first"));
  await settle();
  return scene;
}

function answer(id: unknown, result: object = {}): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result });
}

function notification(data: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data } });
}

function progress(progressToken: RpcId): string {
  return JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken, progress: 1 } });
}

const question = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "elicitation/create", params: {} });
const listening = new AbortController().signal;

function listen({ session }: Scene): Heard {
  const outlet = session.listen(listening);
  if (outlet === undefined) throw new Error("refused");
  return hear(outlet.body);
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

describe("answers", () => {
  it("reach the request with their id, which then is over, in whatever order they come", async () => {
    const { source, request } = open();
    const number = request(1);
    const text = request("1");
    const other = request(2);
    source.say(answer("1", { to: "text" }));
    source.say(answer(1, { to: "number" }));
    await settle();
    expect(text).toEqual({ messages: [answer("1", { to: "text" })], end: { cause: null } });
    expect(number).toEqual({ messages: [answer(1, { to: "number" })], end: { cause: null } });
    expect(other).toEqual({ messages: [], end: undefined });
  });

  it("may be errors", async () => {
    const { source, request } = open();
    const heard = request(1);
    const error = '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}';
    source.say(error);
    await settle();
    expect(heard).toEqual({ messages: [error], end: { cause: null } });
  });

  it.each([
    ["to nobody", answer(99)],
    ["to nobody, as a text that looks like a number", answer("1")],
    ["that came once before", answer("first")],
    ["without an id", '{"jsonrpc":"2.0","result":{}}'],
    ["whose id could not be read", '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}'],
  ])("%s are dropped", async (_case, data) => {
    const scene = await establish();
    const waiting = scene.request(1);
    const standalone = listen(scene);
    scene.source.say(data);
    scene.source.say(answer(1));
    await settle();
    expect(standalone).toEqual({ messages: [], end: undefined });
    expect(waiting.messages).toEqual([answer(1)]);
  });

  it("are all delivered, each to its own request and unchanged, however they are mixed", async () => {
    const ids = fc.oneof(fc.integer(), fc.string({ minLength: 1, maxLength: 8 }));
    const mixed = fc
      .uniqueArray(fc.record({ id: ids, value: fc.json() }), { minLength: 1, maxLength: 12, selector: ({ id }) => id })
      .chain((asked) => fc.tuple(fc.constant(asked), fc.shuffledSubarray(asked, { minLength: asked.length })));
    await fc.assert(
      fc.asyncProperty(mixed, async ([asked, answered]) => {
        const { source, request } = open();
        const said = new Map(
          asked.map(({ id, value }) => [id, `{"id" :${JSON.stringify(id)}, "result":{"v": ${value}}}`]),
        );
        const heard = asked.map(({ id }) => ({ id, stream: request(id) }));
        for (const { id } of answered) source.say(said.get(id) ?? "");
        await settle();
        for (const { id, stream } of heard) expect(stream).toEqual({ messages: [said.get(id)], end: { cause: null } });
      }),
      { numRuns: 30 },
    );
  });
});

describe("what belongs to no request", () => {
  it.each([
    ["a notification", notification("hello")],
    ["a question of the server", question],
    ["progress under a token that nobody gave", progress("unknown")],
    ["what has both a method and a result", '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}'],
  ])("is heard on the stream of the session: %s", async (_case, data) => {
    const scene = await establish();
    const waiting = scene.request(1, "token");
    const standalone = listen(scene);
    scene.source.say(data);
    await settle();
    expect(standalone).toEqual({ messages: [data], end: undefined });
    expect(waiting.messages).toEqual([]);
  });

  it("is heard by the request that was made last where the session has no stream", async () => {
    const { source, request } = open();
    const [first, last] = [request(1), request(2)];
    source.say(question);
    source.say(answer(2));
    source.say(notification("later"));
    await settle();
    expect(last.messages).toEqual([question, answer(2)]);
    expect(first.messages).toEqual([notification("later")]);
  });

  it("waits for the next stream, in order, where nobody listens", async () => {
    const scene = await establish();
    for (const data of ["a", "b"]) scene.source.say(notification(data));
    await settle();
    const standalone = listen(scene);
    scene.source.say(notification("c"));
    await settle();
    expect(standalone.messages).toEqual(["a", "b", "c"].map(notification));
  });

  it("waits for a request until that is accepted, since a refused one would take it along", async () => {
    const scene = await establish();
    scene.source.say(notification("a"));
    await settle();
    const heard = scene.request(1);
    await settle();
    expect(heard.messages).toEqual([]);
    scene.session.flush();
    scene.source.say(answer(1));
    await settle();
    expect(heard.messages).toEqual([notification("a"), answer(1)]);
  });

  it("comes in order when something newer overtakes the acceptance", async () => {
    const scene = await establish();
    scene.source.say(notification("a"));
    await settle();
    const heard = scene.request(1, "token");
    scene.source.say(progress("token"));
    await settle();
    expect(heard.messages).toEqual([notification("a"), progress("token")]);
  });

  it.each([
    ["64 messages", 100, 10, 64],
    ["256 KiB", 10, 100_000, 2],
    ["none that is larger", 1, 300_000, 0],
  ])("is kept up to a bound, the latest of it: %s", async (_case, count, length, kept) => {
    const scene = await establish();
    const said = Array.from({ length: count }, (_, index) => notification(`${index} `.padEnd(length, "x")));
    for (const data of said) scene.source.say(data);
    await settle();
    const heard = listen(scene);
    await settle();
    expect(heard.messages).toEqual(kept === 0 ? [] : said.slice(-kept));
  });

  it("has no bound of its own where somebody listens", async () => {
    const scene = await establish();
    const standalone = listen(scene);
    const data = notification("x".repeat(300_000));
    scene.source.say(data);
    await settle();
    expect(standalone.messages).toEqual([data]);
  });
});

describe("progress", () => {
  it.each<[RpcId, RpcId]>([
    ["token", "other"],
    [1, "1"],
  ])("under the token %j reaches the request that gave it, not the one that gave %j", async (mine, others) => {
    const scene = await establish();
    const asking = scene.request("a", mine);
    const later = scene.request("b", others);
    const standalone = listen(scene);
    scene.source.say(progress(mine));
    await settle();
    expect(asking.messages).toEqual([progress(mine)]);
    expect(later.messages).toEqual([]);
    expect(standalone.messages).toEqual([]);
  });
});

describe("events", () => {
  it.each([["ping"], ["endpoint"], ["Message"]])("of type %s carry no message", async (type) => {
    const { source, request } = open();
    const heard = request(1);
    source.say(answer(1), type);
    await settle();
    expect(heard).toEqual({ messages: [], end: undefined });
  });

  it("without a type, or with nothing in them, are as any browser reads them", async () => {
    const { source, request } = open();
    const heard = request(1);
    source.say("");
    source.say(answer(1), null);
    await settle();
    expect(heard).toEqual({ messages: [answer(1)], end: { cause: null } });
  });

  it.each(["no JSON", "[]", '"text"', "null", '{"jsonrpc":"2.0","id":1}', answer(1).slice(0, -1)])(
    "that are no message break the session, for they may have been anybody's answer: %s",
    async (data) => {
      const scene = await establish();
      const waiting = [scene.request(1), scene.request(2), listen(scene)];
      scene.source.say(data);
      await settle();
      for (const { end } of waiting) expect(end).toMatchObject({ cause: { code: "upstream_malformed" } });
      expect(scene.source.closed).toBe(true);
      expect(scene.ended()).toBe(1);
    },
  );
});

describe("the end of the server's stream", () => {
  it.each([
    ["in good order", undefined, null],
    ["by a broken connection", new Error("reset"), expect.objectContaining({ message: "reset" })],
    ["by an event that is too large", new StreamFault("too_large"), expect.any(StreamFault)],
  ])("%s ends everything", async (_case, cause, expected) => {
    const scene = await establish();
    const streams = [scene.request(1), scene.request(2), listen(scene)];
    scene.source.stop(cause);
    await settle();
    for (const { end } of streams) expect(end).toEqual({ cause: expected });
    expect(scene.ended()).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("takes nothing back that was said before", async () => {
    const { source, session } = open();
    const outlet = session.expect(1, undefined, listening);
    source.say(answer(1));
    source.stop(new Error("reset"));
    await settle();
    const heard = hear(outlet?.body ?? expect.fail());
    await settle();
    expect(heard).toEqual({ messages: [answer(1)], end: { cause: null } });
  });
});

describe("a request", () => {
  it("is refused while another with its id waits, and only then", async () => {
    const scene = await establish();
    scene.request(1);
    expect(scene.session.expect(1, undefined, listening)).toBeUndefined();
    scene.request("1");
    scene.source.say(answer(1));
    await settle();
    scene.request(1);
  });

  it("is not taken for an earlier one with its id, whose answer is read only now", async () => {
    const { source, session, request } = await establish();
    const earlier = session.expect(1, undefined, listening) ?? expect.fail();
    source.say(answer(1, { of: "earlier" }));
    await settle();
    const later = request(1);
    hear(earlier.body);
    await settle();
    source.say(answer(1, { of: "later" }));
    await settle();
    expect(later.messages).toEqual([answer(1, { of: "later" })]);
  });

  it("that is broken off is waited for no more, and its late answer reaches nobody", async () => {
    const scene = await establish();
    const gone = new AbortController();
    const heard = hear(scene.session.expect(1, undefined, gone.signal)?.body ?? expect.fail());
    gone.abort(new Error("client gone"));
    await settle();
    expect(heard.end?.cause).toMatchObject({ name: "AbortError" });
    const standalone = listen(scene);
    scene.source.say(answer(1));
    await settle();
    expect(standalone.messages).toEqual([]);
    scene.request(1);
  });

  it("that hears nothing for too long is given up, what it hears counts from there", async () => {
    const scene = await establish();
    const heard = scene.request(1, "token");
    vi.advanceTimersByTime(idleMs - 1);
    scene.source.say(progress("token"));
    await settle();
    vi.advanceTimersByTime(idleMs - 1);
    await settle();
    expect(heard.end).toBeUndefined();
    vi.advanceTimersByTime(1);
    await settle();
    expect(heard.end).toMatchObject({ cause: { code: "UND_ERR_BODY_TIMEOUT" } });
    scene.request(1);
  });

  it("that opens the session and is not answered takes the session along", async () => {
    const { session, source, ended } = open();
    const gone = new AbortController();
    session.expect(1, undefined, gone.signal);
    gone.abort();
    await settle();
    expect(ended()).toBe(1);
    expect(source.closed).toBe(true);
  });
});

describe("the stream of the session", () => {
  it("is one at a time", async () => {
    const scene = await establish();
    const gone = new AbortController();
    scene.session.listen(gone.signal);
    expect(scene.session.listen(listening)).toBeUndefined();
    gone.abort();
    await settle();
    const second = listen(scene);
    scene.source.say(notification("a"));
    await settle();
    expect(second.messages).toEqual([notification("a")]);
  });
});

describe("a session", () => {
  it("that nobody uses ends", async () => {
    const { session, source, ended } = await establish();
    vi.advanceTimersByTime(idleMs - 1);
    session.touch();
    vi.advanceTimersByTime(idleMs - 1);
    expect(ended()).toBe(0);
    vi.advanceTimersByTime(1);
    expect(ended()).toBe(1);
    expect(source.closed).toBe(true);
    session.touch();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is not used by what the server says", async () => {
    const { source, ended } = await establish();
    vi.advanceTimersByTime(idleMs - 1);
    source.say(notification("a"));
    await settle();
    vi.advanceTimersByTime(1);
    expect(ended()).toBe(1);
  });

  it("lasts as long as its stream, and then as long as any other", async () => {
    const { session, ended } = await establish();
    const gone = new AbortController();
    session.listen(gone.signal);
    vi.advanceTimersByTime(10 * idleMs);
    expect(ended()).toBe(0);
    gone.abort();
    await settle();
    vi.advanceTimersByTime(idleMs - 1);
    expect(ended()).toBe(0);
    vi.advanceTimersByTime(1);
    expect(ended()).toBe(1);
  });

  it("that is to end waits for the answers that are owed, not for its stream", async () => {
    const scene = await establish();
    const standalone = listen(scene);
    const [first, second] = [scene.request(1), scene.request(2)];
    scene.session.leave();
    scene.source.say(answer(1));
    await settle();
    expect(first.end).toEqual({ cause: null });
    expect(scene.ended()).toBe(0);
    scene.source.say(answer(2));
    await settle();
    expect(second.messages).toEqual([answer(2)]);
    expect(standalone.end).toEqual({ cause: null });
    expect(scene.ended()).toBe(1);
  });

  it("without debts ends at once when it is to end", async () => {
    const { session, ended } = await establish();
    session.leave();
    expect(ended()).toBe(1);
  });
});

describe("a client that does not read", () => {
  const large = notification("x".repeat(30_000));

  it("holds the server up instead of filling the memory, until it reads", async () => {
    const scene = await establish();
    const outlet = scene.session.listen(listening) ?? expect.fail();
    const waiting = scene.request(1);
    for (let count = 0; count < 100; count += 1) scene.source.say(large);
    scene.source.say(answer(1));
    await settle();
    expect(outlet.body.readableLength).toBeLessThan(200_000);
    expect(scene.source.left()).toBeGreaterThan(90);
    expect(waiting.messages).toEqual([]);
    const heard = hear(outlet.body);
    await settle();
    expect(heard.messages).toHaveLength(100);
    expect(waiting.messages).toEqual([answer(1)]);
  });

  it("has its messages kept as bytes alone meanwhile", async () => {
    let event: WeakRef<StreamEvent> | undefined;
    const events: SseSource["events"] = {
      [Symbol.asyncIterator]: () => ({
        async next() {
          if (event !== undefined) return Promise.withResolvers<never>().promise;
          const value = { id: null, type: "message", data: notification("x".repeat(70_000)), retryMs: null };
          event = new WeakRef(value);
          return { value, done: false };
        },
      }),
    };
    const session = new SseSession({ endpoint: new URL("http://127.0.0.1/"), events, close() {} }, idleMs, () => {});
    const outlet = session.listen(listening) ?? expect.fail();
    await settle();
    expect(outlet.body.readableLength).toBeGreaterThan(70_000);
    collectGarbage();
    expect(event?.deref()).toBeUndefined();
  });

  it("does so on the stream of a request as well", async () => {
    const scene = await establish();
    const outlet = scene.session.expect(1, "token", listening) ?? expect.fail();
    for (let count = 0; count < 3_000; count += 1) scene.source.say(progress("token"));
    await settle();
    expect(scene.source.left()).toBeGreaterThan(1_000);
    const heard = hear(outlet.body);
    scene.source.say(answer(1));
    await settle();
    expect(heard.messages).toHaveLength(3_001);
  });

  it("is cut off when it holds up its own other streams for too long", async () => {
    const scene = await establish();
    const outlet = scene.session.listen(listening) ?? expect.fail();
    const waiting = scene.request(1);
    for (let count = 0; count < 10; count += 1) scene.source.say(large);
    scene.source.say(answer(1));
    await settle();
    expect(waiting.messages).toEqual([]);
    vi.advanceTimersByTime(30_000);
    await settle();
    expect(outlet.body.errored).toMatchObject({ code: "client_gone" });
    expect(waiting.messages).toContain(answer(1));
  });

  it("is not cut off as long as it goes on reading, however slowly", async () => {
    const scene = await establish();
    const outlet = scene.session.listen(listening) ?? expect.fail();
    for (let count = 0; count < 30; count += 1) scene.source.say(large);
    await settle();
    for (let rounds = 0; rounds < 5; rounds += 1) {
      vi.advanceTimersByTime(29_999);
      expect(outlet.body.read()).not.toBeNull();
      await settle();
      expect(outlet.body.readableLength).toBeGreaterThan(65_536);
    }
    expect(outlet.body.errored).toBeNull();
  });

  it("is no longer waited for when it is gone", async () => {
    const scene = await establish();
    const gone = new AbortController();
    scene.session.listen(gone.signal);
    const waiting = scene.request(1);
    for (let count = 0; count < 10; count += 1) scene.source.say(large);
    await settle();
    gone.abort();
    scene.source.say(answer(1));
    await settle();
    expect(waiting.messages.at(-1)).toBe(answer(1));
  });
});
