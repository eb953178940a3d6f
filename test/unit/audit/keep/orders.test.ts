import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createUnlock } from "../../../../src/audit/encryption/unsealing.ts";
import type { Vault } from "../../../../src/audit/encryption/vault.ts";
import { readHold } from "../../../../src/audit/keep/hold.ts";
import { leaveOrder, OrderDesk } from "../../../../src/audit/keep/order-desk.ts";
import { carryOut, findSealedFiles, type Order } from "../../../../src/audit/keep/orders.ts";
import { readRecords } from "../../../../src/audit/read/records.ts";
import { type AuditRecord, gatewayEntry } from "../../../../src/audit/record.ts";
import { verifyTrail } from "../../../../src/audit/verify/verify.ts";
import { type AuditFileOptions, openAuditFile } from "../../../../src/audit/write/audit-file.ts";
import { callEntry } from "../entries.ts";
import { openVault } from "../vaults.ts";

let parent = "";
let directory = "";
let vault: Vault;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "sallyport-orders-"));
  directory = join(parent, "audit");
  vault = openVault(join(parent, "state"));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const secret = "needle-in-the-file";
const startedMs = Date.parse("2026-08-01T10:00:00.000Z");
const minuteMs = 60_000;

/** A clock that goes on by a minute with every record, so that each file is older than the next. */
function clock() {
  let ms = startedMs;
  const now = () => new Date(ms);
  return { now, goOn: (byMs = minuteMs) => (ms += byMs) };
}

/** Writes a trail of encrypted files with one call in each but the last. */
async function writeTrail(files: number, options: Partial<AuditFileOptions> = {}) {
  const { now, goOn } = clock();
  const rotation = { maxBytes: Infinity, maxAgeMs: minuteMs };
  const sink = await openAuditFile({ directory, now, vault, encrypted: true, rotation, ...options });
  for (let file = 1; file <= files; file += 1) {
    await sink.append(
      callEntry({ id: `call-${file}`, args: { digest: "d", view: { secret } }, time: now().toISOString() }),
    );
    goOn();
  }
  await sink.append(callEntry({ id: "last", time: now().toISOString() }));
  const place = { directory, vault, now, declare: sink.declare.bind(sink) };
  return { sink, place, goOn, order: (order: Order) => carryOut(order, place) };
}

