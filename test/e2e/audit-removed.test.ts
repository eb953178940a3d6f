/**
 * Records that the gateway took out of closed files, and what somebody who can write the files, and has no key, could make of that. Both
 * verifiers come to the same verdict. Three days of a trail are closed; of the first two records left twice and once, of the third none.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { firstPrev, sealRecord } from "../../src/audit/chain.ts";
import { renderCheckpoint } from "../../src/audit/checkpoint.ts";
import type { KeepingOptions } from "../../src/audit/keep/keeping.ts";
import type { AuditEntry, AuditRecord } from "../../src/audit/record.ts";
import { openAuditFile } from "../../src/audit/write/audit-file.ts";
import { createNoteSigner } from "../../src/crypto/note.ts";
import { createLog } from "../../src/observe/log.ts";
import { until } from "../golden/observe.ts";
import { callEntry } from "../unit/audit/entries.ts";
import { type Codes, type Files, judge as judgeBoth, putText, textOf } from "./two-verifiers.ts";

const nameOf = () => "key-of-the-test";
const signer = createNoteSigner(Buffer.alloc(32, 1), nameOf);
const forger = createNoteSigner(Buffer.alloc(32, 2), nameOf);
const dayMs = 86_400_000;
const active = "audit.jsonl";
const events = ["discovery", "request", "notification", "discovery", "request", "discovery", "request"] as const;

let home = "";
let written = "";
let clock = Date.parse("2026-08-01T10:00:00.000Z");
const logged: string[] = [];
/** Before anything was taken out, after the first time, and after the second. */
const [whole, once, left] = [new Map(), new Map(), new Map()] as [Files, Files, Files];
/** Closed files with the day that they are of. */
let [first, second, third] = ["", "", ""];
let ofOther = "";

function open(directory: string, trail: number, keeping: KeepingOptions, lines: string[] = logged) {
  const log = createLog("info", (line) => lines.push(line));
  return openAuditFile({
    directory,
    trail,
    now: () => new Date(clock),
    rotation: { maxBytes: Infinity, maxAgeMs: dayMs },
    keeping,
    checkpoints: {
      signer,
      everyRecords: 4,
      everyMs: Infinity,
      path: join(home, `checkpoint-${trail}`),
      onSigned: (note) => log.info({ checkpoint: note.split("\n") }, "audit checkpoint"),
    },
  });
}

const keep = (periods: Readonly<Record<string, number>>, trail = 1): KeepingOptions => ({
  compress: true,
  retentionMs: null,
  thinning: { periods: new Map(Object.entries(periods)), ledgerPath: join(home, `ledger-${trail}`) },
});

/** Lets a gateway take out what is due by its clock. */
async function thin(keeping: KeepingOptions, trail: number, files: number): Promise<void> {
  const ledger = join(home, `ledger-${trail}`);
  const before = existsSync(ledger) ? readFileSync(ledger, "utf8") : "";
  const sink = await open(written, trail, keeping);
  const digests = () => Object.values(JSON.parse(readFileSync(ledger, "utf8")) as Record<string, { events: string[] }>);
  const wanted = [...(keeping.thinning?.periods.keys() ?? [])];
  await until(
    "files that are thinned",
    () =>
      existsSync(ledger) &&
      readFileSync(ledger, "utf8") !== before &&
      digests().filter(({ events: gone }) => wanted.every((event) => gone.includes(event))).length >= files,
  );
  await sink.close();
}

