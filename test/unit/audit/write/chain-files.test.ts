import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AuditFault } from "../../../../src/audit/fault.ts";
import { closedName, readFileName } from "../../../../src/audit/files/layout.ts";
import { readRecords } from "../../../../src/audit/read/records.ts";
import { findTrails, verifyFiles, verifyTrail } from "../../../../src/audit/verify/verify.ts";
import { type AuditFileOptions, openAuditFile } from "../../../../src/audit/write/audit-file.ts";
import { openAppendFile } from "../../../../src/audit/write/file.ts";
import { createNoteSigner } from "../../../../src/crypto/note.ts";
import { callEntry } from "../entries.ts";

let directory = "";
let clock = Date.parse("2026-08-01T10:00:00.000Z");
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sallyport-segments-"));
  clock = Date.parse("2026-08-01T10:00:00.000Z");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const day = 86_400_000;
const now = () => new Date(clock);
const never = { maxBytes: Infinity, maxAgeMs: Infinity };
const keep = { compress: false, retentionMs: null };

const open = (options: Partial<AuditFileOptions> = {}) =>
  openAuditFile({ directory, now, rotation: { maxBytes: 1, maxAgeMs: Infinity }, keeping: keep, ...options });

const files = () => readdirSync(directory).toSorted();

async function verify() {
  return verifyTrail(directory, { number: 1, whole: true }, {});
}

async function recordsOf(): Promise<
  { seq: number; event: string; note?: Readonly<Record<string, unknown>> | undefined }[]
> {
  const found = [];
  for await (const { seq, event, note } of readRecords(directory)) found.push({ seq, event, note });
  return found;
}

