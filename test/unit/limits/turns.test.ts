import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HeldPlace } from "../../../src/limits/counters.ts";
import { createTurns, Displaced, type Turns } from "../../../src/limits/turns.ts";

const never = new AbortController().signal;
const leave = (place: HeldPlace) => place[Symbol.dispose]();

/** Takes places and writes down who got one, in which order. */
function createDesk(turns: Turns) {
  const held: { name: string; place: HeldPlace }[] = [];
  const refused: string[] = [];
  const take = async (name: string, signal = never) => {
    const place = turns.take(name.charAt(0), signal);
    if (place === null) return void refused.push(name);
    try {
      held.push({ name, place: await place });
    } catch (error) {
      refused.push(`${name} ${error instanceof Displaced ? "displaced" : String(error)}`);
    }
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    held,
    refused,
    async say(...names: string[]) {
      for (const name of names) void take(name);
      await settle();
    },
    async sayWith(name: string, signal: AbortSignal) {
      void take(name, signal);
      await settle();
    },
    async next() {
      const first = held.shift();
      if (first !== undefined) leave(first.place);
      await settle();
      return first?.name;
    },
    settle,
  };
}

describe("turns", () => {
  it("are had at once while there are places", () => {
    const turns = createTurns({ concurrent: 2, waiting: 1 });
    expect(turns.take("a", never)).toMatchObject({ [Symbol.dispose]: expect.any(Function) });
    expect(turns.take("a", never)).toMatchObject({ [Symbol.dispose]: expect.any(Function) });
    expect(turns.take("a", never)).toBeInstanceOf(Promise);
    expect(turns.take("a", never)).toBeNull();
  });

  it("go round the callers, not the requests", async () => {
    const desk = createDesk(createTurns({ concurrent: 1, waiting: 10 }));
    await desk.say("a1", "a2", "a3", "a4", "b1", "c1", "b2");
    const order: unknown[] = [];
    for (let turn = 0; turn < 7; turn++) order.push(await desk.next());
    expect(order).toEqual(["a1", "a2", "b1", "c1", "a3", "b2", "a4"]);
  });

  it("are taken from who has most when somebody comes who has less", async () => {
    const desk = createDesk(createTurns({ concurrent: 1, waiting: 3 }));
    await desk.say("a1", "a2", "a3", "a4", "a5", "b1");
    expect(desk.refused).toEqual(["a5", "a4 displaced"]);
    await desk.say("b2", "c1");
    expect(desk.refused).toEqual(["a5", "a4 displaced", "b2", "a3 displaced"]);
  });

  it("are given up by who does not wait any longer, and nobody else's", async () => {
    const desk = createDesk(createTurns({ concurrent: 1, waiting: 10 }));
    const gone = new AbortController();
    await desk.say("a1");
    await desk.sayWith("b1", gone.signal);
    await desk.say("c1");
    gone.abort("left");
    await desk.settle();
    expect(desk.refused).toEqual(["b1 left"]);
    await desk.next();
    expect(desk.held.map(({ name }) => name)).toEqual(["c1"]);
    await desk.sayWith("d1", AbortSignal.abort("left before"));
    expect(desk.refused).toEqual(["b1 left", "d1 left before"]);
  });

  it("are as many as the limits of now say, without anybody having to leave", async () => {
    const turns = createTurns({ concurrent: 2, waiting: 3 });
    const desk = createDesk(turns);
    await desk.say("a1", "a2", "a3", "b1");
    turns.limit({ concurrent: 1, waiting: 2 });
    await desk.say("b2");
    expect(await desk.next()).toBe("a1");
    expect(desk.held.map(({ name }) => name)).toEqual(["a2"]);
    expect(desk.refused).toEqual(["b2"]);
    turns.limit({ concurrent: 9, waiting: 0 });
    await desk.settle();
    expect(desk.held.map(({ name }) => name)).toEqual(["a2", "a3", "b1"]);
    expect(turns.idle).toBe(false);
    while (desk.held.length > 0) await desk.next();
    expect(turns.idle).toBe(true);
  });

  it("come back once, however often a place is given back", async () => {
    const turns = createTurns({ concurrent: 1, waiting: 10 });
    const place = turns.take("a", never) as HeldPlace;
    leave(place);
    leave(place);
    expect(turns.take("a", never)).toMatchObject({ [Symbol.dispose]: expect.any(Function) });
    expect(turns.take("a", never)).toBeInstanceOf(Promise);
  });

  it("are never more than there are places, and none is lost, whatever happens", async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("take" as const), caller: fc.constantFrom("a", "b", "c") }),
      fc.record({ kind: fc.constant("leave" as const), which: fc.nat(5) }),
      fc.record({ kind: fc.constant("abort" as const), which: fc.nat(20) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), async (steps, concurrent) => {
        const turns = createTurns({ concurrent, waiting: 4 });
        const held: HeldPlace[] = [];
        const signals: AbortController[] = [];
        for (const one of steps) {
          if (one.kind === "take") {
            const controller = new AbortController();
            signals.push(controller);
            const place = turns.take(one.caller, controller.signal);
            Promise.resolve(place).then(
              (got) => got !== null && held.push(got),
              () => {},
            );
          } else if (one.kind === "leave") held.splice(one.which % Math.max(held.length, 1), 1).forEach(leave);
          else signals[one.which]?.abort("left");
          await new Promise((resolve) => setImmediate(resolve));
          expect(held.length).toBeLessThanOrEqual(concurrent);
          if (turns.waiting > 0) expect(held.length).toBe(concurrent);
          expect(turns.waiting).toBeLessThanOrEqual(4);
        }
      }),
      { numRuns: 60 },
    );
  });
});
