/** Records that are forced to the disk, and a disk that refuses them. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { closedName } from "../../../../src/audit/files/layout.ts";
import { gatewayEntry } from "../../../../src/audit/record.ts";
import { verifyTrail } from "../../../../src/audit/verify/verify.ts";
import { type AuditFile, type AuditFileOptions, openAuditFile } from "../../../../src/audit/write/audit-file.ts";
import { type AppendFile, openAppendFile } from "../../../../src/audit/write/file.ts";
import { createNoteSigner } from "../../../../src/crypto/note.ts";
import { callEntry } from "../entries.ts";

const day = 86_400_000;
const signer = createNoteSigner(Buffer.alloc(32, 1), () => "key-of-the-test");

let home = "";
let directory = "";
let path = "";
let clock = 0;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sallyport-forcing-"));
  directory = join(home, "audit");
  path = join(directory, "audit.jsonl");
  clock = Date.parse("2026-08-01T10:00:00.000Z");
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** Each record has a checkpoint behind it. */
const checkpoints = () => ({ signer, everyRecords: 1, everyMs: Infinity, path: join(home, "checkpoint") });

/** Each is signed a second after the last one, if there was a record. */
const timely = () => ({ ...checkpoints(), everyRecords: Infinity, everyMs: 1_000 });

function open(options: Partial<AuditFileOptions>): Promise<AuditFile> {
  return openAuditFile({ directory, forced: true, now: () => new Date(clock), healMs: day, ...options });
}

const linesIn = (file: string) => readFileSync(file, "utf8").split("\n").slice(0, -1);
const records = (file = path) => linesIn(file).map((line) => JSON.parse(line) as Record<string, unknown>);
const eventsIn = (file = path) => records(file).map(({ event }) => event);
const verify = () => verifyTrail(directory, { number: 1, whole: true }, { verifiers: [signer.verifier] });
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A file whose disk answers when it is told to. */
function slowDisk() {
  const disk = { forced: [] as PromiseWithResolvers<void>[], keepsAll: false };
  const openFile = (name: string): AppendFile => {
    const real = openAppendFile(name);
    return {
      ...real,
      syncData() {
        const forced = Promise.withResolvers<void>();
        disk.forced.push(forced);
        return forced.promise;
      },
      syncName: async () => {},
      truncate(sizeBytes) {
        if (disk.keepsAll) throw new Error("EIO");
        real.truncate(sizeBytes);
      },
    };
  };
  /** Resolves when something waits for the disk, which then answers. */
  const answer = async (error?: Error) => {
    while (disk.forced.length === 0) await turn();
    const forced = disk.forced.shift();
    if (error === undefined) forced?.resolve();
    else forced?.reject(error);
  };
  return { disk, openFile, answer };
}

async function appendOne(file: AuditFile, answer: () => Promise<void>): Promise<void> {
  const appended = file.append(callEntry());
  void answer();
  await appended;
}

async function untilWritten(count: number): Promise<void> {
  while (linesIn(path).length < count) await turn();
}

