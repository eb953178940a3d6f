import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { Undelivered } from "../../../../src/audit/sinks/channel.ts";
import { Deliverer } from "../../../../src/audit/sinks/deliverer.ts";
import { backoffMs } from "../../../../src/network/backoff.ts";

/** A deliverer whose peer and clock the test is. */
function build({ maxRecords = 10 } = {}) {
  const sent: (readonly string[])[] = [];
  let answer: () => Promise<number> = async () => 0;
  const clock = { ms: 5_000 };
  const pauses: { ms: number; end: () => void }[] = [];
  const close = vi.fn();
  const told = { onFailing: vi.fn(), onWorking: vi.fn(), onDropping: vi.fn() };
  const deliverer = new Deliverer({
    name: "peer",
    buffer: { maxRecords, maxBytes: 1_000 },
    channel: {
      most: { lines: 2, bytes: 1_000 },
      send(lines, signal) {
        sent.push(lines);
        const broken = new Promise<number>((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason)),
        );
        return Promise.race([answer(), broken]);
      },
      close,
    },
    pace: {
      now: () => clock.ms,
      chance: () => 0,
      pause: (ms, signal) =>
        new Promise((resolve) => {
          if (signal.aborted) return resolve();
          signal.addEventListener("abort", () => resolve());
          pauses.push({ ms, end: resolve });
        }),
    },
    ...told,
  });
  const answers = (next: typeof answer) => {
    answer = next;
  };
  return { deliverer, sent, pauses, close, told, answers, clock };
}

/** Lets everything happen that waits for nothing outside. */
async function settle(): Promise<void> {
  for (let round = 0; round < 20; round += 1) await turn();
}

function offer(deliverer: Deliverer, ...lines: string[]): void {
  for (const line of lines) deliverer.offer(line);
}

const refuse = async () => {
  throw new Error("connection refused");
};

