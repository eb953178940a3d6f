import { expect, it, onTestFinished, vi } from "vitest";
import { expectAnswer, post, rough, type Scene, steady } from "../../../bench/soak/act.ts";
import { createLedger } from "../../../bench/soak/ledger.ts";

it.each([
  ["is excused of a server that stood still so long", rough, 2_000, 0],
  ["is none before that time", rough, 1_999, 1],
  ["is none of a server that never fails", steady, 60_000, 1],
])("a timeout %s", async (_what, server, ms, surprises) => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const exchange = async () => {
    vi.advanceTimersByTime(ms);
    return { status: 200, session: undefined, outcome: "upstream_timeout" };
  };
  const ledger = createLedger();
  const scene = { caller: { exchange }, ledger, tokenOf: () => "" } as unknown as Scene;
  await expectAnswer(scene, post("token", "{}", { server }), ["result"]);
  expect(ledger.counts).toMatchObject({ refusals: 1, surprises });
});
