import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { appendFile, mkdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { firstPrev } from "../../../../src/audit/chain.ts";
import { AuditFault } from "../../../../src/audit/fault.ts";
import { verifyFiles } from "../../../../src/audit/verify/verify.ts";
import { type AuditFileOptions, openAuditFile } from "../../../../src/audit/write/audit-file.ts";
import { type AppendFile, openAppendFile } from "../../../../src/audit/write/file.ts";
import { callEntry } from "../entries.ts";

let parent = "";
let directory = "";
let path = "";
let lockPath = "";

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "sallyport-sink-"));
  directory = join(parent, "audit");
  path = join(directory, "audit.jsonl");
  lockPath = join(directory, "audit.lock");
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

const now = () => new Date("2026-08-01T10:00:00.000Z");

function open(options: Partial<AuditFileOptions> = {}) {
  return openAuditFile({ directory, now, ...options });
}

function lines(): string[] {
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

function records(): Record<string, unknown>[] {
  return lines().map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A file whose next writes can be made to fail. */
function faultyFile() {
  const faults: ((bytes: Uint8Array, real: AppendFile) => number)[] = [];
  const state = { writes: 0, brokenTruncate: false };
  const openFile = (name: string): AppendFile => {
    const real = openAppendFile(name);
    return {
      ...real,
      write(bytes) {
        state.writes += 1;
        const fault = faults.shift();
        return fault === undefined ? real.write(bytes) : fault(bytes, real);
      },
      truncate(sizeBytes) {
        if (state.brokenTruncate) throw new Error("EIO");
        real.truncate(sizeBytes);
      },
    };
  };
  const full = () => {
    throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  };
  const short = (bytes: Uint8Array, real: AppendFile) => real.write(bytes.subarray(0, 40));
  return { faults, state, openFile, full, short };
}

describe("writing", () => {
  test("start, records and stop form one chain", async () => {
    const sink = await open({ startNote: { version: "1.2.3" }, stopNote: { signal: "SIGTERM" } });
    await sink.append(callEntry({ id: "a" }));
    await sink.append(callEntry({ id: "b" }));
    await sink.close();
    expect(sink.path).toBe(path);
    expect(records().map(({ seq, event, id }) => [seq, event, id])).toEqual([
      [1, "start", null],
      [2, "request", "a"],
      [3, "request", "b"],
      [4, "stop", null],
    ]);
    expect(records()[0]).toMatchObject({
      prev: firstPrev,
      time: "2026-08-01T10:00:00.000Z",
      note: { version: "1.2.3" },
    });
    expect(records()[3]).toMatchObject({ note: { signal: "SIGTERM" } });
    expect(await verifyFiles([path])).toMatchObject({ ok: true, records: 4, stopped: true });
  });

  test("a record is in the file when append resolves", async () => {
    const sink = await open();
    await sink.append(callEntry({ id: "here" }));
    expect(records().at(-1)).toMatchObject({ id: "here" });
    await sink.close();
  });

  test("records of one turn go out in one write, in order", async () => {
    const { state, openFile } = faultyFile();
    const sink = await open({ openFile });
    const before = state.writes;
    const appends = ["a", "b", "c"].map((id) => sink.append(callEntry({ id })));
    await Promise.resolve();
    appends.push(sink.append(callEntry({ id: "d" })));
    expect(sink.queueLength).toBe(4);
    await Promise.all(appends);
    expect(sink.queueLength).toBe(0);
    expect(state.writes).toBe(before + 1);
    expect(
      records()
        .slice(1)
        .map(({ id }) => id),
    ).toEqual(["a", "b", "c", "d"]);
    await sink.close();
  });

  test("close writes what waits, and nothing is taken afterwards", async () => {
    const sink = await open();
    const waiting = sink.append(callEntry({ id: "last" }));
    const closing = sink.close();
    await expect(sink.append(callEntry())).rejects.toThrow(AuditFault);
    await Promise.all([waiting, closing, sink.close()]);
    expect(records().map(({ event }) => event)).toEqual(["start", "request", "stop"]);
  });

  test("an entry that cannot be written down fails alone, and is told as missing", async () => {
    const sink = await open();
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const bad = sink.append(callEntry({ args: { digest: "", view: cycle } }));
    const good = sink.append(callEntry({ id: "good" }));
    await expect(bad).rejects.toThrow(AuditFault);
    await good;
    expect(sink.healthy).toBe(true);
    await sink.close();
    expect(records().at(-2)).toMatchObject({ event: "recovered", note: { missing: 1 } });
    expect(await verifyFiles([path])).toMatchObject({ ok: true, records: 4 });
  });
});

describe("a disk that fails", () => {
  test.each(["full", "short"] as const)(
    "%s: the whole batch is rejected, nothing of it stays, and it heals",
    async (kind) => {
      const faulty = faultyFile();
      const failures: unknown[] = [];
      const sink = await open({ openFile: faulty.openFile, onFailure: (error) => failures.push(error) });
      await sink.append(callEntry({ id: "before" }));
      const good = readFileSync(path, "utf8");

      faulty.faults.push(faulty[kind], faulty[kind]);
      const batch = await Promise.allSettled([
        sink.append(callEntry({ id: "x" })),
        sink.append(callEntry({ id: "y" })),
      ]);
      expect(batch.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
      expect(sink.healthy).toBe(false);
      expect(readFileSync(path, "utf8")).toBe(good);
      await expect(sink.append(callEntry())).rejects.toThrow(AuditFault);
      expect(failures).toHaveLength(1);

      await sink.append(callEntry({ id: "after" }));
      expect(sink.healthy).toBe(true);
      await sink.close();
      expect(records().map(({ event, id }) => id ?? event)).toEqual(["start", "before", "after", "recovered", "stop"]);
      expect(records()[3]).toMatchObject({ note: { missing: 3 } });
      expect(await verifyFiles([path])).toMatchObject({ ok: true, records: 5 });
    },
  );

  test("it heals without anybody asking, and says so", async () => {
    const { faults, openFile, full } = faultyFile();
    const sink = await open({ openFile, healMs: 1 });
    faults.push(full, full, full);
    await expect(sink.append(callEntry({ id: "x" }))).rejects.toThrow(AuditFault);
    while (!sink.healthy) await new Promise((resolve) => setImmediate(resolve));
    expect(faults).toEqual([]);
    await sink.append(callEntry({ id: "after" }));
    await sink.close();
    expect(records().map(({ event }) => event)).toEqual(["start", "recovered", "request", "stop"]);
    expect(await verifyFiles([path])).toMatchObject({ ok: true });
  });

  test("what is missing is told by the record of the stop, where none came before it", async () => {
    const { faults, openFile, full } = faultyFile();
    const sink = await open({ openFile });
    faults.push(full);
    await expect(sink.append(callEntry())).rejects.toThrow(AuditFault);
    await sink.close();
    expect(records().at(-1)).toMatchObject({ event: "stop", note: { missing: 1 } });
  });

  test.each([
    ["is missing once with the one that stands for it", 2, ["start", "after", "recovered", "stop"], [1]],
    ["is not missing where the one that stands for it is there", 1, ["start", "again", "after", "stop"], []],
  ])("a record %s", async (_, failures, written, missing) => {
    const { faults, openFile, full } = faultyFile();
    const recoveries: true[] = [];
    const sink = await open({ openFile, onRecovered: () => recoveries.push(true) });
    for (let left = failures; left > 0; left -= 1) faults.push(full);
    await expect(sink.append(callEntry({ id: "first" }))).rejects.toThrow(AuditFault);
    await sink.append(callEntry({ id: "again" }), true).catch(() => {});
    await sink.append(callEntry({ id: "after" }));
    await sink.close();
    expect(records().map(({ event, id }) => id ?? event)).toEqual(written);
    const notes = records().filter(({ event }) => event === "recovered");
    expect(notes.map(({ note }) => (note as { missing: number }).missing)).toEqual(missing);
    expect(recoveries).toHaveLength(1);
  });

  test("half a record that cannot be taken back stays last until it can", async () => {
    const { faults, state, openFile, short } = faultyFile();
    const sink = await open({ openFile });
    state.brokenTruncate = true;
    faults.push(short);
    await expect(sink.append(callEntry({ id: "x" }))).rejects.toThrow(AuditFault);
    const torn = statSync(path).size;
    await expect(sink.append(callEntry({ id: "y" }))).rejects.toThrow(AuditFault);
    expect(statSync(path).size).toBe(torn);
    state.brokenTruncate = false;
    await sink.append(callEntry({ id: "z" }));
    await sink.close();
    expect(await verifyFiles([path])).toMatchObject({ ok: true, records: 4, declaredTorn: 0 });
  });

  test("a start record that cannot be written keeps the gateway from starting", async () => {
    const { faults, openFile, full } = faultyFile();
    faults.push(full);
    await expect(open({ openFile })).rejects.toThrow(AuditFault);
    expect(existsSync(lockPath)).toBe(false);
    await (await open()).close();
    expect(await verifyFiles([path])).toMatchObject({ ok: true, records: 2 });
  });

  test("a stop record that cannot be written still lets go of the directory", async () => {
    const { faults, openFile, full } = faultyFile();
    const sink = await open({ openFile });
    faults.push(full);
    await expect(sink.close()).rejects.toThrow(AuditFault);
    expect(existsSync(lockPath)).toBe(false);
  });

  test.each([
    ["deleted", () => rm(path)],
    ["emptied", () => truncate(path, 0)],
    ["written by another program", () => appendFile(path, "x\n")],
  ])("a file that was %s refuses calls", async (_what, disturb) => {
    const sink = await open();
    await sink.append(callEntry());
    await disturb();
    await expect(sink.append(callEntry())).rejects.toThrow(AuditFault);
    expect(sink.healthy).toBe(false);
    await expect(sink.close()).rejects.toThrow(AuditFault);
  });
});

describe("opening", () => {
  test("directory and file belong to their owner alone", async () => {
    await (await open()).close();
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test.each([0o640, 0o604, 0o620, 0o602])("a file of mode %o is refused", async (mode) => {
    await (await open()).close();
    chmodSync(path, mode);
    await expect(open()).rejects.toThrow(/chmod 600/);
  });

  test("a link or a directory in the file's place is refused", async () => {
    await mkdir(directory);
    writeFileSync(join(parent, "elsewhere"), "", { mode: 0o600 });
    symlinkSync(join(parent, "elsewhere"), path);
    await expect(open()).rejects.toThrow();
    rmSync(path);
    await mkdir(path);
    await expect(open()).rejects.toThrow();
    expect(readFileSync(join(parent, "elsewhere"), "utf8")).toBe("");
  });

  test("the next run continues the chain", async () => {
    await (await open()).close();
    await (await open()).close();
    expect(records().map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(await verifyFiles([path])).toMatchObject({ ok: true, records: 4 });
  });

  test("a long last record is found as well", async () => {
    const sink = await open();
    await sink.append(callEntry({ args: { digest: "", view: "x".repeat(300_000) } }));
    await sink.append(callEntry({ args: { digest: "", view: "y".repeat(65_536) } }));
    await sink.close();
    await (await open()).close();
    expect(await verifyFiles([path])).toMatchObject({ ok: true, records: 6 });
  });

  test.each([
    ["half a record", '{"v":1,"seq":3,"time":"2026'],
    ["zeros", "\0".repeat(9_000)],
    ["more than a chunk", "z".repeat(200_000)],
  ])("a torn tail of %s stays and is declared", async (_what, tail) => {
    await (await open()).close();
    writeFileSync(path, tail, { flag: "a" });
    expect(await verifyFiles([path])).toMatchObject({ ok: true, tornTail: { line: 3, bytes: tail.length } });
    await (await open()).close();
    expect(lines()[2]).toBe(tail);
    const start = JSON.parse(lines()[3] ?? "") as Record<string, unknown>;
    expect(start).toMatchObject({ event: "start", seq: 3, note: { torn: { bytes: tail.length } } });
    const report = await verifyFiles([path]);
    expect(report).toMatchObject({ ok: true, records: 4, declaredTorn: 1 });
    expect(report).not.toHaveProperty("tornTail");
  });

  test("a last record that was changed is evidence: nothing is written and nothing starts", async () => {
    await (await open()).close();
    const changed = readFileSync(path, "utf8").replace(/"stop"/, '"start"');
    writeFileSync(path, changed);
    await expect(open()).rejects.toThrow(/move the file away/);
    expect(readFileSync(path, "utf8")).toBe(changed);
    expect(existsSync(lockPath)).toBe(false);
  });

  test("a file that is no audit file is not added to", async () => {
    await mkdir(directory);
    writeFileSync(path, "hello\n".repeat(40), { mode: 0o600 });
    await expect(open()).rejects.toThrow(/move the file away/);
  });
});

describe("the lock", () => {
  const ownLock = new RegExp(`^${process.pid}(?: \\d+)?\n$`);

  test("it names this process and goes with it", async () => {
    const sink = await open();
    expect(readFileSync(lockPath, "utf8")).toMatch(ownLock);
    await sink.close();
    expect(existsSync(lockPath)).toBe(false);
  });

  test("a living process keeps others out, and is named", async () => {
    await mkdir(directory);
    writeFileSync(lockPath, `${process.ppid}\n`);
    await expect(open()).rejects.toThrow(new RegExp(`process ${process.ppid} .*audit\\.lock`));
    expect(readFileSync(lockPath, "utf8")).toBe(`${process.ppid}\n`);
  });

  test("the lock of a dead process, or of a former one with our id, is taken over", async () => {
    const dead = spawnSync(process.execPath, ["-e", ""]).pid;
    await mkdir(directory);
    for (const holder of [dead, process.pid]) {
      writeFileSync(lockPath, `${holder}\n`);
      const sink = await open();
      expect(readFileSync(lockPath, "utf8")).toMatch(ownLock);
      await sink.close();
    }
  });

  test.runIf(process.platform === "linux")("whoever has the id of a dead process is not taken for it", async () => {
    await mkdir(directory);
    const began = readFileSync(`/proc/${process.ppid}/stat`, "latin1").split(" ").at(21);
    writeFileSync(lockPath, `${process.ppid} ${began}\n`);
    await expect(open()).rejects.toThrow(`process ${process.ppid} `);
    writeFileSync(lockPath, `${process.ppid} 1\n`);
    const sink = await open();
    expect(readFileSync(lockPath, "utf8")).toMatch(ownLock);
    await sink.close();
    expect(existsSync(lockPath)).toBe(false);
  });

  test.each(["", "not a pid", "99999999999999"])("a lock that says %j is refused", async (text) => {
    await mkdir(directory);
    writeFileSync(lockPath, text);
    await expect(open()).rejects.toThrow(/delete it if no gateway/);
  });
});
