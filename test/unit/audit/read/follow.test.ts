import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TrailFollower } from "../../../../src/audit/read/follow.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sallyport-follow-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

// Opened as a file, the first would wait for somebody who writes to it, and the second has no end.
test.each<[string, (path: string) => void]>([
  ["a FIFO", (path) => void execFileSync("mkfifo", [path])],
  ["a link to a device", (path) => symlinkSync("/dev/zero", path)],
])("%s in the place of the trail is not followed", async (_what, put) => {
  const path = join(directory, "audit.jsonl");
  put(path);
  const reading = new TrailFollower(directory, 1).read().next();
  await expect(reading).rejects.toThrow(`${path} is not a regular file`);
});
