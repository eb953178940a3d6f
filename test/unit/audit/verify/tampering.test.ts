/**
 * What somebody who can write the files, and has neither the key nor the checkpoints that were kept elsewhere, could do to them; and
 * what an auditor is told of it. A trail of three files, the first two closed, with a checkpoint after every four records.
 */
import { linkSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { firstPrev, sealRecord } from "../../../../src/audit/chain.ts";
import { type Checkpoint, readCheckpoint } from "../../../../src/audit/checkpoint.ts";
import { closedName, readFileName } from "../../../../src/audit/files/layout.ts";
import type { AuditRecord } from "../../../../src/audit/record.ts";
import { verifyTrail } from "../../../../src/audit/verify/verify.ts";
import { openAuditFile } from "../../../../src/audit/write/audit-file.ts";
import { createNoteSigner } from "../../../../src/crypto/note.ts";
import { callEntry } from "../entries.ts";

const signer = createNoteSigner(Buffer.alloc(32, 1), () => "key-of-the-test");
const forger = createNoteSigner(Buffer.alloc(32, 2), () => "key-of-the-test");
let directory = "";
/** The lines of each file as they were written. */
const written = new Map<string, readonly string[]>();
const kept: Checkpoint[] = [];
let clock = Date.parse("2026-08-01T10:00:00.000Z");

/** The files, by names that are known before they are written. */
const [first, second, active] = ["first", "second", "audit.jsonl"];
let secondSeq = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "sallyport-tampering-"));
  const sink = await openAuditFile({
    directory,
    now: () => new Date(clock),
    rotation: { maxBytes: Infinity, maxAgeMs: 86_400_000 },
    checkpoints: {
      signer,
      everyRecords: 4,
      everyMs: Infinity,
      path: join(directory, "checkpoint"),
      onSigned: (note) => kept.push(readCheckpoint(signer.verifier.open(note) ?? "") as Checkpoint),
    },
  });
  for (const part of ["a", "b", "c"]) {
    for (let call = 1; call <= 7; call += 1) await sink.append(callEntry({ id: `${part}${call}` }));
    clock += part === "c" ? 0 : 86_400_000;
  }
  await sink.close();
  rmSync(join(directory, "checkpoint"));
  const names = readdirSync(directory).toSorted();
  secondSeq = readFileName(names[1] ?? "")?.firstSeq ?? 0;
  for (const [at, name] of [first, second, active].entries()) {
    written.set(
      name,
      readFileSync(join(directory, names[at] ?? ""), "utf8")
        .split("\n")
        .slice(0, -1),
    );
  }
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

type Files = Map<string, string[]>;

async function check(change: (files: Files) => void, known: readonly Checkpoint[] = []) {
  const files: Files = new Map([...written].map(([name, lines]) => [name, [...lines]]));
  change(files);
  for (const name of readdirSync(directory)) rmSync(join(directory, name));
  for (const [name, lines] of files) writeFileSync(pathOf(name), lines.map((line) => `${line}\n`).join(""));
  return verifyNow(known);
}

function pathOf(name: string): string {
  return join(directory, name === first ? closedName(1, 1) : name === second ? closedName(1, secondSeq) : name);
}

async function verifyNow(known: readonly Checkpoint[] = []) {
  return verifyTrail(directory, { number: 1, whole: true }, { verifiers: [signer.verifier], kept: known });
}

/** Changes the lines of a file. */
const edit =
  (name: string, change: (lines: string[]) => readonly string[]) =>
  (files: Files): void => {
    files.set(name, [...change(files.get(name) ?? [])]);
  };

const swap = (lines: string[], one: number, other: number) =>
  lines.map((line, at) => (at === one ? lines[other] : at === other ? lines[one] : line) ?? "");

const without = (lines: readonly string[], ...gone: number[]) => lines.filter((_, at) => !gone.includes(at));

const parse = (line: string) => JSON.parse(line) as AuditRecord;