/** Resolves when a condition that files fulfil is fulfilled. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
}

async function read(): Promise<readonly AuditRecord[]> {
  const found = [];
  for await (const record of readRecords(
    directory,
    createUnlock(vault, () => {}),
  ))
    found.push(record);
  return found;
}

async function idsRead(): Promise<string> {
  return (await read()).flatMap(({ id }) => id ?? []).join(" ");
}

async function notesOf(event: string): Promise<readonly unknown[]> {
  return (await read()).filter((record) => record.event === event).map(({ note }) => note);
}

async function verified(): Promise<boolean> {
  return (await verifyTrail(directory, { number: 1, whole: true }, {})).ok;
}

/** All that is on the disk, keys included. */
function onDisk(): string {
  const files = readdirSync(parent, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1")).join("\n");
}

describe("an encrypted trail", () => {
  test("names a new key with each file and each start, and reads through all of them", async () => {
    const { sink } = await writeTrail(2);
    await sink.close();
    await (await openAuditFile({ directory, now: clock().now, vault, encrypted: true })).close();
    const keys = (await read()).flatMap(({ note }) => (note as { key?: string } | undefined)?.key ?? []);
    expect([new Set(keys).size, await idsRead(), await verified()]).toEqual([4, "call-1 call-2 last", true]);
    expect(onDisk()).not.toContain(secret);
  });

  test("goes on where it was in clear, and in clear where it was encrypted", async () => {
    for (const [id, encrypted] of [
      ["a", false],
      ["b", true],
      ["c", false],
    ] as const) {
      const sink = await openAuditFile({ directory, now: clock().now, vault, encrypted });
      await sink.append(callEntry({ id }));
      await sink.close();
    }
    expect([await idsRead(), await verified()]).toEqual(["a b c", true]);
  });

  test("is not begun where its key cannot be stored", async () => {
    writeFileSync(join(parent, "state"), "no directory");
    await expect(openAuditFile({ directory, now: clock().now, vault, encrypted: true })).rejects.toThrow(
      /could not be stored/,
    );
    expect(existsSync(join(directory, "audit.lock"))).toBe(false);
  });

  test("goes on in the file that it has where the key of the next one cannot be stored", async () => {
    const troubles: unknown[] = [];
    const { sink, goOn } = await writeTrail(1, { onTrouble: (error) => troubles.push(error) });
    rmSync(join(parent, "state", "audit-keys"), { recursive: true });
    writeFileSync(join(parent, "state", "audit-keys"), "no directory");
    goOn();
    await sink.append(callEntry({ id: "later" }));
    await sink.close();
    rmSync(join(parent, "state", "audit-keys"));
    expect([troubles.length, await notesOf("rotated"), await verified()]).toEqual([1, [expect.anything()], true]);
  });

  test("refuses the call of a person whose key cannot be stored, and no other", async () => {
    const { sink } = await writeTrail(1);
    rmSync(join(parent, "state", "audit-people"), { recursive: true });
    writeFileSync(join(parent, "state", "audit-people"), "no directory");
    const identity = { issuer: "corp", subject: "new", client: null, via: "jwt", groups: [] };
    await expect(sink.append(callEntry({ identity }))).rejects.toThrow("could not be stored");
    await sink.append(callEntry({ identity: null, id: "nobody" }));
    await sink.close();
    rmSync(join(parent, "state", "audit-people"));
    expect(await idsRead()).toMatch(/ nobody$/);
  });
});

describe("a key that somebody has taken away while it is written with", () => {
  const keys = () => join(parent, "state", "audit-keys");

  /** A trail whose gateway has noticed. */
  async function losing(options: Partial<AuditFileOptions> = {}) {
    const troubles: unknown[] = [];
    const onTrouble = (error: unknown) => troubles.push(error);
    const trail = await writeTrail(0, { lookMs: 1, onTrouble, ...options });
    rmSync(keys(), { recursive: true });
    await until(() => troubles.length > 0);
    return { ...trail, troubles };
  }

  test("is told once, and another file is begun with another key", async () => {
    const { sink, troubles } = await losing();
    await sink.append(callEntry({ id: "after" }));
    await sink.append(callEntry({ id: "later" }));
    await sink.close();
    expect(troubles).toEqual([expect.objectContaining({ message: expect.stringMatching(/the key of .* is gone/) })]);
    expect([await idsRead(), await verified()]).toEqual(["after later", true]);
    expect(await notesOf("rotated")).toEqual([expect.objectContaining({ cause: "key", key: expect.any(String) })]);
  });

  test("keeps records from being written while there can be no other one", async () => {
    const { sink } = await losing({ healMs: 1 });
    writeFileSync(keys(), "no directory");
    await expect(sink.append(callEntry({ id: "refused" }))).rejects.toThrow("has no key any more");
    expect(sink.healthy).toBe(false);
    rmSync(keys());
    await until(() => sink.healthy);
    await sink.append(callEntry({ id: "after" }));
    await sink.close();
    expect([await idsRead(), await notesOf("recovered"), await verified()]).toEqual(["after", [{ missing: 1 }], true]);
  });
});

describe("shredding", () => {
  test("destroys the keys of the files that are named, and nothing else", async () => {
    const { sink, order } = await writeTrail(3);
    const [first, second] = await findSealedFiles(directory, vault);
    await order({ action: "shred", files: [second?.name ?? ""] });
    await sink.close();
    expect([await idsRead(), await verified()]).toEqual(["call-1 call-3 last", true]);
    expect(await notesOf("shredded")).toEqual([
      { file: second?.name, trail: second?.trail, from: second?.from, to: second?.to, keys: second?.keys },
    ]);
    for (const key of second?.keys ?? [])
      expect(readdirSync(join(parent, "state", "audit-keys")).join()).not.toContain(key);
    expect((await findSealedFiles(directory, vault)).map(({ name }) => name)).toEqual([
      first?.name,
      expect.stringMatching(/^audit\.\d+\.jsonl$/),
    ]);
  });

  test.each([
    ["the file that is written", "audit.jsonl"],
    ["a file that is not there", "audit.000000000099.jsonl"],
    ["something elsewhere", "../state/audit-keys"],
  ])("refuses %s, and does nothing", async (_, name) => {
    const { sink, order } = await writeTrail(2);
    const [first] = await findSealedFiles(directory, vault);
    await expect(order({ action: "shred", files: [first?.name ?? "", name] })).rejects.toThrow(/no closed file/);
    await sink.close();
    expect([await idsRead(), await notesOf("shredded")]).toEqual(["call-1 call-2 last", []]);
  });

  test("leaves the keys of a file alone that was moved to an archive from behind it", async () => {
    const { sink, order } = await writeTrail(3);
    const [first, second] = await findSealedFiles(directory, vault);
    const archived = join(parent, "archived");
    renameSync(second?.path ?? "", archived);
    await order({ action: "shred", files: [first?.name ?? ""] });
    expect(await notesOf("shredded")).toEqual([expect.objectContaining({ to: first?.to, keys: first?.keys })]);
    expect((await findSealedFiles(directory, vault)).length).toBe(1);
    await sink.close();
    renameSync(archived, second?.path ?? "");
    expect([await idsRead(), await verified()]).toEqual(["call-2 call-3 last", true]);
  });

  test("is on record once, also where a file is named twice", async () => {
    const { sink, order } = await writeTrail(2);
    const [first] = await findSealedFiles(directory, vault);
    await order({ action: "shred", files: [first?.name ?? "", first?.name ?? ""] });
    await sink.close();
    expect((await notesOf("shredded")).length).toBe(1);
  });

  test("destroys nothing that cannot be recorded", async () => {
    const { sink, place } = await writeTrail(2);
    const [first] = await findSealedFiles(directory, vault);
    const declare = () => Promise.reject(new Error("no room"));
    await expect(carryOut({ action: "shred", files: [first?.name ?? ""] }, { ...place, declare })).rejects.toThrow(
      "no room",
    );
    await sink.close();
    expect(await idsRead()).toBe("call-1 call-2 last");
  });

  test("comes with retention: the keys go with the files", async () => {
    const { sink } = await writeTrail(2);
    await sink.close();
    const { now, goOn } = clock();
    goOn(90 * minuteMs);
    const keeping = { compress: true, retentionMs: 60 * minuteMs };
    const later = await openAuditFile({ directory, now, vault, keeping });
    await until(() => !readdirSync(directory).some((name) => /^audit\.\d+\./.test(name)));
    await later.close();
    // One of the file that was written last.
    expect([await idsRead(), readdirSync(join(parent, "state", "audit-keys")).length]).toEqual(["last", 1]);
  });
});

test("retention leaves the keys of a file alone that was moved to an archive", async () => {
  const { sink } = await writeTrail(3);
  const [, second] = await findSealedFiles(directory, vault);
  await sink.close();
  const archived = join(parent, "archived");
  renameSync(second?.path ?? "", archived);
  const { now, goOn } = clock();
  goOn(90 * minuteMs);
  const keeping = { compress: false, retentionMs: 60 * minuteMs };
  const later = await openAuditFile({ directory, now, vault, keeping });
  await until(() => !readdirSync(directory).some((name) => /^audit\.\d+\./.test(name)));
  await later.close();
  renameSync(archived, second?.path ?? "");
  expect(await idsRead()).toBe("call-2 last");
});

describe("erasing", () => {
  test("takes a person out of all files, once", async () => {
    const { sink, order } = await writeTrail(2);
    const person = vault.nameOf("corp", "ann");
    await order({ action: "erase", person });
    await expect(order({ action: "erase", person })).rejects.toThrow(/no key of this person/);
    await sink.close();
    const calls = (await read()).filter(({ event }) => event === "request");
    expect(calls.map(({ id, identity, person, args }) => [id, identity, person, args?.view])).toEqual(
      ["call-1", "call-2", "last"].map((id) => [id, null, person, undefined]),
    );
    expect([await notesOf("erased"), await verified()]).toEqual([[{ person }], true]);
  });
});

describe("a legal hold", () => {
  const hold = { action: "hold", reason: "case 7" } as const;

  test("keeps keys and files until it is lifted, and both are on record", async () => {
    const { sink, order, place } = await writeTrail(2);
    const [first] = await findSealedFiles(directory, vault);
    const shred = { action: "shred", files: [first?.name ?? ""] } as const;
    await order(hold);
    const since = place.now().toISOString();
    expect(await readHold(directory)).toEqual({ since, reason: "case 7" });
    const refusal = /there is a legal hold since .*: case 7/;
    await expect(order(shred)).rejects.toThrow(refusal);
    await expect(order({ action: "erase", person: vault.nameOf("corp", "ann") })).rejects.toThrow(refusal);
    await expect(order(hold)).rejects.toThrow(refusal);
    await order({ action: "lift" });
    await expect(order({ action: "lift" })).rejects.toThrow(/no legal hold/);
    await order(shred);
    await sink.close();
    expect(await idsRead()).toBe("call-2 last");
    expect(await notesOf("hold")).toEqual([
      { set: true, reason: "case 7" },
      { set: false, since },
    ]);
  });

  test.each<[string, (path: string) => void]>([
    ["as it is written", (path) => writeFileSync(path, '{"since":"2026-08-01","reason":"r"}')],
    ["by hand", (path) => writeFileSync(path, "by hand")],
    ["a link to nothing", (path) => symlinkSync(join(parent, "nothing"), path)],
    ["a directory", (path) => mkdirSync(path)],
    ["a FIFO", (path) => execFileSync("mkfifo", [path])],
  ])("stops retention, whatever its file is: %s", async (_, put) => {
    const { sink } = await writeTrail(2);
    await sink.close();
    put(join(directory, "hold.json"));
    const { now, goOn } = clock();
    goOn(90 * minuteMs);
    const keeping = { compress: true, retentionMs: minuteMs };
    const later = await openAuditFile({ directory, now, vault, keeping });
    // What is compressed was not deleted before.
    await until(() => !readdirSync(directory).some((name) => /^audit\.\d+\.jsonl$/.test(name)));
    await later.close();
    expect([await idsRead(), await notesOf("expired")]).toEqual(["call-1 call-2 last", []]);
  });
});

describe("orders that are left for a gateway", () => {
  const path = () => join(directory, "audit.order");
  const ordersThere = () => readdirSync(directory).filter((name) => name.startsWith("audit.order"));

  beforeEach(() => void mkdirSync(directory));

  /** Serves while the operator waits, as often as they look. */
  async function leave(order: Order, serve: () => Promise<unknown>): Promise<void> {
    await leaveOrder(path(), order, { patienceMs: 1_000, now: () => startedMs + 60 * minuteMs, pause: serve });
  }

  /** What an operator leaves, in other hands. */
  function slip(order: Order, untilMs = startedMs + 60 * minuteMs): string {
    return JSON.stringify({ id: randomUUID(), untilMs, order });
  }

  test("are carried out once, and answered", async () => {
    const { sink, place } = await writeTrail(1);
    const desk = new OrderDesk(path(), place);
    await leave({ action: "hold", reason: "r" }, () => desk.serve());
    await desk.serve();
    await expect(leave({ action: "hold", reason: "r" }, () => desk.serve())).rejects.toThrow(/there is a legal hold/);
    await sink.close();
    expect([(await notesOf("hold")).length, ordersThere()]).toEqual([1, []]);
  });

  test("are answered each, also where another one is left before the first has looked", async () => {
    const { sink, place } = await writeTrail(1);
    const desk = new OrderDesk(path(), place);
    const second = Promise.withResolvers<void>();
    const first = leave({ action: "hold", reason: "r" }, async () => {
      if (!existsSync(path())) return;
      await desk.serve();
      leave({ action: "lift" }, () => desk.serve()).then(second.resolve, second.reject);
      await until(() => !existsSync(path()));
    });
    await Promise.all([first, second.promise]);
    await sink.close();
    expect([(await notesOf("hold")).length, ordersThere()]).toEqual([2, []]);
  });

  test("wait one at a time", async () => {
    const waiting = leave({ action: "lift" }, async () => {
      await expect(leave({ action: "lift" }, async () => {})).rejects.toThrow(/another order waits/);
    });
    await expect(waiting).rejects.toThrow(/did not answer/);
  });

  test("are not carried out when whoever left them has gone", async () => {
    const { sink, place } = await writeTrail(1);
    writeFileSync(path(), slip({ action: "hold", reason: "r" }, place.now().getTime() - 1), { mode: 0o600 });
    await new OrderDesk(path(), place).serve();
    await sink.close();
    expect([await readHold(directory), await notesOf("hold")]).toEqual([null, []]);
  });

  test("say so where they were taken, and nobody knows what became of them", async () => {
    await expect(leave({ action: "lift" }, async () => rmSync(path(), { force: true }))).rejects.toThrow(
      /took the order and has not said/,
    );
  });

  const elsewhere = () => join(parent, "elsewhere");
  test.each<[string, (text: string) => void]>([
    [
      "a link to an order",
      (text) => {
        writeFileSync(elsewhere(), text, { mode: 0o600 });
        symlinkSync(elsewhere(), path());
      },
    ],
    ["a link to nothing", () => symlinkSync(elsewhere(), path())],
    ["a FIFO", () => execFileSync("mkfifo", [path()])],
    ["a directory", () => mkdirSync(path())],
    [
      "open to others",
      (text) => {
        writeFileSync(path(), text);
        chmodSync(path(), 0o622);
      },
    ],
    ["very long", (text) => writeFileSync(path(), text + " ".repeat(5_000_000), { mode: 0o600 })],
  ])("are thrown away where somebody else may have left them: %s", async (_, put) => {
    const { sink, place } = await writeTrail(1);
    put(slip({ action: "hold", reason: "r" }));
    const desk = new OrderDesk(path(), place);
    expect(desk.isWaitedAt).toBe(true);
    await expect(desk.serve()).rejects.toThrow(/was no order/);
    await sink.close();
    expect([await readHold(directory), desk.isWaitedAt]).toEqual([null, false]);
  });

  test.runIf(process.geteuid?.() === 0)("are thrown away where another user has left them", async () => {
    const { sink, place } = await writeTrail(1);
    writeFileSync(path(), slip({ action: "hold", reason: "r" }), { mode: 0o600 });
    chownSync(path(), 65_534, 65_534);
    await expect(new OrderDesk(path(), place).serve()).rejects.toThrow(/was no order/);
    await sink.close();
    expect(await readHold(directory)).toBe(null);
  });

  test("are taken back where nobody comes", async () => {
    await expect(leave({ action: "lift" }, async () => {})).rejects.toThrow(/did not answer/);
    expect(existsSync(path())).toBe(false);
  });

  test.each([
    "{",
    '{"id":"x","order":{"action":"lift"}}',
    '{"id":"6f6b7a52-5a2c-4c1e-9a39-0d6f0a3f6a10","order":{"action":"burn"}}',
  ])("are thrown away where nobody understands them: %s", async (text) => {
    const { sink, place } = await writeTrail(1);
    writeFileSync(path(), text);
    await expect(new OrderDesk(path(), place).serve()).rejects.toThrow();
    expect(existsSync(path())).toBe(false);
    await sink.append(gatewayEntry("recovered", place.now().toISOString()));
    await sink.close();
  });
});