function take(files: Files): void {
  for (const name of readdirSync(written).filter((each) => each.includes(".jsonl")))
    files.set(name, readFileSync(join(written, name)));
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "sallyport-removed-"));
  written = join(home, "written");
  mkdirSync(written, { mode: 0o700 });
  for (const trail of [1, 2]) {
    const began = clock;
    const sink = await open(written, trail, { compress: true, retentionMs: null });
    for (let day = 1; day <= 3; day += 1) {
      for (const [at, event] of events.entries()) await sink.append(callEntry({ event, id: `${trail}-${day}-${at}` }));
      clock += dayMs;
    }
    await sink.append(callEntry());
    await until(
      "compressed files",
      () =>
        readdirSync(written).filter((name) => name.endsWith(".gz")).length === 3 * trail &&
        !readdirSync(written).some((name) => /\d{12}\.jsonl$/.test(name)),
    );
    await sink.close();
    if (trail === 1) clock = began;
  }
  take(whole);
  [first = "", second = "", third = ""] = [...whole.keys()].filter((name) => /^audit\.\d/.test(name)).toSorted();
  ofOther = [...whole.keys()].filter((name) => /^audit-2\.\d/.test(name)).toSorted()[0] ?? "";
  // Three days are over: the first file is two days old, the second one.
  await thin(keep({ discovery: 2 * dayMs }), 1, 1);
  take(once);
  await thin(keep({ discovery: dayMs }), 1, 2);
  await thin(keep({ discovery: 2 * dayMs }, 2), 2, 1);
  await thin(keep({ notification: 2 * dayMs }), 1, 1);
  take(left);
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(home, "case-"));
});

const judge = (files: Files, log: readonly string[] = logged) => judgeBoth(directory, files, signer.verifier.text, log);

const plain = (name: string) => name.replace(/\.gz$/, "");
const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const parse = (line = "") => JSON.parse(line) as AuditRecord;
const linesOf = (files: Files, name: string) => textOf(files, name).split("\n").slice(0, -1);
const put = (files: Files, name: string, lines: readonly string[]) => putText(files, name, [...lines, ""].join("\n"));

/** The name is looked up when files are there. */
type Name = () => string;
const lines = (name: Name, change: (lines: string[]) => readonly string[]) => (files: Files) =>
  put(files, name(), change(linesOf(files, name())));
const inFirst: Name = () => first;
const inSecond: Name = () => second;
const inThird: Name = () => third;
const inActive: Name = () => active;

/** Seals something in the place of a line. */
const replace = (all: readonly string[], at: number, entry: AuditEntry) => {
  const { trail, seq, prev } = parse(all[at]);
  return all.with(at, sealRecord(entry, { trail, seq, prev }).line);
};
/** Puts entries behind the end, one behind the other. */
function append(files: Files, name: string, ...entries: readonly AuditEntry[]): void {
  for (const entry of entries) {
    const all = linesOf(files, name);
    const { trail, seq, hash } = parse(all.at(-1));
    put(files, name, [...all, sealRecord(entry, { trail, seq: seq + 1, prev: hash }).line]);
  }
}
const at = (all: readonly string[], event: string) => all.findLastIndex((line) => parse(line).event === event);
const isRemoval = (record: AuditRecord) => record.event === "expired" && record.note?.digest !== undefined;
const removals = (files: Files, name: string) => linesOf(files, name).filter((line) => isRemoval(parse(line)));

/** One more request is out of a file, and what a record would have to say for that. */
function takeOut(files: Files, name: string): AuditEntry {
  const all = linesOf(files, name);
  put(files, name, all.toSpliced(at(all.slice(0, -1), "request"), 1));
  const note = { file: plain(name), events: ["request"], removed: 1, digest: digestOf(textOf(files, name)) };
  return callEntry({ event: "expired", note });
}

test("the trail is what it is meant to be", () => {
  const eventsIn = (name: string) => new Set<string>(linesOf(left, name).map((line) => parse(line).event));
  expect(
    [first, second, third].map((name) => ["discovery", "notification"].map((event) => eventsIn(name).has(event))),
  ).toEqual([
    [false, false],
    [false, true],
    [true, true],
  ]);
  const told = [...left.keys()].flatMap((name) => removals(left, name)).map((line) => parse(line).note);
  expect(told.filter((note) => note?.file === plain(first)).length).toBe(2);
  // A checkpoint that was kept is of a record that is not there any more.
  const seqs = new Set(
    [...left.keys()].flatMap((name) => linesOf(left, name)).map((line) => `${parse(line).trail} ${parse(line).seq}`),
  );
  const kept = logged.map((line) => (JSON.parse(line) as { checkpoint: string[] }).checkpoint);
  expect(kept.filter(([origin = "", seq]) => !seqs.has(`${origin.split("/")[1]} ${seq}`))).not.toEqual([]);
});

