/**
 * Two verifiers that share no code, `audit verify` and docs/verify-audit.py, come to the same verdict: on what the writer leaves, and on
 * what was done to it afterwards. Two trails: the first of several files, some compressed, with a torn tail that a start declares.
 */
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { firstPrev, sealRecord } from "../../src/audit/chain.ts";
import type { KeepingOptions } from "../../src/audit/keep/keeping.ts";
import type { AuditRecord } from "../../src/audit/record.ts";
import { openAuditFile } from "../../src/audit/write/audit-file.ts";
import { createNoteSigner } from "../../src/crypto/note.ts";
import { createLog } from "../../src/observe/log.ts";
import { until } from "../golden/observe.ts";
import { callEntry } from "../unit/audit/entries.ts";
import {
  type Codes,
  type Files,
  judge as judgeBoth,
  putText as put,
  runCommand,
  runScript,
  textOf,
} from "./two-verifiers.ts";

const nameOf = () => "key-of-the-test";
const signer = createNoteSigner(Buffer.alloc(32, 1), nameOf);
const forger = createNoteSigner(Buffer.alloc(32, 2), nameOf);
const dayMs = 86_400_000;
const torn = '{"v":1,"trail":"0a1b\n{"v":1,"tr';

let home = "";
let clock = Date.parse("2026-08-01T10:00:00.000Z");
const written: Files = new Map();
const logged: string[] = [];
/** Closed files of the first trail, in order. */
let closed: readonly string[] = [];
const active = "audit.jsonl";
const second = "audit-2.jsonl";

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "sallyport-independent-"));
  const directory = join(home, "written");
  const isPacked = (count: number) => () =>
    readdirSync(directory).filter((name) => name.endsWith(".gz")).length === count &&
    readdirSync(directory).every((name) => !/^audit\.\d+\.jsonl$/.test(name));
  for (const [run, days] of [2, 3].entries()) {
    const sink = await open(directory, 1, { compress: true, retentionMs: null });
    for (let day = 1; day <= days; day += 1) {
      if (day > 1) clock += dayMs;
      for (let call = 1; call <= 7; call += 1) await sink.append(callEntry({ id: `${run}-${day}-${call}` }));
    }
    await until("compressed files", isPacked(run === 0 ? 1 : 3));
    await sink.close();
    if (run === 0) appendFileSync(join(directory, active), torn);
  }
  const other = await open(directory, 2);
  for (let call = 1; call <= 9; call += 1) await other.append(callEntry({ id: `other-${call}` }));
  await other.close();
  const names = readdirSync(directory).filter((name) => name.includes(".jsonl"));
  for (const name of names) written.set(name, readFileSync(join(directory, name)));
  closed = names.filter((name) => name.endsWith(".gz")).toSorted();
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

function open(directory: string, trail: number, keeping?: KeepingOptions, lines: string[] = logged) {
  const log = createLog("info", (line) => lines.push(line));
  return openAuditFile({
    directory,
    trail,
    now: () => new Date(clock),
    rotation: { maxBytes: Infinity, maxAgeMs: dayMs },
    ...(keeping === undefined ? {} : { keeping }),
    checkpoints: {
      signer,
      everyRecords: 4,
      everyMs: Infinity,
      path: join(home, `checkpoint-${trail}`),
      onSigned: (note) => log.info({ checkpoint: note.split("\n") }, "audit checkpoint"),
    },
  });
}

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(home, "case-"));
});

const judge = (files: Files, log: readonly string[] = logged) => judgeBoth(directory, files, signer.verifier.text, log);
/** By place, since the names are not known before the files are written. */
const nameAt = (place: Place) => (typeof place === "number" ? (closed[place] ?? "") : place);
type Place = number | typeof active | typeof second;

/** Changes the text of a file. */
const edit = (place: Place, change: (text: string) => string) => (files: Files) => {
  const name = nameAt(place);
  put(files, name, change(textOf(files, name)));
};
/** Changes the lines of a file. */
const lines = (place: Place, change: (lines: string[]) => readonly string[]) =>
  edit(place, (text) => [...change(text.split("\n").slice(0, -1)), ""].join("\n"));
const bytes = (place: Place, change: (bytes: Buffer) => Buffer) => (files: Files) =>
  files.set(nameAt(place), change(files.get(nameAt(place)) ?? Buffer.alloc(0)));

const isCheckpoint = ({ event }: AuditRecord) => event === "checkpoint";
/** The records of the second trail, changed and sealed anew as whoever knows the format can. */
const reseal = (change: (records: readonly AuditRecord[]) => readonly AuditRecord[]) =>
  lines(second, (old) => sealAll(change(old.map((line) => JSON.parse(line) as AuditRecord))));

