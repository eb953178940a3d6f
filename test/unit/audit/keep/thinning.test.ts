/** Records that leave closed files while others stay, seen in the files: two days, a file each, and the third that is written. */
import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sealRecord } from "../../../../src/audit/chain.ts";
import { closedName } from "../../../../src/audit/files/layout.ts";
import { writeHold } from "../../../../src/audit/keep/hold.ts";
import { Thinner } from "../../../../src/audit/keep/thinner.ts";
import { readRecords } from "../../../../src/audit/read/records.ts";
import type { AuditRecord } from "../../../../src/audit/record.ts";
import { verifyTrail } from "../../../../src/audit/verify/verify.ts";
import { type AuditFileOptions, openAuditFile } from "../../../../src/audit/write/audit-file.ts";
import type { QueuedFile } from "../../../../src/audit/write/queued-file.ts";
import { createNoteSigner } from "../../../../src/crypto/note.ts";
import { callEntry } from "../entries.ts";
import { openVault } from "../vaults.ts";

const day = 86_400_000;
const signer = createNoteSigner(Buffer.alloc(32, 1), () => "key-of-the-test");
const first = closedName(1, 1);

let home = "";
let directory = "";
let clock = 0;
const troubles: unknown[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sallyport-thinning-"));
  directory = join(home, "audit");
  clock = Date.parse("2026-08-01T10:00:00.000Z");
  troubles.length = 0;
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const checkpoints = () => ({ signer, everyRecords: 3, everyMs: Infinity, path: join(home, "checkpoint") });

function open(options: Partial<AuditFileOptions> = {}) {
  return openAuditFile({
    directory,
    now: () => new Date(clock),
    rotation: { maxBytes: Infinity, maxAgeMs: day },
    checkpoints: checkpoints(),
    onTrouble: (error) => troubles.push(error),
    ...options,
  });
}

/** What happens on each day of a trail. */
const events = ["discovery", "request", "discovery", "notification", "discovery", "request"] as const;

async function write(options: Partial<AuditFileOptions> = {}): Promise<void> {
  const sink = await open(options);
  for (const date of ["a", "b"]) {
    for (const [at, event] of events.entries()) await sink.append(callEntry({ event, id: `${date}${at}` }));
    clock += day;
  }
  await sink.append(callEntry({ id: "last" }));
  await sink.close();
}

interface Run {
  readonly mayRemove?: () => Promise<boolean>;
  readonly declare?: (sink: QueuedFile) => QueuedFile["declare"];
}

/** A gateway that starts, looks once what is due, and ends. */
async function run(periods: Readonly<Record<string, number>>, { mayRemove = async () => true, declare }: Run = {}) {
  const sink = (await open()) as QueuedFile;
  const thinner = new Thinner({
    directory,
    trail: 1,
    now: () => new Date(clock),
    periods: new Map(Object.entries(periods)),
    ledgerPath: join(home, "ledger"),
    declare: declare?.(sink) ?? ((entry) => sink.declare(entry)),
    onTrouble: (error) => troubles.push(error),
    mayRemove,
    signal: new AbortController().signal,
  });
  await thinner.look();
  await sink.close();
  return thinner;
}

const names = () => readdirSync(directory).toSorted();
const pathOf = (name: string) => join(directory, name);
const textOf = (name: string) => {
  const bytes = readFileSync(pathOf(name));
  return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
};
const recordsIn = (name: string) =>
  textOf(name)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as AuditRecord);
const eventsIn = (name: string) => recordsIn(name).map(({ event }) => event);
const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
/** The lines of a file, changed. */
const edit = (name: string, change: (lines: string[]) => readonly string[]) =>
  writeFileSync(pathOf(name), [...change(textOf(name).split("\n").slice(0, -1)), ""].join("\n"));

async function told(): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const found = [];
  for await (const { event, note = {} } of readRecords(directory)) if (event === "expired") found.push(note);
  return found;
}

const verify = () => verifyTrail(directory, { number: 1, whole: true }, { verifiers: [signer.verifier] });

