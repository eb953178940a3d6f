import { expect, test } from "vitest";
import { ClockGuard, distrustMs } from "../../../src/audit/clock-guard.ts";
import type { ClockStep } from "../../../src/audit/clock-watch.ts";

const hour = 3_600_000;

function guard() {
  const state = { step: null as ClockStep | null, monotonicMs: 0, told: 0 };
  const findStep = () => {
    const { step } = state;
    state.step = null;
    return step;
  };
  const onDistrust = () => {
    state.told += 1;
  };
  const clock = new ClockGuard({ findStep, monotonicMs: () => state.monotonicMs, onDistrust });
  return { state, clock, set: (byMs: number) => (state.step = { fromMs: 1_000, toMs: 1_000 + byMs }) };
}

test.each<[string, number, boolean]>([
  ["an hour ahead", hour, true],
  ["more than an hour ahead", hour + 1, false],
  ["a year ahead", 8_766 * hour, false],
  ["back, however far", -8_766 * hour, true],
])("a clock that was set %s", (_case, byMs, isTrusted) => {
  const { clock, set, state } = guard();
  expect(clock.trusts()).toBe(true);
  set(byMs);
  expect([clock.trusts(), clock.look().length, clock.look().length, state.told]).toEqual([
    isTrusted,
    1,
    0,
    isTrusted ? 0 : 1,
  ]);
});

test("is trusted again a day after the last step, by the clock that nobody sets, and the log is told once", () => {
  const { clock, set, state } = guard();
  set(2 * hour);
  expect(clock.look()).toHaveLength(1);
  state.monotonicMs = distrustMs - 1;
  expect(clock.trusts()).toBe(false);
  set(2 * hour);
  expect([clock.trusts(), state.told]).toEqual([false, 1]);
  state.monotonicMs += distrustMs - 1;
  expect(clock.trusts()).toBe(false);
  state.monotonicMs += 1;
  expect(clock.trusts()).toBe(true);
  set(2 * hour);
  expect([clock.trusts(), state.told]).toEqual([false, 2]);
});