/** All records sealed anew, as whoever knows the format can, with whatever was changed before. */
function reseal(files: Files, change: (records: AuditRecord[]) => readonly AuditRecord[]): void {
  const names = [first, second, active].filter((name) => files.has(name));
  const placed = names.flatMap((name) => (files.get(name) ?? []).map((line) => ({ name, record: parse(line) })));
  const changed = change(placed.map(({ record }) => record));
  const homes = new Map(placed.map(({ name, record }) => [record.id ?? `#${record.seq}`, name]));
  for (const name of names) files.set(name, []);
  let [seq, prev] = [1, firstPrev];
  let home = first;
  for (const record of changed) {
    const { line, hash } = sealRecord(record, { trail: record.trail, seq, prev });
    home = homes.get(record.id ?? `#${record.seq}`) ?? home;
    files.get(home)?.push(line);
    [seq, prev] = [seq + 1, hash];
  }
}

const isCheckpoint = ({ event }: AuditRecord) => event === "checkpoint";
const rename = (record: AuditRecord): AuditRecord => ({
  ...record,
  identity: { ...record.identity, subject: "eve" } as never,
});
const signAll = (records: readonly AuditRecord[], sign: (record: AuditRecord) => string) =>
  records.map((record) => (isCheckpoint(record) ? { ...record, checkpoint: sign(record) } : record));

test("nothing is found in what was left alone, and all of it is signed", async () => {
  expect([...written.values()].map((lines) => lines.length > 7)).toEqual([true, true, true]);
  const report = await check(() => {}, kept);
  expect(report).toMatchObject({ ok: true, findings: [], stopped: true, firstSeq: 1 });
  expect(report.signed).toEqual({ checkpoints: kept.length, throughSeq: report.lastSeq - 1 });
  expect(kept.length).toBeGreaterThanOrEqual(6);
});