describe("records whose time is over", () => {
  test("leave their file, and a record says which, and of what bytes the rest is", async () => {
    await write();
    const whole = recordsIn(first);
    clock += 6 * day;
    await run({ discovery: 7 * day });
    const gone = whole.filter(({ event }) => event === "discovery").map(({ seq }) => seq);
    expect(recordsIn(first)).toEqual(whole.filter(({ event }) => event !== "discovery"));
    expect(await told()).toEqual([
      {
        file: first,
        events: ["discovery"],
        before: recordsIn(names()[1] ?? "")[0]?.time,
        removed: 3,
        from: gone[0],
        to: gone.at(-1),
        digest: digestOf(textOf(first)),
      },
    ]);
    expect(await verify()).toMatchObject({ ok: true, findings: [], removed: 3, stopped: true });
    expect([statSync(pathOf(first)).mode & 0o777, troubles]).toEqual([0o600, []]);
  });

  test.each<[string, number, Readonly<Record<string, number>>, readonly number[]]>([
    ["none before its time", 6 * day - 1, { discovery: 7 * day }, [0, 0]],
    ["of each file when the newest record of that is old enough", 7 * day, { discovery: 7 * day }, [3, 3]],
    ["of several events at once", 6 * day, { discovery: 7 * day, notification: 7 * day }, [4, 0]],
    ["of the one whose time is over, and not of the other", 6 * day, { discovery: 7 * day, request: 8 * day }, [3, 0]],
    ["none where there are none", 6 * day, { stream: 7 * day }, [0, 0]],
  ])("%s", async (_what, laterMs, periods, removed) => {
    await write();
    const files = names().slice(0, 2);
    const before = files.map((name) => recordsIn(name).length);
    clock += laterMs;
    await run(periods);
    expect(files.map((name, at) => (before[at] ?? 0) - recordsIn(name).length)).toEqual(removed);
    expect([(await verify()).ok, (await told()).length, troubles]).toEqual([
      true,
      removed.filter((n) => n > 0).length,
      [],
    ]);
  });

  test("leave a file again when the time of others is over, with a record for each time", async () => {
    await write();
    clock += 6 * day;
    await run({ discovery: 7 * day, notification: 30 * day });
    clock += 23 * day;
    await run({ discovery: 7 * day, notification: 30 * day });
    expect((await told()).map(({ file, events: gone, removed }) => [file === first, gone, removed])).toEqual([
      [true, ["discovery"], 3],
      [true, ["discovery", "notification"], 1],
      [false, ["discovery"], 3],
    ]);
    expect(await verify()).toMatchObject({ ok: true, removed: 7 });
  });

  test("stay where they are the first or the last of their file", async () => {
    const sink = await open({ checkpoints: { ...checkpoints(), everyRecords: 4 } });
    for (const id of ["a", "b", "c"]) await sink.append(callEntry({ event: "discovery", id }));
    clock += day;
    await sink.append(callEntry());
    await sink.close();
    const whole = recordsIn(first);
    expect(whole.map(({ event }) => event)).toEqual(["start", "discovery", "discovery", "discovery"]);
    clock += 30 * day;
    await run({ discovery: day, start: day });
    expect(recordsIn(first)).toEqual([whole[0], whole[3]]);
    expect((await verify()).ok).toBe(true);
  });

  test("leave compressed and encrypted files too, and what is torn stays", async () => {
    const vault = openVault(join(home, "state"));
    await write({ vault, encrypted: true });
    appendFileSync(pathOf("audit.jsonl"), '{"v":1,"trail":"torn');
    const sink = await open({ vault, encrypted: true });
    for (const event of ["discovery", "request"] as const) await sink.append(callEntry({ event }));
    clock += day;
    await sink.append(callEntry());
    await sink.close();
    for (const name of names().filter((each) => each !== "audit.jsonl")) {
      writeFileSync(pathOf(`${name}.gz`), gzipSync(readFileSync(pathOf(name))), { mode: 0o600 });
      rmSync(pathOf(name));
    }
    clock += 30 * day;
    await run({ discovery: day });
    const packed = names().filter((name) => name.endsWith(".gz"));
    const texts = packed.map(textOf);
    expect([packed.length, texts[2]?.includes('"torn\n{"v":1')]).toEqual([3, true]);
    expect(texts.join("")).not.toContain('"event":"discovery"');
    expect(await verify()).toMatchObject({ ok: true, removed: 7, declaredTorn: 1 });
    expect(troubles).toEqual([]);
  });

  test("stay while there is a hold, also one that comes while the file is read", async () => {
    await write();
    clock += 30 * day;
    const whole = textOf(first);
    let asked = 0;
    for (const until of [0, 1]) {
      asked = 0;
      await run({ discovery: day }, { mayRemove: async () => asked++ < until });
      expect([textOf(first), await told(), names().filter((name) => name.endsWith(".new"))]).toEqual([whole, [], []]);
    }
  });
});

