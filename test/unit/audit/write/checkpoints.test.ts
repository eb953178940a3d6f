import { expect, test } from "vitest";
import { type CheckpointOptions, Checkpoints } from "../../../../src/audit/write/checkpoints.ts";
import { createNoteSigner } from "../../../../src/crypto/note.ts";

const openedMs = Date.parse("2026-08-01T10:00:00.000Z");
const signer = createNoteSigner(Buffer.alloc(32, 1), () => "key-of-the-test");
const options: CheckpointOptions = { signer, everyRecords: 10, everyMs: 60_000, path: "kept by nobody" };

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
  const end = { trail: "0a1b2c3d4e5f", seq, hash: "0".repeat(64) };
  const writeBehind = () => ({ faults: [null], failure: null, lines: ["the line"] });
  const written = checkpoints.write({ end, writeBehind }, new Date(openedMs + laterMs), false);
  expect(written?.lines ?? null).toEqual(due ? ["the line"] : null);
});