describe("a disk that takes its time", () => {
  test("has a record when its append resolves, and what came meanwhile is forced together", async () => {
    const { disk, openFile } = slowDisk();
    const sink = await open({ openFile });
    const resolved: string[] = [];
    const append = (id: string) => void sink.append(callEntry({ id })).then(() => resolved.push(id));
    append("a");
    await turn();
    append("b");
    append("c");
    await turn();
    expect(records().map(({ id }) => id)).toEqual([null, "a"]);
    expect(resolved).toEqual([]);
    disk.forced[0]?.resolve();
    await turn();
    expect(resolved).toEqual(["a"]);
    expect(records().map(({ id }) => id)).toEqual([null, "a", "b", "c"]);
    expect(disk.forced).toHaveLength(2);
    const closed = sink.close();
    disk.forced[1]?.resolve();
    await closed;
    expect(resolved).toEqual(["a", "b", "c"]);
    expect(await verify()).toMatchObject({ ok: true, stopped: true });
  });

  test("nobody hears of a record before it is there, nor has a checkpoint vouched for it", async () => {
    const { openFile, answer } = slowDisk();
    const heard: string[] = [];
    const onWritten = (lines: readonly string[]) => void heard.push(...lines);
    const sink = await open({ openFile, onWritten, checkpoints: checkpoints() });
    const [start] = heard.splice(0);
    const appended = sink.append(callEntry());
    await turn();
    expect([eventsIn(), heard, existsSync(join(home, "checkpoint"))]).toEqual([
      ["start", "request", "checkpoint"],
      [],
      false,
    ]);
    await answer();
    await appended;
    expect([start, ...heard]).toEqual(linesIn(path));
    expect(existsSync(join(home, "checkpoint"))).toBe(true);
    await sink.close();
  });

  test("nor of a checkpoint that is due with no record before it, and nothing is written behind that meanwhile", async () => {
    const { openFile, answer } = slowDisk();
    const heard: string[] = [];
    const onWritten = (lines: readonly string[]) => void heard.push(...lines);
    const sink = await open({ openFile, onWritten, lookMs: 1, checkpoints: timely() });
    await appendOne(sink, answer);
    clock += 1_000;
    await untilWritten(3);
    const behind = sink.append(callEntry());
    await turn();
    expect(eventsIn()).toEqual(["start", "request", "checkpoint"]);
    expect([heard.length, existsSync(join(home, "checkpoint"))]).toEqual([2, false]);
    await answer();
    void answer();
    await behind;
    expect([heard, existsSync(join(home, "checkpoint"))]).toEqual([linesIn(path), true]);
    await sink.close();
  });

  test("lets what has to be declared have its turn however much there is to record", async () => {
    const { openFile, answer } = slowDisk();
    const sink = await open({ openFile });
    let declared = false;
    const appends = [sink.append(callEntry())];
    await turn();
    const declaring = sink
      .declare(gatewayEntry("expired", new Date(clock).toISOString(), { file: "a" }))
      .then(() => (declared = true));
    for (let round = 0; round < 5 && !declared; round += 1) {
      appends.push(sink.append(callEntry()));
      await answer();
      await turn();
    }
    expect(declared).toBe(true);
    void answer();
    await Promise.all([declaring, ...appends]);
    await sink.close();
    expect(eventsIn()).toEqual(["start", "request", "expired", ...appends.slice(1).map(() => "request"), "stop"]);
    expect(await verify()).toMatchObject({ ok: true, stopped: true });
  });

  test("has the first record before anybody hears of it", async () => {
    const { openFile } = slowDisk();
    const heard: string[] = [];
    const onWritten = (lines: readonly string[]) => void heard.push(...lines);
    const sync = () => {
      throw new Error("EIO");
    };
    const opening = open({ openFile: (name) => ({ ...openFile(name), sync }), onWritten });
    await expect(opening).rejects.toThrow(/cannot be written: EIO/);
    expect(heard).toEqual([]);
    const sink = await open({});
    await sink.close();
    expect(await verify()).toMatchObject({ ok: true, stopped: true });
  });
});

