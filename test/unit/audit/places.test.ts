/** Places that cannot be written, from the start or all of a sudden, and clocks that go back. */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AuditFault } from "../../../src/audit/fault.ts";
import { verifyTrail } from "../../../src/audit/verify/verify.ts";
import { type AuditFileOptions, openAuditFile } from "../../../src/audit/write/audit-file.ts";
import { callEntry } from "./entries.ts";

const nobody = 65_534;
const isRoot = process.geteuid?.() === 0;

let parent = "";
let directory = "";
let nowMs = Date.parse("2026-08-01T10:00:00.000Z");

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "sallyport-places-"));
  directory = join(parent, "audit");
  mkdirSync(directory, { mode: 0o700 });
  // Nobody keeps root from writing, so these tests are somebody else.
  if (!isRoot) return;
  for (const path of [parent, directory]) chownSync(path, nobody, nobody);
  process.seteuid?.(nobody);
});
afterEach(() => {
  if (isRoot) process.seteuid?.(0);
  rmSync(parent, { recursive: true, force: true });
});

function open(options: Partial<AuditFileOptions> = {}) {
  return openAuditFile({ directory, now: () => new Date(nowMs), ...options });
}

function replaceBy(put: () => void): void {
  rmSync(directory, { recursive: true });
  put();
}

async function expectSound(path: string, records: number): Promise<void> {
  const report = await verifyTrail(path, { number: 1, whole: true }, {});
  expect(report).toMatchObject({ ok: true, records, findings: [], stopped: true });
}

test.each<[string, RegExp, () => void]>([
  ["that may not be written", /EACCES/, () => chmodSync(directory, 0o500)],
  ["that may not be made", /EACCES/, () => replaceBy(() => chmodSync(parent, 0o500))],
  ["where a file is", /EEXIST/, () => replaceBy(() => writeFileSync(directory, ""))],
  ["with a directory in the file's place", /EISDIR/, () => mkdirSync(join(directory, "audit.jsonl"))],
])("a directory %s keeps a gateway from starting, by name", async (_case, code, spoil) => {
  spoil();
  const opening = open();
  await expect(opening).rejects.toThrow(AuditFault);
  await expect(opening).rejects.toThrow(code);
  await expect(opening).rejects.toThrow(directory);
  chmodSync(parent, 0o700);
});

test.each([
  ["a minute later", 60_000],
  ["once the clock was set back", -86_400_000],
])("a directory that may not be written keeps files open until %s, and loses nothing", async (_case, laterMs) => {
  const troubles: unknown[] = [];
  const rotation = { maxBytes: 4_000, maxAgeMs: Infinity };
  const sink = await open({ rotation, onTrouble: (error) => troubles.push(error) });
  chmodSync(directory, 0o500);
  for (let call = 0; call < 20; call += 1) await sink.append(callEntry({ id: `r${call}` }));
  expect([sink.healthy, troubles.length]).toEqual([true, 1]);
  chmodSync(directory, 0o700);
  nowMs += laterMs;
  await sink.append(callEntry({ id: "last" }));
  await sink.close();
  // The start, the end, and one that says that another file was begun.
  await expectSound(directory, 24);
});

test("a gateway stops in good order where it may not remove its lock, and starts again", async () => {
  const sink = await open();
  chmodSync(directory, 0o500);
  await sink.close();
  await expectSound(directory, 2);
  chmodSync(directory, 0o700);
  await (await open()).close();
  await expectSound(directory, 4);
});

test("a directory that was moved away, with a file in its place, is written on", async () => {
  const told = Promise.withResolvers<unknown>();
  const sink = await open({ lookMs: 1, onTrouble: told.resolve });
  const moved = join(parent, "moved");
  renameSync(directory, moved);
  writeFileSync(directory, "");
  expect(await told.promise).toMatchObject({ code: "ENOTDIR" });
  for (let call = 0; call < 5; call += 1) await sink.append(callEntry({ id: `r${call}` }));
  await sink.close();
  await expectSound(moved, 7);
});

test("a clock that goes back makes no gap, nor does one that jumps ahead", async () => {
  const sink = await open({ rotation: { maxBytes: Infinity, maxAgeMs: 3_600_000 } });
  for (const hours of [-2, -48, 1, 72, -1_000, 5]) {
    nowMs += hours * 3_600_000;
    await sink.append(callEntry({ time: new Date(nowMs).toISOString() }));
  }
  await sink.close();
  const report = await verifyTrail(directory, { number: 1, whole: true }, {});
  expect(report).toMatchObject({ ok: true, findings: [] });
  // The start, six calls, the end, and the beginning of each further file.
  expect(report.records).toBe(8 + report.files.length - 1);
});
