import { expect, test } from "vitest";
import { watchClock } from "../../../src/audit/clock-watch.ts";

const startMs = Date.parse("2026-08-01T10:00:00.000Z");

test.each<[string, number, number, number | null]>([
  ["goes on", 1_000, 1_000, null],
  ["is slewed", 1_002, 1_000, null],
  ["pauses with the process", 60_000, 60_000, null],
  ["goes two seconds too far", 3_000, 1_000, null],
  ["is set forward", 3_001, 1_000, 2_001],
  ["goes on while the machine sleeps", 3_601_000, 1_000, 3_600_000],
  ["is set back", -3_599_000, 1_000, -3_600_000],
])("a clock that %s", (_case, wallMs, elapsedMs, stepMs) => {
  let wall = startMs;
  let monotonic = 5;
  const look = watchClock(
    () => wall,
    () => monotonic,
  );
  wall += wallMs;
  monotonic += elapsedMs;
  expect(look()).toEqual(stepMs === null ? null : { fromMs: wall - stepMs, toMs: wall });
  expect(look(), "told twice").toBeNull();
});