describe("a disk that refuses", () => {
  const refused = new Error("EIO");

  test("refuses the call and takes its record back; once it takes something again, it is recorded how many there were", async () => {
    const { openFile, answer } = slowDisk();
    const failures: unknown[] = [];
    const heard: string[] = [];
    const onWritten = (lines: readonly string[]) => void heard.push(...lines);
    const onFailure = (error: unknown) => void failures.push(error);
    const sink = await open({ openFile, onFailure, onWritten, checkpoints: checkpoints() });
    const appends = ["a", "b"].map((id) => sink.append(callEntry({ id })));
    void answer(refused);
    for (const append of appends) await expect(append).rejects.toThrow(/could not be forced to the disk/);
    expect([sink.healthy, sink.missing, failures.length]).toEqual([false, 2, 1]);
    expect([eventsIn(), existsSync(join(home, "checkpoint"))]).toEqual([["start"], false]);
    const taken = sink.append(callEntry({ id: "c" }));
    void answer().then(() => answer());
    await taken;
    expect(sink.healthy).toBe(true);
    await sink.close();
    expect(records().map(({ event, id, note }) => [event, id ?? note])).toEqual([
      ["start", {}],
      ["request", "c"],
      ["checkpoint", {}],
      ["recovered", { missing: 2 }],
      ["checkpoint", {}],
      ["stop", {}],
      ["checkpoint", {}],
    ]);
    expect(heard).toEqual(linesIn(path));
    expect(await verify()).toMatchObject({ ok: true, stopped: true });
  });

  test("and keeps what it cannot have any more is written to again once that is gone", async () => {
    const { disk, openFile, answer } = slowDisk();
    const sink = await open({ openFile });
    disk.keepsAll = true;
    const first = sink.append(callEntry({ id: "a" }));
    void answer(refused);
    await expect(first).rejects.toThrow(/forced/);
    await expect(sink.append(callEntry({ id: "b" }))).rejects.toThrow(/could not be written/);
    disk.keepsAll = false;
    const third = sink.append(callEntry({ id: "c" }));
    void answer().then(() => answer());
    await third;
    await sink.close();
    expect(records().map(({ id, note }) => id ?? note)).toEqual([{}, "c", { missing: 2 }, {}]);
    expect(await verify()).toMatchObject({ ok: true, stopped: true });
  });

  test("the first records of another file has them begin it the next time", async () => {
    const { openFile, answer } = slowDisk();
    const sink = await open({ openFile, rotation: { maxBytes: Infinity, maxAgeMs: day } });
    clock += day;
    const first = sink.append(callEntry({ id: "a" }));
    void answer(refused);
    await expect(first).rejects.toThrow(/forced/);
    expect([eventsIn(join(directory, closedName(1, 1))), linesIn(path)]).toEqual([["start"], []]);
    const second = sink.append(callEntry({ id: "b" }));
    void answer().then(() => answer());
    await second;
    await sink.close();
    expect(eventsIn()).toEqual(["rotated", "request", "recovered", "stop"]);
    expect(await verify()).toMatchObject({ ok: true, records: 5 });
  });

  test("the record of what happens next keeps it from happening, and is not in the trail", async () => {
    const { openFile, answer } = slowDisk();
    const sink = await open({ openFile, checkpoints: checkpoints() });
    const declare = () => sink.declare(gatewayEntry("expired", new Date(clock).toISOString(), { file: "a" }));
    const first = declare();
    const behind = sink.append(callEntry());
    void answer(refused).then(() => answer());
    await expect(first).rejects.toThrow(/could not be forced to the disk/);
    await behind;
    expect(eventsIn()).toEqual(["start", "request", "checkpoint"]);
    const second = declare();
    void answer();
    await second;
    expect(eventsIn().slice(3)).toEqual(["expired", "checkpoint"]);
    await sink.close();
    expect(await verify()).toMatchObject({ ok: true, stopped: true });
  });

  test("a checkpoint alone has the chain go back to the record before it, and keeps calls from going on", async () => {
    const { openFile, answer } = slowDisk();
    const failures: unknown[] = [];
    const onFailure = (error: unknown) => void failures.push(error);
    const sink = await open({ openFile, onFailure, lookMs: 1, checkpoints: timely() });
    await appendOne(sink, answer);
    clock += 1_000;
    await untilWritten(3);
    await answer(refused);
    while (sink.healthy) await turn();
    expect([eventsIn(), failures.length, existsSync(join(home, "checkpoint"))]).toEqual([
      ["start", "request"],
      1,
      false,
    ]);
    await appendOne(sink, answer);
    expect([sink.healthy, eventsIn()]).toEqual([true, ["start", "request", "request", "checkpoint"]]);
    await sink.close();
    expect(await verify()).toMatchObject({ ok: true, stopped: true });
  });

  test("the last record before the end leaves nobody behind who tries to heal a file that is closed", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      const { openFile, answer } = slowDisk();
      const sink = await open({ openFile });
      const last = sink.append(callEntry());
      const closed = sink.close();
      void answer(refused);
      await expect(last).rejects.toThrow(/forced/);
      await closed;
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test("now and then: what was promised is in the trail once, what was not is in it nowhere and counted", async () => {
    const isRefused = fc.boolean();
    const turns = fc.array(fc.record({ calls: fc.nat(3), isRefused, days: fc.nat(1) }), { maxLength: 12 });
    const runs = fc.asyncProperty(turns, async (all) => {
      rmSync(home, { recursive: true, force: true });
      const { openFile, answer } = slowDisk();
      const heard: string[] = [];
      const rotation = { maxBytes: Infinity, maxAgeMs: day };
      const onWritten = (lines: readonly string[]) => void heard.push(...lines);
      const sink = await open({ openFile, onWritten, rotation, checkpoints: checkpoints() });
      const [kept, lost]: [string[], string[]] = [[], []];
      for (const [at, { calls, isRefused: refuses, days }] of all.entries()) {
        clock += days * day;
        const ids = Array.from({ length: calls }, (_, call) => `${at}-${call}`);
        const appends = ids.map((id) =>
          sink.append(callEntry({ id })).then(
            () => kept.push(id),
            () => lost.push(id),
          ),
        );
        if (calls > 0) await answer(refuses ? refused : undefined);
        await Promise.all(appends);
        // What is missing is told at once, and has to be forced as well.
        if (calls > 0 && !refuses && sink.missing > 0) await answer();
        await turn();
      }
      await sink.close();
      const report = await verify();
      const names = report.files.map((name) => join(directory, basename(name)));
      const told = names.flatMap((file) => records(file));
      const missing = told.map(({ note }) => (note as { missing?: number } | null)?.missing ?? 0);
      expect(report).toMatchObject({ ok: true, stopped: true });
      expect(told.flatMap(({ event, id }) => (event === "request" ? [id] : []))).toEqual(kept);
      expect(missing.reduce((sum, each) => sum + each, 0)).toBe(lost.length);
      expect(heard).toEqual(names.flatMap(linesIn));
    });
    await fc.assert(runs, { numRuns: 60 });
  });
});
