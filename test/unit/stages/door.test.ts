import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { Denial } from "../../../src/denial.ts";
import type { Door } from "../../../src/doors/doors.ts";
import type { Arrival, Identity, McpRoute, Message, RpcId, Session } from "../../../src/facts.ts";
import { callKey, createOpenCalls } from "../../../src/limits/calls.ts";
import type { Reply } from "../../../src/reply.ts";
import { enter } from "../../../src/stages/door.ts";

const reason = new Denial("client_cancelled");
const alice = { key: "alice" } as Identity;
const mallory = { key: "mallory" } as Identity;

/** Whose request it is. */
interface Asking {
  readonly identity?: Identity;
  readonly upstreamId?: string | null;
  readonly door?: Door | null;
}

/** Calls on their way, what has come of them, and where their answers went. */
function setScene() {
  const calls = createOpenCalls();
  const ended: string[] = [];
  const diverted: Reply[] = [];
  const reply = { divert: async (to: Reply) => void diverted.push(to) } as unknown as Reply;
  return {
    ended,
    diverted,
    enter(name: string, message: object, { identity = alice, upstreamId = "up-1", door = null }: Asking = {}) {
      const arrival = { interrupt: ({ code }: Denial) => ended.push(`${name}: ${code}`) } as unknown as Arrival;
      const route = { server: "s" } as McpRoute;
      const session = { upstreamId, door } as Session;
      return enter({ calls }, { arrival, route, identity, message: message as Message, session }, reply);
    },
    cancel(id: RpcId, { identity = alice, upstreamId = "up-1", door = null }: Asking = {}) {
      calls.cancel(callKey("s", identity, { upstreamId, door }, id), reason);
    },
  };
}

const request = (id: RpcId, era = "legacy") => ({ kind: "request", era, id });

describe("a request on its way", () => {
  it("can be called off by its id, until it is over", async () => {
    const scene = setScene();
    const call = await scene.enter("call", request(7));
    await scene.enter("other", request(8));
    scene.cancel(7);
    expect(scene.ended).toEqual(["call: client_cancelled"]);
    call[Symbol.dispose]();
    scene.cancel(7);
    expect(scene.ended).toHaveLength(1);
  });

  it.each<[string, RpcId, Asking]>([
    ["another id", 8, {}],
    ["the id as a string", "7", {}],
    ["another session", 7, { upstreamId: "up-2" }],
    ["no session", 7, { upstreamId: null }],
    ["another identity", 7, { identity: mallory }],
    ["a door", 7, { door: { id: "d" } as Door }],
  ])("cannot be called off by %s", async (_case, id, asking) => {
    const scene = setScene();
    await scene.enter("call", request(7));
    scene.cancel(id, asking);
    expect(scene.ended).toEqual([]);
  });

  it("is the later one where an id is used twice, and goes alone", async () => {
    const scene = setScene();
    const first = await scene.enter("first", request(7));
    const second = await scene.enter("second", request(7));
    first[Symbol.dispose]();
    scene.cancel(7);
    expect(scene.ended).toEqual(["second: client_cancelled"]);
    second[Symbol.dispose]();
    scene.cancel(7);
    expect(scene.ended).toHaveLength(1);
  });

  it.each<[string, object, Asking]>([
    ["of the stateless revision, where the end of the connection says it", request(7, "modern"), {}],
    ["without a session, where ids are nobody's", request(7), { upstreamId: null }],
    ["that is none: a notification", { kind: "notification", era: "legacy", id: 7 }, {}],
    ["that is none: a stream", { kind: "listen", era: "legacy", id: 7 }, {}],
  ])("cannot be called off %s", async (_case, message, asking) => {
    const scene = setScene();
    await scene.enter("call", message, asking);
    scene.cancel(7, asking);
    expect(scene.ended).toEqual([]);
  });
});

const doorOf = (closed: AbortSignal) => ({ id: "d", closed, take() {} }) as unknown as Door;

describe("what was posted to a door", () => {
  it("ends with the door, and is forgotten when it is over", async () => {
    const closing = new AbortController();
    const door = doorOf(closing.signal);
    const scene = setScene();
    const over = await scene.enter("over", request(1), { door });
    await scene.enter("call", request(2), { door });
    over[Symbol.dispose]();
    closing.abort(new Denial("policy_denied"));
    expect(scene.ended).toEqual(["call: policy_denied"]);
  });

  it("leaves nothing behind, for a door lives for days and takes millions of messages", async () => {
    const { signal } = new AbortController();
    const scene = setScene();
    const entered = [
      await scene.enter("call", request(1), { door: doorOf(signal) }),
      await scene.enter("note", { kind: "notification", era: "legacy" }, { door: doorOf(signal) }),
    ];
    expect(getEventListeners(signal, "abort")).toHaveLength(2);
    for (const each of entered) each[Symbol.dispose]();
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  const { signal: closed } = new AbortController();
  const door = doorOf(closed);

  it("is answered there, whatever it is", async () => {
    const scene = setScene();
    await scene.enter("call", request(7), { door });
    await scene.enter("note", { kind: "notification", era: "legacy" }, { door });
    expect(scene.diverted).toHaveLength(2);
  });

  it("can be called off from there alone", async () => {
    const scene = setScene();
    await scene.enter("call", request(7), { door });
    scene.cancel(7);
    scene.cancel(7, { door: { id: "e" } as Door });
    expect(scene.ended).toEqual([]);
    scene.cancel(7, { door });
    expect(scene.ended).toEqual(["call: client_cancelled"]);
  });

  it("is answered where it was posted, without one", async () => {
    const scene = setScene();
    await scene.enter("call", request(7));
    expect(scene.diverted).toEqual([]);
  });
});
