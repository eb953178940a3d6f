import { expect, test } from "vitest";
import { type CheckpointOptions, Checkpoints } from "../../../../src/audit/write/checkpoints.ts";

const openedMs = Date.parse("2026-08-01T10:00:00.000Z");
const options = { everyRecords: 10, everyMs: 60_000 } as CheckpointOptions;

test.each([
  ["as many records as it takes", 15, 1, true],
  ["fewer", 14, 1, false],
  ["a record, and the time it takes", 6, 60_000, true],
  ["a record, and less", 6, 59_999, false],
  ["the time without a record", 5, 60_000, false],
  ["a record, and a clock that was set back", 6, -60_000, true],
  ["a record, and a clock that was set back a little", 6, -59_999, false],
])("is due after %s", (_case, seq, laterMs, due) => {
  const checkpoints = new Checkpoints(options, 5, openedMs);
  expect(checkpoints.isDue({ trail: "0a1b2c3d4e5f", seq, hash: "" }, openedMs + laterMs)).toBe(due);
});