describe("a file is left alone", () => {
  const thinned = async () => {
    await write();
    clock += 6 * day;
    await run({ discovery: 7 * day });
    clock += 30 * day;
  };
  /** A record of somebody's choice in the place of another one, with a hash that is right. */
  const replace = (lines: string[], at: number) => {
    const { trail, seq, prev } = JSON.parse(lines[at] ?? "") as AuditRecord;
    return lines.with(at, sealRecord(callEntry({ event: "discovery" }), { trail, seq, prev }).line);
  };

  test.each<[string, () => Promise<void>, (lines: string[]) => readonly string[]]>([
    ["that a record was taken out of", write, (lines) => lines.toSpliced(2, 1)],
    ["in which a call was made into something that goes", write, (lines) => replace(lines, 2)],
    ["in which the last record was replaced", write, (lines) => replace(lines, lines.length - 1)],
    ["of which the end was cut off", write, (lines) => lines.slice(0, 4)],
    ["that more was taken out of than the gateway did", thinned, (lines) => lines.toSpliced(2, 1)],
    ["that was changed after it was thinned", thinned, (lines) => replace(lines, 2)],
  ])("%s, so that nothing vouches for it", async (_what, prepare, change) => {
    await prepare();
    if (prepare === write) clock += 30 * day;
    edit(first, change);
    const [left, before] = [textOf(first), (await told()).length];
    await run({ discovery: day, notification: day });
    expect(textOf(first)).toBe(left);
    expect((await told()).slice(before).map(({ file }) => file === first)).toEqual([false]);
    expect(String(troubles)).toContain("does not verify, so nothing was removed from it");
    expect([(await verify()).ok, existsSync(pathOf(`${first}.new`))]).toEqual([false, false]);
  });

  test("for a day after it could not be read to the end, and then tried again", async () => {
    await write();
    clock += 30 * day;
    const whole = textOf(first);
    edit(first, (lines) => lines.toSpliced(2, 1));
    const thinner = await run({ discovery: day });
    writeFileSync(pathOf(first), whole);
    await thinner.look();
    expect(textOf(first)).toBe(whole);
    clock += day;
    await run({ discovery: day });
    expect([eventsIn(first).includes("discovery"), (await verify()).ok]).toEqual([false, true]);
  });

  test("that does not know who wrote another trail's file of the same name", async () => {
    await thinned();
    rmSync(directory, { recursive: true });
    rmSync(join(home, "checkpoint"));
    await write();
    clock += 30 * day;
    await run({ discovery: 7 * day });
    expect([eventsIn(first).includes("discovery"), (await verify()).ok]).toEqual([false, true]);
  });
});