describe("found in the files alone", () => {
  test.each<[string, (files: Files) => void, string]>([
    ["a value changed", edit(active, (l) => l.map((x) => x.replace("Berlin", "Munich"))), "edited"],
    [
      "a denial made an allowance",
      edit(first, (l) => l.map((x, i) => (i === 2 ? x.replace('"allow"', '"deny"') : x))),
      "edited",
    ],
    ["a time changed", edit(second, (l) => l.map((x, i) => (i === 3 ? x.replace("T10", "T11") : x))), "edited"],
    [
      "a number changed",
      edit(second, (l) => l.map((x, i) => (i === 3 ? x.replace(/"seq":\d+/, '"seq":99') : x))),
      "edited",
    ],
    [
      "a hash changed",
      edit(active, (l) =>
        l.map((x, i) =>
          i === 1 ? x.replace(/"hash":"."/, '"hash":"0"').replace(/"hash":"[0-9a-f]{4}/, '"hash":"0000') : x,
        ),
      ),
      "edited",
    ],
    [
      "a link changed",
      edit(active, (l) => l.map((x, i) => (i === 1 ? x.replace(/"prev":"[0-9a-f]{4}/, '"prev":"0000') : x))),
      "edited",
    ],
    ["white space added", edit(active, (l) => l.map((x, i) => (i === 1 ? `${x} ` : x))), "edited"],
    [
      "members in another order",
      edit(active, (l) => l.map((x, i) => (i === 1 ? x.replace(/("era":"\w+"),("session":null)/, "$2,$1") : x))),
      "edited",
    ],
    ["a record deleted", edit(second, (l) => without(l, 3)), "missing"],
    ["several deleted", edit(second, (l) => without(l, 3, 4, 5)), "missing"],
    ["the first deleted", edit(first, (l) => without(l, 0)), "missing"],
    ["the first of a later file deleted", edit(second, (l) => without(l, 0)), "missing"],
    ["the last of a closed file deleted", edit(first, (l) => without(l, l.length - 1)), "missing"],
    ["the second half of a closed file deleted", edit(first, (l) => l.slice(0, 5)), "missing"],
    ["a record repeated", edit(second, (l) => [...l.slice(0, 4), l[3] ?? "", ...l.slice(4)]), "order"],
    ["a record repeated in another file", (f) => f.get(active)?.push(f.get(first)?.[2] ?? ""), "order"],
    ["two exchanged", edit(first, (l) => swap(l, 2, 5)), "missing"],
    ["neighbours exchanged", edit(first, (l) => swap(l, 2, 3)), "missing"],
    ["an earlier one put in", edit(active, (l) => [l[0] ?? "", ...l.slice(0, 1), ...l.slice(1)]), "order"],
    ["a line emptied", edit(active, (l) => l.map((x, i) => (i === 2 ? "" : x))), "unreadable"],
    ["a line cut in half", edit(active, (l) => l.map((x, i) => (i === 2 ? x.slice(0, 200) : x))), "unreadable"],
    ["a line of something else put in", edit(active, (l) => [...l.slice(0, 3), "hello", ...l.slice(3)]), "unreadable"],
    ["a file of zeros", edit(second, (l) => l.map((x) => "\0".repeat(x.length))), "unreadable"],
    ["the first file deleted", (f) => f.delete(first), "missing"],
    ["a file in the middle deleted", (f) => f.delete(second), "missing"],
    ["a file emptied", (f) => f.set(second, []), "missing"],
    [
      "the contents of two files exchanged",
      (f) => {
        const [one = [], other = []] = [f.get(first), f.get(second)];
        f.set(first, other).set(second, one);
      },
      "missing",
    ],
    ["a file under another's name as well", (f) => f.set(closedName(1, 5), [...(f.get(first) ?? [])]), "order"],
    [
      "a record replaced and its own hash made right",
      (f) => {
        const lines = f.get(second) ?? [];
        const { seq, prev, trail, ...rest } = parse(lines[3] ?? "");
        lines[3] = sealRecord(rename({ ...rest, seq, prev, trail }), { trail, seq, prev }).line;
      },
      "link",
    ],
    [
      "records of another trail behind the end",
      (f) => {
        const { seq, hash } = parse(f.get(active)?.at(-1) ?? "");
        f.get(active)?.push(sealRecord(callEntry(), { trail: "ffffffffffff", seq: seq + 1, prev: hash }).line);
      },
      "foreign",
    ],
    [
      "a deletion that an invented record declares",
      (f) => {
        f.delete(first);
        const { trail, seq, hash } = parse(f.get(active)?.at(-1) ?? "");
        const note = { from: 1, to: 10, hash: "0".repeat(64) };
        f.get(active)?.push(
          sealRecord(callEntry({ event: "expired", note }), { trail, seq: seq + 1, prev: hash }).line,
        );
      },
      "missing",
    ],
  ])("%s", async (_what, change, kind) => {
    const report = await check(change);
    expect(report.ok).toBe(false);
    expect(report.findings[0]?.kind).toBe(kind);
    expect(report.findings[0]?.text).not.toBe("");
  });
});

describe("found by the signatures, though every hash and link is right", () => {
  test.each<[string, (files: Files) => void]>([
    [
      "somebody else's name in all records, the checkpoints left",
      (f) => reseal(f, (all) => all.map((each) => (each.identity === null ? each : rename(each)))),
    ],
    ["one record taken out and the others numbered anew", (f) => reseal(f, (all) => without(all as never, 3) as never)],
    [
      "one record put in",
      (f) => reseal(f, (all) => [...all.slice(0, 3), { ...(all[3] as AuditRecord), id: "new" }, ...all.slice(3)]),
    ],
    [
      "checkpoints signed anew with another key",
      (f) =>
        reseal(f, (all) =>
          signAll(
            all.map((each) => (each.identity === null ? each : rename(each))),
            ({ checkpoint = "" }) => forger.sign(`${checkpoint.split("\n\n")[0]}\n`),
          ),
        ),
    ],
    [
      "a checkpoint of earlier put again",
      (f) => reseal(f, (all) => signAll(all, () => all.find(isCheckpoint)?.checkpoint ?? "")),
    ],
    [
      "checkpoints of another trail",
      (f) => reseal(f, (all) => all.map((each) => ({ ...each, trail: "ffffffffffff" }))),
    ],
    [
      "checkpoints without a signature",
      (f) => reseal(f, (all) => signAll(all, ({ checkpoint = "" }) => checkpoint.split("— ")[0] ?? "")),
    ],
  ])("%s", async (_what, change) => {
    const report = await check(change);
    expect(report.ok).toBe(false);
    expect(report.findings[0]?.kind).toBe("signature");
  });
});

describe("found by checkpoints that were kept elsewhere, though the files alone show nothing", () => {
  const cut = (f: Files) => f.set(active, (f.get(active) ?? []).slice(0, 3));
  const bare = (f: Files) => reseal(f, (all) => all.filter((each) => !isCheckpoint(each)));

  test.each<[string, (files: Files) => void, string]>([
    ["the end cut off", cut, "cut"],
    ["the last file emptied", (f) => f.set(active, []), "cut"],
    ["the last file deleted", (f) => f.delete(active), "cut"],
    ["all written anew, without checkpoints", bare, "rewritten"],
  ])("%s", async (_what, change, kind) => {
    expect(await check(change)).toMatchObject({ ok: true });
    const report = await check(change, kept);
    expect(report.ok).toBe(false);
    expect(report.findings[0]?.kind).toBe(kind);
  });

  test("those of other trails say nothing of this one", async () => {
    const others = kept.map((each) => ({ ...each, origin: "key-of-the-test/ffffffffffff", seq: each.seq + 1_000 }));
    expect(await check(() => {}, others)).toMatchObject({ ok: true });
  });
});

describe("compressed files", () => {
  test("are as good, and found out as well", async () => {
    await check(() => {});
    const path = pathOf(first);
    writeFileSync(`${path}.gz`, gzipSync(readFileSync(path)));
    rmSync(path);
    expect(await verifyNow(kept)).toMatchObject({ ok: true, stopped: true });
    const text = gunzipSync(readFileSync(`${path}.gz`))
      .toString()
      .replace("Berlin", "Munich");
    writeFileSync(`${path}.gz`, gzipSync(text));
    expect((await verifyNow(kept)).findings[0]).toMatchObject({ file: `${closedName(1, 1)}.gz`, kind: "edited" });
  });

  test("that end too early, or are none, are named", async () => {
    await check(() => {});
    const path = pathOf(first);
    renameSync(path, `${path}.gz`);
    expect((await verifyNow()).findings[0]).toMatchObject({ file: `${closedName(1, 1)}.gz`, kind: "unreadable" });
    await check(() => {});
    writeFileSync(`${path}.gz`, gzipSync(readFileSync(path)).subarray(0, -20));
    rmSync(path);
    expect((await verifyNow()).findings[0]).toMatchObject({ file: `${closedName(1, 1)}.gz`, kind: "unreadable" });
  });
});

test("a file that is closed while those before it are read is neither missed nor read twice", async () => {
  await check(() => {});
  const { seq: firstSeq } = parse(written.get(active)?.[0] ?? "");
  const { trail, seq, hash } = parse(written.get(active)?.at(-1) ?? "");
  const path = pathOf(active);
  let isClosed = false;
  const close = () => {
    if (isClosed) return;
    isClosed = true;
    linkSync(path, join(directory, closedName(1, firstSeq)));
    writeFileSync(`${path}.new`, `${sealRecord(callEntry(), { trail, seq: seq + 1, prev: hash }).line}\n`);
    renameSync(`${path}.new`, path);
  };
  const open = (note: string) => {
    close();
    return signer.verifier.open(note);
  };
  const report = await verifyTrail(
    directory,
    { number: 1, whole: true },
    { verifiers: [{ ...signer.verifier, open }] },
  );
  expect(report).toMatchObject({ ok: true, findings: [], lastSeq: seq + 1 });
  expect(report.files).toHaveLength(4);
});

test("more records than a gateway leaves without a checkpoint", async () => {
  const trail = "0a1b2c3d4e5f";
  const lines: string[] = [];
  let prev = firstPrev;
  for (let seq = 1; seq <= 10_001; seq += 1) {
    const sealed = sealRecord(callEntry(), { trail, seq, prev });
    lines.push(sealed.line);
    prev = sealed.hash;
  }
  expect(
    await check((f) => {
      f.clear();
      f.set(active, lines.slice(0, -1));
    }),
  ).toMatchObject({ ok: true });
  expect(
    (
      await check((f) => {
        f.clear();
        f.set(active, lines);
      })
    ).findings,
  ).toMatchObject([{ kind: "unsigned", seq: 10_001 }]);
});
