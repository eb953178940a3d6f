import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readClosedFiles } from "../../../../src/audit/files/closed-files.ts";
import { openAuditFile } from "../../../../src/audit/write/audit-file.ts";
import { callEntry } from "../entries.ts";

test("each closed file ends where the next one goes on, though others are closed meanwhile", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sallyport-closed-"));
  const sink = await openAuditFile({
    directory,
    now: () => new Date("2026-08-01T10:00:00.000Z"),
    rotation: { maxBytes: 1, maxAgeMs: Infinity },
  });
  for (let call = 1; call <= 3; call += 1) await sink.append(callEntry());
  const ends = [];
  for await (const { from, to } of readClosedFiles(directory, 1)) {
    ends.push([from, to]);
    await sink.append(callEntry());
  }
  await sink.close();
  expect(ends).toEqual([
    [1, 1],
    [2, 3],
    [4, 5],
  ]);
  rmSync(directory, { recursive: true });
});