describe("after a crash", () => {
  const crash = () => {
    throw new Error("the end");
  };

  test("before the record, nothing has happened", async () => {
    await write();
    clock += 30 * day;
    const whole = textOf(first);
    await run({ discovery: day }, { declare: () => crash });
    expect([textOf(first), (await verify()).ok, String(troubles)]).toEqual([
      whole,
      true,
      expect.stringContaining("the end"),
    ]);
  });

  test("between the record and the file, the file is whole, and it is done again", async () => {
    await write();
    clock += 30 * day;
    const whole = textOf(first);
    await run({ discovery: day }, { declare: (sink) => async (entry) => sink.declare(entry).then(crash) });
    expect([textOf(first), await verify()]).toEqual([whole, expect.objectContaining({ ok: true, removed: 0 })]);
    await run({ discovery: day });
    expect(await verify()).toMatchObject({ ok: true, removed: 6 });
  });

  test("between the file and what is remembered of it, the rest is known, and it is done again", async () => {
    await write();
    clock += 30 * day;
    await run({ discovery: day });
    const ledger = JSON.parse(readFileSync(join(home, "ledger"), "utf8")) as Record<string, { events: string[] }>;
    for (const entry of Object.values(ledger)) entry.events = [];
    writeFileSync(join(home, "ledger"), JSON.stringify(ledger));
    await run({ discovery: day, notification: day });
    expect([await verify(), troubles]).toEqual([expect.objectContaining({ ok: true, removed: 8 }), []]);
  });

  test("drafts are removed, and were never part of the trail", async () => {
    await write();
    for (const name of [`${first}.new`, `${first}.gz.new`]) writeFileSync(pathOf(name), "half a fi");
    expect((await verify()).ok).toBe(true);
    const sink = await open({ keeping: { compress: true, retentionMs: null } });
    while (names().filter((name) => name.endsWith(".gz")).length < 2) await new Promise((done) => setImmediate(done));
    await sink.close();
    expect([names().filter((name) => name.endsWith(".new")), (await verify()).ok]).toEqual([[], true]);
  });

  test("of a file that was just compressed no form brings back what went", async () => {
    await write();
    writeFileSync(pathOf(`${first}.gz`), gzipSync(readFileSync(pathOf(first))), { mode: 0o600 });
    clock += 30 * day;
    await run({ discovery: day });
    expect([names().includes(`${first}.gz`), eventsIn(first).includes("discovery")]).toEqual([false, false]);
  });
});

test("a gateway does it by itself, compresses what is left, and goes on behind it when the active file is gone", async () => {
  await write();
  const periods = new Map([["discovery", 7 * day]]);
  clock += 30 * day;
  const thinning = { periods, ledgerPath: join(home, "ledger") };
  const sink = await open({ keeping: { compress: true, retentionMs: null, thinning } });
  while (names().some((name) => /\d\.jsonl$/.test(name))) await new Promise((done) => setImmediate(done));
  await sink.close();
  expect(await verify()).toMatchObject({ ok: true, removed: 6 });
  const active = names().findLast((name) => name === "audit.jsonl") ?? "";
  rmSync(pathOf(active));
  await (await open()).close();
  expect(eventsIn("audit.jsonl")).toEqual(["start", "stop", "checkpoint"]);
});

test("nothing goes while the clock is not to be trusted, or a hold stands", async () => {
  await write();
  clock += 30 * day;
  const thinning = { periods: new Map([["discovery", day]]), ledgerPath: join(home, "ledger") };
  for (const trusted of [false, true]) {
    if (trusted) await writeHold(directory, { since: "2026-08-01", reason: "case 7" });
    for (const name of names().filter((each) => each.endsWith(".gz"))) {
      writeFileSync(pathOf(name.slice(0, -3)), gunzipSync(readFileSync(pathOf(name))), { mode: 0o600 });
      rmSync(pathOf(name));
    }
    const keeping = { compress: true, retentionMs: day, thinning, trustsClock: () => trusted };
    const sink = await open({ keeping });
    // What is compressed was not removed before.
    while (names().some((name) => /\d\.jsonl$/.test(name))) await new Promise((done) => setImmediate(done));
    await sink.close();
    expect([await told(), eventsIn(`${first}.gz`).includes("discovery")]).toEqual([[], true]);
  }
});