/** Resolves when a condition that files fulfil is fulfilled. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
}

describe("closing files", () => {
  test("a file that is large enough is closed before the next record, and the chain goes on", async () => {
    const sink = await open();
    await sink.append(callEntry({ id: "a" }));
    await sink.append(callEntry({ id: "b" }));
    await sink.close();
    expect(files()).toEqual([closedName(1, 1), closedName(1, 2), closedName(1, 4), "audit.jsonl"]);
    expect(await recordsOf()).toEqual([
      { seq: 1, event: "start", note: {} },
      { seq: 2, event: "rotated", note: { cause: "size", previous: closedName(1, 1) } },
      { seq: 3, event: "request" },
      { seq: 4, event: "rotated", note: { cause: "size", previous: closedName(1, 2) } },
      { seq: 5, event: "request" },
      { seq: 6, event: "rotated", note: { cause: "size", previous: closedName(1, 4) } },
      { seq: 7, event: "stop", note: {} },
    ]);
    expect(await verify()).toMatchObject({ ok: true, records: 7, firstSeq: 1, lastSeq: 7, stopped: true });
    for (const name of files()) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
  });

  test("so is one whose first record is old enough, counted from that record after a restart as well", async () => {
    const rotation = { maxBytes: Infinity, maxAgeMs: day };
    await (await open({ rotation })).close();
    clock += day - 1;
    const sink = await open({ rotation });
    await sink.append(callEntry());
    expect(files()).toEqual(["audit.jsonl", "audit.lock"]);
    clock += 1;
    await sink.append(callEntry());
    await sink.close();
    expect(files()).toEqual([closedName(1, 1), "audit.jsonl"]);
    expect(await verify()).toMatchObject({ ok: true, stopped: true });
  });

  test("each closed file verifies alone, as does the active one", async () => {
    const sink = await open();
    await sink.append(callEntry());
    await sink.close();
    for (const name of files()) {
      expect(await verifyFiles([join(directory, name)], { extent: "file" })).toMatchObject({ ok: true, findings: [] });
    }
  });

  test("a checkpoint stands right behind the record that it signs, though the file is large enough to be closed", async () => {
    const signer = createNoteSigner(Buffer.alloc(32, 1), () => "key");
    const checkpoints = { signer, everyRecords: 1, everyMs: Infinity, path: join(directory, "checkpoint") };
    const sink = await open({ checkpoints });
    await sink.append(callEntry());
    await sink.close();
    expect((await recordsOf()).map(({ event }) => event)).toEqual([
      ...["start", "rotated", "request", "checkpoint", "rotated", "stop", "checkpoint"],
    ]);
    const report = await verifyTrail(directory, { number: 1, whole: true }, { verifiers: [signer.verifier] });
    expect(report).toMatchObject({ ok: true, signed: { checkpoints: 2, throughSeq: 6 }, stopped: true });
  });

  test("where it cannot be closed it is written on, and tried again a minute later", async () => {
    const troubles: unknown[] = [];
    const sink = await open({ onTrouble: (error) => troubles.push(error) });
    writeFileSync(join(directory, closedName(1, 1)), "in the way");
    await sink.append(callEntry());
    await sink.append(callEntry());
    expect([troubles.length, sink.healthy]).toEqual([1, true]);
    rmSync(join(directory, closedName(1, 1)));
    clock += 60_000;
    await sink.append(callEntry());
    await sink.close();
    expect(files()).toContain(closedName(1, 1));
    expect(await verify()).toMatchObject({ ok: true, records: 7 });
  });

  test("one whose successor could not take its name, it having a second one by then, is closed a minute later", async () => {
    const troubles: string[] = [];
    let isRemoved = false;
    const openFile = (path: string) => {
      const file = openAppendFile(path);
      // Somebody tidies up.
      if (path.endsWith(".new") && !isRemoved) rmSync(path);
      isRemoved ||= path.endsWith(".new");
      return file;
    };
    const sink = await open({ openFile, onTrouble: (error) => troubles.push(String(error)) });
    await sink.append(callEntry());
    expect(troubles).toEqual([expect.stringContaining("ENOENT")]);
    expect(files()).toEqual(["audit.jsonl", "audit.lock"]);
    clock += 60_000;
    await sink.append(callEntry());
    await sink.close();
    expect(troubles).toHaveLength(1);
    expect(files()).toContain(closedName(1, 1));
    expect(await verify()).toMatchObject({ ok: true });
  });

  test("where records are forced to the disk, so is all of a file before it is closed, and the name of the next one", async () => {
    const forced: string[] = [];
    const openFile = (path: string) => {
      const real = openAppendFile(path);
      const force = { sync: () => forced.push("file"), syncData: async () => void forced.push("data") };
      return { ...real, ...force, syncName: async () => void forced.push("name") };
    };
    const once = { maxBytes: Infinity, maxAgeMs: day };
    const sink = await open({ forced: true, openFile, rotation: once });
    await sink.append(callEntry());
    await sink.append(callEntry());
    expect(forced.splice(0)).toEqual(["file", "data", "name", "data"]);
    clock += day;
    await sink.append(callEntry());
    expect(forced.splice(0)).toEqual(["file", "data", "name"]);
    await sink.append(callEntry());
    expect(forced).toEqual(["data"]);
    await sink.close();
  });

  test("what was to be said in a new file is said when it can be written", async () => {
    let isFull = false;
    const openFile = (path: string) => {
      const real = openAppendFile(path);
      return {
        ...real,
        write: (bytes: Uint8Array) => {
          if (isFull) throw new Error("ENOSPC");
          return real.write(bytes);
        },
      };
    };
    const sink = await open({ openFile });
    isFull = true;
    await expect(sink.append(callEntry())).rejects.toThrow(AuditFault);
    isFull = false;
    await sink.append(callEntry());
    await sink.close();
    expect((await recordsOf()).map(({ event }) => event)).toContain("rotated");
    expect(await verify()).toMatchObject({ ok: true });
  });
});

describe("starting", () => {
  test("behind a closed file when the active one is gone, compressed or not", async () => {
    for (const compress of [false, true]) {
      const sink = await open();
      await sink.append(callEntry());
      await sink.close();
      const last = files().at(-2) ?? "";
      rmSync(join(directory, "audit.jsonl"));
      if (compress) {
        writeFileSync(join(directory, `${last}.gz`), gzipSync(readFileSync(join(directory, last))), { mode: 0o600 });
        rmSync(join(directory, last));
      }
      await (await open({ rotation: never })).close();
      // The records of the file that is gone are gone; the chain goes on behind what there is.
      expect(await verify()).toMatchObject({ ok: true, stopped: true });
    }
  });

  test("not behind a closed file that was changed", async () => {
    await (await open()).close();
    const path = join(directory, closedName(1, 1));
    rmSync(join(directory, "audit.jsonl"));
    writeFileSync(path, readFileSync(path, "utf8").replace("start", "stop"));
    await expect(open()).rejects.toThrow(/does not verify/);
  });

  test("after a crash between the two names of a closed file", async () => {
    await (await open({ rotation: never })).close();
    linkSync(join(directory, "audit.jsonl"), join(directory, closedName(1, 1)));
    writeFileSync(join(directory, "audit.jsonl.new"), "");
    await (await open({ rotation: never })).close();
    expect(files()).toEqual(["audit.jsonl"]);
    expect(await verify()).toMatchObject({ ok: true, records: 4 });
  });

  test("after each of two crashes before the first record of a new file, so that a closed one begins with a start", async () => {
    const active = join(directory, "audit.jsonl");
    const crash = (first: number) => {
      renameSync(active, join(directory, closedName(1, first)));
      writeFileSync(active, "", { mode: 0o600 });
    };
    await (await open({ rotation: never })).close();
    crash(1);
    await (await open({ rotation: never })).close();
    crash(3);
    await (await open({ rotation: never })).close();
    expect((await recordsOf()).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await verify()).toMatchObject({ ok: true, records: 6 });
    // Its name is that of any other active file, so by itself it might have lost its beginning.
    const [finding] = (await verifyFiles([active], { extent: "file" })).findings;
    expect(finding?.text).toBe(
      "records 1 to 4 are missing before record 5, and no record says that their time was over. " +
        "A file by itself cannot tell why: verify its directory.",
    );
    expect(await verifyFiles([join(directory, closedName(1, 3))], { extent: "file" })).toMatchObject({ ok: true });
    renameSync(join(directory, closedName(1, 3)), join(directory, closedName(1, 2)));
    expect(await verifyFiles([join(directory, closedName(1, 2))], { extent: "file" })).toMatchObject({ ok: false });
  });

  test("several trails of one directory have files of their own", async () => {
    for (const trail of [1, 2]) await (await open({ trail })).close();
    const found = await findTrails(directory);
    const reports = await Promise.all(found.map((trail) => verifyTrail(directory, trail, {})));
    expect(reports.map((report) => report.files.length)).toEqual([2, 2]);
  });
});

describe("a file that somebody took away", () => {
  test("was moved: the chain goes on in a new one, and both together are whole", async () => {
    const sink = await open({ rotation: never, lookMs: 1 });
    await sink.append(callEntry());
    renameSync(sink.path, join(directory, "audit.old"));
    await until(() => files().includes("audit.jsonl"));
    await sink.append(callEntry());
    await sink.close();
    expect((await recordsOf())[0]).toEqual({ seq: 3, event: "rotated", note: { cause: "moved" } });
    expect(await verify()).toMatchObject({ ok: false, findings: [{ kind: "missing", seq: 3 }] });
    const both = [join(directory, "audit.old"), sink.path];
    expect(await verifyFiles(both)).toMatchObject({ ok: true, records: 5 });
  });

  test("was deleted: the new one says which records are lost", async () => {
    const sink = await open({ rotation: never, lookMs: 1 });
    await sink.append(callEntry());
    rmSync(sink.path);
    await until(() => files().includes("audit.jsonl"));
    await sink.append(callEntry());
    await sink.close();
    expect((await recordsOf())[0]?.note).toEqual({ cause: "deleted", lost: { from: 1, to: 2 } });
    expect(await verify()).toMatchObject({ ok: false, findings: [{ kind: "missing", seq: 3 }] });
  });

  test("was replaced by one with something in it: calls are refused until it is gone", async () => {
    const troubles: unknown[] = [];
    const sink = await open({ rotation: never, lookMs: 1, healMs: 1, onTrouble: (error) => troubles.push(error) });
    rmSync(sink.path);
    writeFileSync(sink.path, "something else\n", { mode: 0o600 });
    await expect(sink.append(callEntry())).rejects.toThrow(AuditFault);
    await until(() => troubles.length > 0);
    expect(String(troubles[0])).toContain("was replaced by another file");
    rmSync(sink.path);
    await until(() => sink.healthy);
    await sink.close();
    expect((await recordsOf()).map(({ event }) => event)).toEqual(["rotated", "recovered", "stop"]);
  });

  test.each(["moved", "deleted"])(
    "with its directory, which was %s: once it is said, and once that it is over",
    async (how) => {
      const said: string[] = [];
      const tries: string[] = [];
      const sink = await open({
        ...{ rotation: never, lookMs: 1, healMs: 1 },
        onTrouble: () => said.push("trouble"),
        onReclaimed: () => said.push("over"),
        openFile: (path) => {
          tries.push(path);
          return openAppendFile(path);
        },
      });
      for (const round of [1, 2]) {
        if (how === "moved") renameSync(directory, `${directory}.${round}`);
        else rmSync(directory, { recursive: true });
        const before = tries.length;
        await until(() => tries.length > before + 3);
        mkdirSync(directory, { mode: 0o700 });
        await until(() => files().includes("audit.jsonl"));
        await until(() => said.length === 2 * round);
        rmSync(`${directory}.${round}`, { recursive: true, force: true });
      }
      await sink.append(callEntry());
      await sink.close();
      expect(said).toEqual(["trouble", "over", "trouble", "over"]);
    },
  );
});

describe("keeping", () => {
  test("closed files are compressed, and read and verified as before", async () => {
    const sink = await open({ keeping: { compress: true, retentionMs: null } });
    await sink.append(callEntry());
    await until(() => files().includes(`${closedName(1, 1)}.gz`) && !files().includes(closedName(1, 1)));
    const packed = join(directory, `${closedName(1, 1)}.gz`);
    expect(gunzipSync(readFileSync(packed)).toString()).toContain('"event":"start"');
    expect(statSync(packed).mode & 0o777).toBe(0o600);
    await sink.close();
    expect(await verify()).toMatchObject({ ok: true, records: 5, stopped: true });
    expect((await recordsOf()).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  });

  test("files whose time is over are deleted, oldest first, and a record says so", async () => {
    const keeping = { compress: false, retentionMs: 30 * day };
    const sink = await open({ keeping });
    clock += 10 * day;
    await sink.append(callEntry());
    clock += 10 * day;
    await sink.append(callEntry());
    await sink.close();
    expect(files()).toHaveLength(4);
    // The first file is older than thirty days when the first record of the second is.
    clock += 25 * day;
    const signer = createNoteSigner(Buffer.alloc(32, 1), () => "key");
    const checkpoints = { signer, everyRecords: Infinity, everyMs: Infinity, path: join(directory, "checkpoint") };
    const later = await open({ keeping, rotation: never, checkpoints });
    await until(() => !files().includes(closedName(1, 1)));
    await later.close();
    // With its checkpoint, so on the disk before the file goes: a loss of power could take the record alone.
    expect((await recordsOf()).map(({ event }) => event).slice(-4)).toEqual([
      ...["expired", "checkpoint", "stop", "checkpoint"],
    ]);
    const hash = (
      JSON.parse(readFileSync(join(directory, closedName(1, 2)), "utf8").split("\n")[0] ?? "") as { prev: string }
    ).prev;
    const note = { file: closedName(1, 1), from: 1, to: 1, hash };
    expect((await recordsOf()).find(({ event }) => event === "expired")?.note).toEqual(note);
    expect(await verify()).toMatchObject({ ok: true, firstSeq: 2, findings: [] });
  });

  test("a deleted file that no record speaks of is missing", async () => {
    const sink = await open();
    await sink.append(callEntry());
    await sink.close();
    rmSync(join(directory, closedName(1, 1)));
    expect(await verify()).toMatchObject({
      ok: false,
      findings: [{ kind: "missing", file: closedName(1, 2), line: 1 }],
    });
    rmSync(join(directory, closedName(1, 2)));
    expect((await verify()).findings[0]?.text).toContain("records 1 to 3 are missing before record 4");
  });

  test("what is worked at when the gateway ends is taken up by the next start", async () => {
    await (await open({ rotation: never })).close();
    const keeping = { compress: true, retentionMs: null };
    await (await open({ keeping })).close();
    await (await open({ keeping, rotation: never })).close();
    const sink = await open({ keeping, rotation: never });
    await until(
      () => files().filter((name) => name.endsWith(".gz")).length === 1 && !files().includes(closedName(1, 1)),
    );
    await sink.close();
    expect(await verify()).toMatchObject({ ok: true });
  });
});

describe("a directory with the name of a draft", () => {
  /** Three closed files, and after forty days a gateway that is to keep thirty, or compress them. */
  async function keepLater(keeping: NonNullable<AuditFileOptions["keeping"]>, inTheWay: string) {
    const sink = await open();
    await sink.append(callEntry());
    await sink.append(callEntry());
    await sink.close();
    mkdirSync(join(directory, inTheWay, "somebody's"), { recursive: true });
    clock += 40 * day;
    const troubles: string[] = [];
    const onTrouble = (error: unknown) => void troubles.push(String(error));
    const later = await open({ keeping, rotation: never, onTrouble });
    return { later, troubles };
  }

  test.each([".new", ".gz.new"])(
    "keeps no file from being deleted when its time is over, and is told: %s",
    async (end) => {
      const inTheWay = `${closedName(1, 2)}${end}`;
      const { later, troubles } = await keepLater({ compress: false, retentionMs: 30 * day }, inTheWay);
      await until(() => !files().includes(closedName(1, 2)));
      await later.close();
      expect(files()).toEqual([inTheWay, closedName(1, 4), "audit.jsonl"]);
      expect(troubles).toEqual([expect.stringContaining(inTheWay)]);
    },
  );

  test("keeps no other file from being compressed", async () => {
    const inTheWay = `${closedName(1, 2)}.gz.new`;
    const { later } = await keepLater({ compress: true, retentionMs: null }, inTheWay);
    await until(() => files().includes(`${closedName(1, 4)}.gz`) && !files().includes(closedName(1, 4)));
    await later.close();
    expect(files()).toEqual([
      `${closedName(1, 1)}.gz`,
      closedName(1, 2),
      inTheWay,
      `${closedName(1, 4)}.gz`,
      "audit.jsonl",
    ]);
    expect(await verify()).toMatchObject({ ok: true });
  });
});

describe("names", () => {
  test.each([
    ["audit.jsonl", { trail: 1, firstSeq: null, compressed: false }],
    ["audit-12.jsonl", { trail: 12, firstSeq: null, compressed: false }],
    ["audit.000000000001.jsonl", { trail: 1, firstSeq: 1, compressed: false }],
    ["audit-2.000000001000.jsonl.gz", { trail: 2, firstSeq: 1000, compressed: true }],
    ["audit.jsonl.gz", undefined],
    ["audit.1.jsonl", undefined],
    ["audit-1.jsonl", undefined],
    ["audit-02.jsonl", undefined],
    ["audit.jsonl.new", undefined],
    ["audit.lock", undefined],
    ["xaudit.jsonl", undefined],
  ])("%s", (name, read) => {
    expect(readFileName(name)).toEqual(read === undefined ? undefined : { name, ...read });
  });
});