function sealAll(records: readonly AuditRecord[], trail = records[0]?.trail ?? ""): string[] {
  let prev = firstPrev;
  return records.map((record, index) => {
    const { line, hash } = sealRecord(record, { trail, seq: index + 1, prev });
    prev = hash;
    return line;
  });
}

const rename = (record: AuditRecord): AuditRecord =>
  record.identity === null ? record : { ...record, identity: { ...record.identity, subject: "eve" } };
const behind = (files: Files, name: string, entry: Parameters<typeof sealRecord>[0], trail?: string) => {
  const last = JSON.parse(textOf(files, name).trimEnd().split("\n").at(-1) ?? "") as AuditRecord;
  const { line } = sealRecord(entry, { trail: trail ?? last.trail, seq: last.seq + 1, prev: last.hash });
  put(files, name, `${textOf(files, name)}${line}\n`);
};

test("the trails are what they are meant to be", () => {
  const files = new Map(written);
  expect(closed).toHaveLength(3);
  const all = [...closed, active].map((name) => textOf(files, name)).join("");
  expect(all).toContain(`${torn}\n{"v":1,`);
  expect(all.match(/"event":"rotated"/g)).toHaveLength(3);
  expect(logged.length).toBeGreaterThanOrEqual(10);
});

describe("both verifiers come to the same verdict:", () => {
  const nothing: Codes = [0, 0, 0];
  const found: Codes = [1, 1, 1];
  const byKey: Codes = [0, 1, 1];
  const byLog: Codes = [0, 0, 1];

  test.each<[string, Codes, (files: Files) => void]>([
    ["nothing done", nothing, () => {}],
    [
      "a closed file unpacked",
      nothing,
      (f) => f.set(nameAt(0).slice(0, -3), gunzipSync(f.get(nameAt(0)) ?? "")) && f.delete(nameAt(0)),
    ],
    ["a closed file in both forms", nothing, (f) => f.set(nameAt(0).slice(0, -3), gunzipSync(f.get(nameAt(0)) ?? ""))],
    ["a torn end", nothing, edit(active, (text) => `${text}{"v":1`)],
    ["the newline of the last record gone", nothing, edit(active, (text) => text.slice(0, -1))],
    [
      "a file of another name",
      nothing,
      (f) => f.set("audit.jsonl.gz", Buffer.from("none")).set("notes.jsonl", Buffer.from("none")),
    ],

    ["a value changed", found, edit(0, (text) => text.replace("Berlin", "Munich"))],
    ["a value changed in the active file", found, edit(active, (text) => text.replace("Berlin", "Munich"))],
    ["a hash changed", found, edit(second, (text) => text.replace(/"hash":"..../, '"hash":"0000'))],
    ["white space behind a record", found, edit(second, (text) => text.replace("\n", " \n"))],
    ["line ends of another system", found, edit(second, (text) => text.replaceAll("\n", "\r\n"))],
    ["a record deleted", found, lines(1, (all) => all.toSpliced(3, 1))],
    ["the first record deleted", found, lines(0, (all) => all.slice(1))],
    ["two records exchanged", found, lines(0, ([a = "", b = "", c = "", ...rest]) => [a, c, b, ...rest])],
    ["a record repeated", found, lines(active, (all) => [...all, all[2] ?? ""])],
    ["a line emptied", found, lines(active, (all) => all.with(2, ""))],
    ["a line of something else", found, lines(second, (all) => all.toSpliced(2, 0, "hello"))],
    ["the first file deleted", found, (f) => f.delete(nameAt(0))],
    ["a file in the middle deleted", found, (f) => f.delete(nameAt(1))],
    ["a file in the middle emptied", found, edit(1, () => "")],
    ["the end of a closed file cut off", found, lines(1, (all) => all.slice(0, 4))],
    ["a torn end with a newline", found, edit(active, (text) => `${text}{"v":1\n`)],
    ["a torn end of a closed file", found, edit(0, (text) => `${text}{"v":1`)],
    ["a declared torn tail changed", found, edit(1, (text) => text.replace(torn, torn.replace("0a1b", "0a1c")))],
    ["a declared torn tail deleted", found, edit(1, (text) => text.replace(`${torn}\n`, ""))],
    ["a packed file cut short", found, bytes(0, (packed) => packed.subarray(0, -20))],
    ["a packed file emptied", found, bytes(0, () => Buffer.alloc(0))],
    ["a packed file that is none", found, bytes(0, (packed) => gunzipSync(packed))],
    ["something behind a packed file", found, bytes(0, (packed) => Buffer.concat([packed, Buffer.from("more")]))],
    ["a record of another trail", found, (f) => behind(f, second, callEntry(), "ffffffffffff")],
    [
      "an invented declaration of what was deleted",
      found,
      (f) => {
        f.delete(nameAt(0));
        behind(f, active, callEntry({ event: "expired", note: { from: 1, to: 10, hash: firstPrev } }));
      },
    ],

    ["all records of somebody else", byKey, reseal((all) => all.map(rename))],
    [
      "checkpoints of another key",
      byKey,
      reseal((all) =>
        all.map((each) =>
          isCheckpoint(each) ? { ...each, checkpoint: forger.sign(`${each.checkpoint?.split("\n\n")[0]}\n`) } : each,
        ),
      ),
    ],
    [
      "an earlier checkpoint again",
      byKey,
      reseal((all) =>
        all.map((each) =>
          isCheckpoint(each) ? { ...each, checkpoint: all.find(isCheckpoint)?.checkpoint ?? "" } : each,
        ),
      ),
    ],
    [
      "more records than a gateway leaves unsigned",
      byKey,
      (f) =>
        put(
          f,
          "audit-3.jsonl",
          `${sealAll(
            Array.from({ length: 10_001 }, () => callEntry() as AuditRecord),
            "0a1b2c3d4e5f",
          ).join("\n")}\n`,
        ),
    ],

    ["the end cut off", byLog, lines(active, (all) => all.slice(0, 3))],
    ["the active file emptied", byLog, edit(active, () => "")],
    ["the active file deleted", byLog, (f) => f.delete(active)],
    ["written anew without checkpoints", byLog, reseal((all) => all.filter((each) => !isCheckpoint(each)))],
    ["a trail deleted", byLog, (f) => f.delete(second)],
    ["a trail emptied", byLog, edit(second, () => "")],
    [
      "another trail in its place",
      byLog,
      (f) => put(f, second, `${sealAll([callEntry() as AuditRecord], "0a1b2c3d4e5f").join("")}\n`),
    ],
    ["nothing left", [2, 2, 2], (f) => f.clear()],
  ])("%s", async (_what, codes, change) => {
    const files = new Map(written);
    change(files);
    expect(await judge(files)).toEqual({ ours: codes, theirs: codes });
  });

  test("files that were deleted when their time was over, and one that was not", async () => {
    for (const [name, bytes] of written) writeFileSync(join(directory, name), bytes, { mode: 0o600 });
    clock += dayMs;
    const later: string[] = [];
    const sink = await open(directory, 1, { compress: true, retentionMs: 2 * dayMs }, later);
    await until("a file's end", () => !readdirSync(directory).includes(nameAt(0)));
    await sink.close();
    const left = readdirSync(directory)
      .filter((name) => name.endsWith(".gz"))
      .toSorted();
    expect(left.length).toBeGreaterThan(0);
    const log = [...logged, ...later];
    expect(await judge(new Map(), log)).toEqual({ ours: nothing, theirs: nothing });
    rmSync(join(directory, left[0] ?? ""));
    expect(await judge(new Map(), log)).toEqual({ ours: found, theirs: found });
  });

  test.each<[string, () => readonly string[]]>([
    ["a log without a checkpoint", () => ['{"msg":"serving"}\n']],
    ["a checkpoint of another key", () => [forger.sign("key-of-the-test/0a1b2c3d4e5f\n1\n")]],
    [
      "a checkpoint that was changed",
      () => logged.map((line) => line.replace('["key-of-the-test/', '["key-of-the-test/a')),
    ],
  ])("%s", async (_what, log) => {
    expect(await judge(new Map(written), log())).toEqual({ ours: [0, 0, 2], theirs: [0, 0, 2] });
  });

  test("notes one behind the other, and as texts in lines of JSON", async () => {
    const notes = logged.map((line) => (JSON.parse(line) as { checkpoint: string[] }).checkpoint.join("\n"));
    for (const log of [notes, notes.map((note) => `${JSON.stringify({ checkpoint: note })}\n`)]) {
      expect(await judge(new Map(written), log)).toEqual({ ours: nothing, theirs: nothing });
    }
    rmSync(join(directory, second));
    expect(await judge(new Map(), notes)).toEqual({ ours: byLog, theirs: byLog });
  });

  test("a directory that is not there", async () => {
    const none = [join(directory, "none")];
    expect([await runCommand(none), await runScript(none)]).toEqual([2, 2]);
    mkdirSync(join(directory, "audit.jsonl"));
    expect([await runCommand([directory]), await runScript([directory])]).toEqual([2, 2]);
  });
});
