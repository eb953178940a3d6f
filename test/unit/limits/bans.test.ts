import { expect, it } from "vitest";
import { createBans, mostAnswers } from "../../../src/limits/bans.ts";

function open() {
  const clock = { nowMs: 1_000 };
  const bans = createBans(() => clock.nowMs);
  const note = (address: string, times: number, leftMs = 60_000) => {
    for (let count = 0; count < times; count += 1) bans.note(address, leftMs);
  };
  return { clock, bans, note };
}

it("takes as many refusals as are answered, of one address", () => {
  const { bans, note } = open();
  note("10.0.0.1", mostAnswers - 1);
  expect(bans.has("10.0.0.1")).toBe(false);
  note("10.0.0.2", mostAnswers - 1);
  note("10.0.0.1", 1);
  expect([bans.has("10.0.0.1"), bans.has("10.0.0.2"), bans.has("10.0.0.3")]).toEqual([true, false, false]);
});

it("ends when the limit's window does, and begins anew then", () => {
  const { clock, bans, note } = open();
  note("10.0.0.1", mostAnswers, 60_000);
  clock.nowMs += 59_999;
  expect(bans.has("10.0.0.1")).toBe(true);
  clock.nowMs += 1;
  expect(bans.has("10.0.0.1")).toBe(false);
  note("10.0.0.1", 1);
  expect(bans.has("10.0.0.1")).toBe(false);
});

it("forgets those whose time is over, however many there were", () => {
  const { clock, bans, note } = open();
  for (let at = 0; at < 1_000; at += 1) note(`10.0.${at}`, mostAnswers);
  clock.nowMs += 60_000;
  note("10.1.0.1", mostAnswers);
  expect([bans.has("10.0.7"), bans.has("10.1.0.1")]).toEqual([false, true]);
});
