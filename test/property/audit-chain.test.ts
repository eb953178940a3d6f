import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LineSplitter } from "../../src/audit/files/lines.ts";
import type { AuditEntry } from "../../src/audit/record.ts";
import { ChainCheck } from "../../src/audit/verify/check.ts";
import { verifyFiles } from "../../src/audit/verify/verify.ts";
import { openAuditFile } from "../../src/audit/write/audit-file.ts";
import { entry } from "./auditEntry.ts";

let directory = "";
let file = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "sallyport-chain-"));
  file = join(directory, "audit.jsonl");
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Batches of entries, each batch handed over in one turn, and the gateway restarted between them or not. */
const history = fc.array(fc.tuple(fc.array(entry, { maxLength: 4 }), fc.boolean()), { minLength: 1, maxLength: 4 });
type History = readonly (readonly [entries: readonly AuditEntry[], restart: boolean])[];

const now = () => new Date("2026-08-01T10:00:00.000Z");

async function reopen(): Promise<void> {
  await (await openAuditFile({ directory, now })).close();
}

/** Writes a history into a new file, and gives its lines. */
async function writeHistory(batches: History): Promise<string[]> {
  rmSync(file, { force: true });
  let sink = await openAuditFile({ directory, now, startNote: { version: "1.2.3" } });
  for (const [entries, restart] of batches) {
    await Promise.all(entries.map((each) => sink.append(each)));
    if (!restart) continue;
    await sink.close();
    sink = await openAuditFile({ directory, now });
  }
  await sink.close();
  return readFileSync(file, "utf8").split("\n").slice(0, -1);
}

async function verifyLines(lines: readonly string[]) {
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
  return verifyFiles([file]);
}

function check(bytes: Buffer) {
  const splitter = new LineSplitter();
  const chain = new ChainCheck();
  for (const piece of [...splitter.read(bytes), ...splitter.end()]) chain.read(piece);
  return chain.finish();
}

describe("the audit chain", () => {
  test("whatever is written verifies", async () => {
    await fc.assert(
      fc.asyncProperty(history, async (batches) => {
        const lines = await writeHistory(batches);
        const report = await verifyFiles([file]);
        expect(report).toMatchObject({ ok: true, records: lines.length, lastSeq: lines.length, stopped: true });
      }),
      { numRuns: 60 },
    );
  });

  test("a single changed byte is found, wherever it is", async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.nat(), fc.integer({ min: 1, max: 255 }), async (batches, place, change) => {
        await writeHistory(batches);
        const bytes = readFileSync(file);
        const at = place % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ change;
        writeFileSync(file, bytes);
        expect((await verifyFiles([file])).ok).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  test("every byte of one file, changed to a newline and by one bit", async () => {
    await writeHistory([[[], true]]);
    writeFileSync(file, '{"v":1,"se', { flag: "a" });
    await reopen();
    const sound = readFileSync(file);
    expect(await verifyFiles([file])).toMatchObject({ ok: true, declaredTorn: 1 });
    for (let at = 0; at < sound.length; at += 1) {
      for (const value of [0x0a, (sound[at] ?? 0) ^ 0x01]) {
        if (value === sound[at]) continue;
        const changed = Buffer.from(sound);
        changed[at] = value;
        expect(check(changed).ok, `byte ${at} changed to ${value}`).toBe(false);
      }
    }
  });

  test("a deleted, repeated, moved or exchanged record is found", async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.nat(), fc.nat(), async (batches, first, second) => {
        const lines = await writeHistory(batches);
        const a = first % lines.length;
        const b = second % lines.length;
        const line = lines[a] ?? "";
        // The end of a file cannot miss what followed it; that a stop record is missing shows in the report.
        const deleted = await verifyLines(lines.toSpliced(a, 1));
        expect(deleted.ok && deleted.stopped).toBe(false);
        expect(deleted.ok).toBe(a === lines.length - 1);
        expect((await verifyLines(lines.toSpliced(b, 0, line))).ok).toBe(false);
        if (a === b) return;
        expect((await verifyLines(lines.toSpliced(a, 1).toSpliced(b, 0, line))).ok).toBe(false);
        expect((await verifyLines(lines.with(a, lines[b] ?? "").with(b, line))).ok).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  test("a file cut at any byte is continued, and says what was torn", async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), async (batches, cuts) => {
        await writeHistory(batches);
        for (const place of cuts) {
          const bytes = readFileSync(file);
          const kept = bytes.subarray(0, place % (bytes.length + 1));
          writeFileSync(file, kept);
          await reopen();
          const after = readFileSync(file);
          expect(after.subarray(0, kept.length).equals(kept)).toBe(true);
          expect(await verifyFiles([file])).toMatchObject({ ok: true, stopped: true });
        }
      }),
      { numRuns: 30 },
    );
  });

  test("cuts of one file that was torn before, each near a line's end and some between", async () => {
    await writeHistory([[[], false]]);
    writeFileSync(file, '{"v":1,"se', { flag: "a" });
    await reopen();
    const sound = readFileSync(file);
    for (let size = 0; size <= sound.length; size += 1) {
      const near = sound.subarray(Math.max(0, size - 3), size + 2).includes(0x0a);
      if (!near && size % 23 !== 0) continue;
      const kept = sound.subarray(0, size);
      writeFileSync(file, kept);
      const cut = await verifyFiles([file]);
      await reopen();
      const report = await verifyFiles([file]);
      expect(report, `cut at ${size}`).toMatchObject({ ok: true, stopped: true });
      expect(report.declaredTorn, `cut at ${size}`).toBeGreaterThanOrEqual(cut.tornTail === undefined ? 0 : 1);
    }
  });
});