describe("a deliverer", () => {
  it("sends nothing before it is started, then all in order, and nothing in the turn that it is given lines in", async () => {
    const { deliverer, sent } = build();
    offer(deliverer, "a", "b", "c");
    await settle();
    expect(sent).toEqual([]);
    deliverer.start();
    expect(sent).toEqual([]);
    await settle();
    expect(sent).toEqual([["a", "b"], ["c"]]);
    offer(deliverer, "d");
    expect(sent).toHaveLength(2);
    await settle();
    expect(sent.at(-1)).toEqual(["d"]);
    expect(deliverer.account).toMatchObject({ delivered: 4, failures: 0, queueLength: 0, lastSuccessMs: 5_000 });
  });

  it("has one batch on its way at a time", async () => {
    const { deliverer, sent, answers } = build();
    const { promise, resolve } = Promise.withResolvers<number>();
    answers(() => promise);
    deliverer.start();
    offer(deliverer, "a", "b", "c");
    await settle();
    expect(sent).toEqual([["a", "b"]]);
    resolve(0);
    await settle();
    expect(sent).toEqual([["a", "b"], ["c"]]);
  });

  it("tries the same batch again, later each time, and tells once that it fails and once that it works", async () => {
    const { deliverer, sent, pauses, answers, told } = build();
    answers(refuse);
    deliverer.start();
    offer(deliverer, "a");
    await settle();
    offer(deliverer, "b");
    for (let round = 0; round < 3; round += 1) {
      pauses[round]?.end();
      await settle();
    }
    expect(sent).toEqual([["a"], ["a"], ["a"], ["a"]]);
    expect(pauses.map(({ ms }) => ms)).toEqual([500, 1_000, 2_000, 4_000]);
    expect(deliverer.account).toMatchObject({ delivered: 0, failures: 4, queueLength: 2, lastSuccessMs: null });
    answers(async () => 0);
    pauses[3]?.end();
    await settle();
    expect(sent.slice(4)).toEqual([["a"], ["b"]]);
    expect([told.onFailing.mock.calls.length, told.onWorking.mock.calls.length]).toEqual([1, 1]);
    expect(deliverer.account).toMatchObject({ delivered: 2, failures: 4, queueLength: 0 });
  });

  it("counts what it has to drop, and says so once until it has caught up", async () => {
    const { deliverer, sent, pauses, answers, told, clock } = build({ maxRecords: 3 });
    answers(refuse);
    deliverer.start();
    offer(deliverer, "a");
    await settle();
    offer(deliverer, "b", "c", "d", "e", "f");
    expect(deliverer.account).toMatchObject({ dropped: { full: 3 }, queueLength: 3 });
    answers(async () => 0);
    pauses[0]?.end();
    await settle();
    expect(sent.slice(1)).toEqual([["a"], ["e", "f"]]);
    expect(told.onDropping.mock.calls).toEqual([["full"]]);
    offer(deliverer, "g", "h", "i", "j");
    await settle();
    expect(told.onDropping.mock.calls).toEqual([["full"]]);
    clock.ms += 60_000;
    offer(deliverer, "k", "l", "m", "n");
    expect(told.onDropping.mock.calls).toEqual([["full"], ["full"]]);
  });

  it("says of a peer that fails and works by turns once a minute that it fails, and of one that stays away at all events", async () => {
    const { deliverer, pauses, answers, told, clock } = build();
    const calls = () => [told.onFailing.mock.calls.length, told.onWorking.mock.calls.length];
    deliverer.start();
    const flap = async () => {
      answers(refuse);
      offer(deliverer, "a");
      await settle();
      answers(async () => 0);
      pauses.at(-1)?.end();
      await settle();
    };
    for (let round = 0; round < 5; round += 1) await flap();
    expect(calls()).toEqual([1, 1]);
    clock.ms += 59_000;
    answers(refuse);
    offer(deliverer, "b");
    await settle();
    expect(calls()).toEqual([1, 1]);
    clock.ms += 1_000;
    pauses.at(-1)?.end();
    await settle();
    expect(calls()).toEqual([2, 1]);
    answers(async () => 0);
    pauses.at(-1)?.end();
    await settle();
    expect(calls()).toEqual([2, 2]);
  });

  it.each([
    ["a batch that was refused for good is gone", new Undelivered("400", { isFinal: true }), [["a", "b"], ["c"]]],
    ["one that was refused for now comes again", new Undelivered("503", { retryAfterMs: 7_000 }), [["a", "b"]]],
  ])("%s", async (_, error, expected) => {
    const { deliverer, sent, pauses, answers } = build();
    answers(async () => {
      answers(async () => 0);
      throw error;
    });
    deliverer.start();
    offer(deliverer, "a", "b", "c");
    await settle();
    expect(sent).toEqual(expected);
    expect(pauses.map(({ ms }) => ms)).toEqual(error.isFinal ? [] : [7_000]);
    expect(deliverer.account.dropped.refused).toBe(error.isFinal ? 2 : 0);
  });

  it("counts what a peer refused of a batch it took", async () => {
    const { deliverer, answers, told } = build();
    answers(async () => 1);
    deliverer.start();
    offer(deliverer, "a", "b");
    await settle();
    expect(deliverer.account).toMatchObject({ delivered: 1, dropped: { refused: 1 }, failures: 0 });
    offer(deliverer, "c", "d");
    await settle();
    expect(told.onDropping.mock.calls).toEqual([["refused"]]);
  });

  it("delivers at the end what waits, started or not", async () => {
    const { deliverer, sent, close } = build();
    offer(deliverer, "a", "b", "c");
    expect(await deliverer.close(1_000)).toBe(0);
    expect(sent).toEqual([["a", "b"], ["c"]]);
    expect(close).toHaveBeenCalledTimes(1);
  });

  it("tries once more at the end instead of waiting, and counts what is left", async () => {
    const { deliverer, sent, answers, pauses } = build();
    answers(refuse);
    deliverer.start();
    offer(deliverer, "a", "b", "c");
    await settle();
    expect(await deliverer.close(1_000)).toBe(3);
    expect(sent).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
    expect(pauses.map(({ ms }) => ms)).toEqual([500, 1_000]);
    expect(deliverer.account.dropped.stopped).toBe(3);
  });

  it("waits at the end no longer than it may", async () => {
    const { deliverer, answers, pauses, close } = build();
    answers(() => new Promise(() => {}));
    deliverer.start();
    offer(deliverer, "a");
    await settle();
    const closing = deliverer.close(1_000);
    await settle();
    expect(close).not.toHaveBeenCalled();
    pauses.find(({ ms }) => ms === 1_000)?.end();
    expect(await closing).toBe(1);
    expect(close).toHaveBeenCalledTimes(1);
  });
});

it.each([
  [1, 0, null, 500],
  [1, 0.5, null, 375],
  [2, 0, null, 1_000],
  [7, 0, null, 30_000],
  [5_000, 0, null, 30_000],
  [5_000, 1, null, 15_000],
  [1, 0, 2_000, 2_000],
  [1, 0, 100, 500],
  [1, 0, 86_400_000, 300_000],
])("after %i failures, with chance %f and %s asked for, it waits %i ms", (failures, chance, askedMs, ms) => {
  expect(backoffMs(failures, chance, askedMs)).toBe(ms);
});