describe("both verifiers come to the same verdict:", () => {
  const nothing: Codes = [0, 0, 0];
  const found: Codes = [1, 1, 1];
  const byKey: Codes = [0, 1, 1];

  test.each<[string, Codes, (files: Files) => void]>([
    ["nothing done", nothing, () => {}],
    ["a file unpacked", nothing, (f) => f.set(plain(first), gunzipSync(f.get(first) ?? "")) && f.delete(first)],
    ["a file as it was after the first time", nothing, (f) => f.set(first, once.get(first) ?? Buffer.alloc(0))],
    ["a file as it was before the first time", nothing, (f) => f.set(first, whole.get(first) ?? Buffer.alloc(0))],
    ["a draft beside it", nothing, (f) => f.set(`${first}.new`, Buffer.from("half a fi"))],

    ["one more record taken out", found, lines(inFirst, (all) => all.toSpliced(at(all.slice(0, -1), "request"), 1))],
    ["a checkpoint taken out", found, lines(inSecond, (all) => all.toSpliced(at(all.slice(0, -1), "checkpoint"), 1))],
    ["the first record taken out", found, lines(inFirst, (all) => all.slice(1))],
    ["the last record taken out", found, lines(inFirst, (all) => all.slice(0, -1))],
    [
      "records of the same event taken out of another file",
      found,
      lines(inThird, (all) => all.toSpliced(at(all, "discovery"), 1)),
    ],
    ["records taken out of the file that is written", found, lines(inActive, (all) => all.toSpliced(1, 1))],
    [
      "a value changed in what is left",
      found,
      lines(inFirst, (all) => all.map((line) => line.replace("Berlin", "Munich"))),
    ],
    [
      "a record between two that are gone replaced, its own hash right",
      found,
      lines(inFirst, (all) => replace(all, at(all.slice(0, -1), "request"), callEntry({ id: "innocent" }))),
    ],
    [
      "a record put in where one is gone",
      found,
      lines(inFirst, (all) => {
        const index = all.findIndex((line, i) => parse(all[i + 1] ?? line).seq > parse(line).seq + 1);
        const { trail, seq, hash } = parse(all[index]);
        return all.toSpliced(index + 1, 0, sealRecord(callEntry(), { trail, seq: seq + 1, prev: hash }).line);
      }),
    ],
    ["two records exchanged", found, lines(inFirst, ([a = "", b = "", c = "", ...rest]) => [a, c, b, ...rest])],
    ["the newline of the last record gone", found, (f) => putText(f, first, textOf(f, first).trimEnd())],
    [
      "the contents of two files exchanged",
      found,
      (f) => {
        const [one, other] = [f.get(first), f.get(second)] as [Buffer, Buffer];
        f.set(first, other).set(second, one);
      },
    ],
    [
      "the records of what was removed taken out",
      found,
      (f) => {
        for (const name of [...f.keys()])
          put(
            f,
            name,
            linesOf(f, name).filter((line) => !isRemoval(parse(line))),
          );
      },
    ],
    [
      "another digest in the record of what was removed",
      found,
      (f) => {
        const { note } = takeOut(f, first);
        for (const name of [...f.keys()])
          put(
            f,
            name,
            linesOf(f, name).map((line) => line.replaceAll(digestOf(textOf(left, first)), String(note?.digest))),
          );
      },
    ],
    [
      "the record of another file, told of this one",
      found,
      (f) => {
        const { note } = takeOut(f, third);
        append(f, active, callEntry({ event: "expired", note: { ...note, file: plain(second) } }));
      },
    ],
    [
      "the record of another trail",
      found,
      (f) => {
        const declared = takeOut(f, first);
        append(f, "audit-2.jsonl", declared);
      },
    ],
    [
      "a file of another trail under the name of this one",
      found,
      (f) => f.set(first, f.get(ofOther) ?? Buffer.alloc(0)),
    ],
    [
      "a record in front of the file, or in it",
      found,
      (f) => {
        const all = linesOf(f, second);
        const declared = takeOut(f, third);
        put(f, second, replace(all, all.length - 1, declared));
      },
    ],

    ["an invented record at the end", byKey, (f) => append(f, active, takeOut(f, first))],
    [
      "an invented record and a checkpoint of another key",
      byKey,
      (f) => {
        append(f, active, takeOut(f, first));
        const { trail, seq, hash } = parse(linesOf(f, active).at(-1));
        const text = `key-of-the-test/${trail}\n${seq}\n${Buffer.from(hash, "hex").toString("base64")}\n`;
        append(f, active, { ...callEntry({ event: "checkpoint" }), checkpoint: forger.sign(text) });
      },
    ],
    [
      "an invented record and an earlier checkpoint",
      byKey,
      (f) => {
        const checkpoint =
          parse(linesOf(f, active).findLast((line) => parse(line).event === "checkpoint")).checkpoint ?? "";
        append(f, active, takeOut(f, first), { ...callEntry({ event: "checkpoint" }), checkpoint });
      },
    ],
  ])("%s", async (_what, codes, change) => {
    const files = new Map(left);
    change(files);
    expect(await judge(files)).toEqual({ ours: codes, theirs: codes });
  });

  test.each<[string, Codes, (hash: string) => readonly string[]]>([
    ["its hash", nothing, (hash) => [hash]],
    ["another hash", [0, 0, 1], () => [firstPrev]],
    ["its hash and another one", [0, 0, 1], (hash) => [hash, firstPrev]],
    ["another hash and its own", [0, 0, 1], (hash) => [firstPrev, hash]],
  ])(
    "a checkpoint that was kept, of a record that is gone while the next one stayed, with %s",
    async (_what, codes, hashes) => {
      const { trail, seq, hash } = parse(linesOf(whole, first).findLast((line) => parse(line).event === "discovery"));
      const sign = (each: string) =>
        signer.sign(renderCheckpoint({ origin: `${signer.verifier.name}/${trail}`, seq, hash: each }));
      expect(linesOf(left, first).map((line) => parse(line).seq)).not.toContain(seq);
      expect(await judge(left, hashes(hash).map(sign))).toEqual({ ours: codes, theirs: codes });
    },
  );

  test("an invented record that the gateway went on behind, and signed with all others", async () => {
    const files = new Map(left);
    append(files, active, takeOut(files, first));
    for (const [name, bytes] of files) writeFileSync(join(directory, name), bytes, { mode: 0o600 });
    const later: string[] = [];
    const sink = await open(directory, 1, { compress: false, retentionMs: null }, later);
    for (let call = 1; call <= 9; call += 1) await sink.append(callEntry());
    await sink.close();
    expect(later.length).toBeGreaterThan(1);
    expect(await judge(new Map(), [...logged, ...later])).toEqual({ ours: byKey, theirs: byKey });
  });

  test("a record taken out before the gateway takes out others of the file", async () => {
    const files = new Map(whole);
    takeOut(files, first);
    for (const [name, bytes] of files) writeFileSync(join(directory, name), bytes, { mode: 0o600 });
    const ledgerPath = join(directory, "ledger");
    const thinning = { periods: new Map([["discovery", 2 * dayMs]]), ledgerPath };
    // The other files show that it was this one's turn, too.
    clock += dayMs;
    const sink = await open(directory, 1, { compress: true, retentionMs: null, thinning }, []);
    await until(
      "the next file",
      () => existsSync(ledgerPath) && readFileSync(ledgerPath, "utf8").includes(plain(second)),
    );
    await sink.close();
    expect(readFileSync(join(directory, first))).toEqual(files.get(first));
    expect(await judge(new Map(), [])).toMatchObject({ ours: [1, 1, 2], theirs: [1, 1, 2] });
  });
});
