import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Denial } from "../../../src/denial.ts";
import type { Door } from "../../../src/doors/doors.ts";
import { callKey, createOpenCalls } from "../../../src/limits/calls.ts";

const reason = new Denial("client_cancelled");
const alice = { key: "alice" };
const door = (id: string) => ({ id }) as Door;

/** A call that writes down why it was interrupted. */
function createCall() {
  const reasons: Denial[] = [];
  return { reasons, interrupt: (why: Denial) => void reasons.push(why) };
}

describe("the key of a call", () => {
  const session = { upstreamId: "s", door: null };
  const keys: [string, string][] = [
    ["a number", callKey("s", alice, session, 1)],
    ["the same number as text", callKey("s", alice, session, "1")],
    ["another number", callKey("s", alice, session, 1.5)],
    ["another server", callKey("t", alice, session, 1)],
    ["another identity", callKey("s", { key: "bob" }, session, 1)],
    ["another session", callKey("s", alice, { upstreamId: "t", door: null }, 1)],
    ["no session", callKey("s", alice, { upstreamId: null, door: null }, 1)],
    ["a session named null", callKey("s", alice, { upstreamId: "null", door: null }, 1)],
    ["a door", callKey("s", alice, { upstreamId: "s", door: door("d") }, 1)],
    ["another door", callKey("s", alice, { upstreamId: "s", door: door("e") }, 1)],
    ["a door without a session", callKey("s", alice, { upstreamId: null, door: door("d") }, 1)],
  ];

  it("tells apart whatever differs", () => expect(new Set(keys.map(([, key]) => key)).size).toBe(keys.length));

  it("is the same for the same, however the number was written", () => {
    expect(callKey("s", alice, session, JSON.parse("1e0"))).toBe(callKey("s", alice, session, JSON.parse("1.0")));
  });

  it("joins no two parts into one", () => {
    const text = fc.string({ maxLength: 6, unit: fc.constantFrom('"', ",", "[", "]", "\\", "a", "null") });
    const call = fc.tuple(text, fc.option(text), fc.option(text), fc.oneof(text, fc.integer({ min: 0, max: 3 })));
    fc.assert(
      fc.property(call, call, (a, b) => {
        const [one, other] = [a, b].map(([key, upstreamId, id, rpcId]) =>
          callKey("s", { key }, { upstreamId, door: id === null ? null : door(id) }, rpcId),
        );
        expect(one === other).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });
});

describe("calls that are open", () => {
  it("are interrupted by their key, with the reason, and no others are", () => {
    const calls = createOpenCalls();
    const [mine, other] = [createCall(), createCall()];
    calls.enter("mine", mine.interrupt);
    calls.enter("other", other.interrupt);
    calls.cancel("mine", reason);
    expect([mine.reasons, other.reasons]).toEqual([[reason], []]);
  });

  it.each(["unknown", "", "__proto__", "constructor"])("are not touched by the key %j", (key) => {
    const calls = createOpenCalls();
    const mine = createCall();
    calls.enter("mine", mine.interrupt);
    expect(() => calls.cancel(key, reason)).not.toThrow();
    expect(mine.reasons).toEqual([]);
  });

  it("are known as called off until their id is used again", () => {
    const calls = createOpenCalls();
    calls.enter("mine", createCall().interrupt);
    expect(calls.wasCancelled("mine")).toBe(false);
    calls.cancel("mine", reason);
    calls.cancel("over already", reason);
    expect(["mine", "over already", "other"].map(calls.wasCancelled)).toEqual([true, true, false]);
    calls.enter("mine", createCall().interrupt);
    expect(calls.wasCancelled("mine")).toBe(false);
  });

  it("are gone when they are over", () => {
    const calls = createOpenCalls();
    const mine = createCall();
    {
      using _presence = calls.enter("mine", mine.interrupt);
    }
    calls.cancel("mine", reason);
    expect(mine.reasons).toEqual([]);
  });

  it("are the latest with their key, and its end is not that of an earlier one", () => {
    const calls = createOpenCalls();
    const [earlier, later] = [createCall(), createCall()];
    const first = calls.enter("same", earlier.interrupt);
    const second = calls.enter("same", later.interrupt);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    calls.cancel("same", reason);
    expect([earlier.reasons, later.reasons]).toEqual([[], [reason]]);
    second[Symbol.dispose]();
    calls.cancel("same", reason);
    expect(later.reasons).toHaveLength(1);
  });
});
