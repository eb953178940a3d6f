import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
import { type AuditSinkOptions, openAuditSink } from "../../../../src/audit/write/sink.ts";
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
async function writeTrail(files: number, options: Partial<AuditSinkOptions> = {}) {
  const { now, goOn } = clock();
  const rotation = { maxBytes: Infinity, maxAgeMs: minuteMs };
  const sink = await openAuditSink({ directory, now, vault, encrypted: true, rotation, ...options });
  for (let file = 1; file <= files; file += 1) {
    await sink.append(
      callEntry({ id: `call-${file}`, args: { digest: "d", view: { secret } }, time: now().toISOString() }),
    );
    goOn();
  }
  await sink.append(callEntry({ id: "last", time: now().toISOString() }));
  const place = { directory, vault, now, append: sink.append.bind(sink) };
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
    await (await openAuditSink({ directory, now: clock().now, vault, encrypted: true })).close();
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
      const sink = await openAuditSink({ directory, now: clock().now, vault, encrypted });
      await sink.append(callEntry({ id }));
      await sink.close();
    }
    expect([await idsRead(), await verified()]).toEqual(["a b c", true]);
  });

  test("is not begun where its key cannot be stored", async () => {
    writeFileSync(join(parent, "state"), "no directory");
    await expect(openAuditSink({ directory, now: clock().now, vault, encrypted: true })).rejects.toThrow(
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
    await expect(sink.append(callEntry({ identity }))).rejects.toThrow("could not be made");
    await sink.append(callEntry({ identity: null, id: "nobody" }));
    await sink.close();
    rmSync(join(parent, "state", "audit-people"));
    expect(await idsRead()).toMatch(/ nobody$/);
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

  test("destroys nothing that cannot be recorded", async () => {
    const { sink, place } = await writeTrail(2);
    const [first] = await findSealedFiles(directory, vault);
    const append = () => Promise.reject(new Error("no room"));
    await expect(carryOut({ action: "shred", files: [first?.name ?? ""] }, { ...place, append })).rejects.toThrow(
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
    const later = await openAuditSink({ directory, now, vault, keeping });
    await until(() => !readdirSync(directory).some((name) => /^audit\.\d+\./.test(name)));
    await later.close();
    // One of the file that was written last.
    expect([await idsRead(), readdirSync(join(parent, "state", "audit-keys")).length]).toEqual(["last", 1]);
  });
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

  test.each(['{"since":"2026-08-01","reason":"r"}', "by hand"])(
    "stops retention, whatever its file says: %s",
    async (text) => {
      const { sink } = await writeTrail(2);
      await sink.close();
      writeFileSync(join(directory, "hold.json"), text);
      const { now, goOn } = clock();
      goOn(90 * minuteMs);
      const keeping = { compress: true, retentionMs: minuteMs };
      const later = await openAuditSink({ directory, now, vault, keeping });
      // What is compressed was not deleted before.
      await until(() => !readdirSync(directory).some((name) => /^audit\.\d+\.jsonl$/.test(name)));
      await later.close();
      expect([await idsRead(), await notesOf("expired")]).toEqual(["call-1 call-2 last", []]);
    },
  );
});

describe("orders that are left for a gateway", () => {
  const path = () => join(parent, "state", "audit.order");

  /** Serves while the operator waits, as often as they look. */
  async function leave(order: Order, serve: () => Promise<unknown>): Promise<void> {
    vault.drawFileKey("aaaaaaaaaaaa", 1);
    await leaveOrder(path(), order, 1_000, serve);
  }

  test("are carried out once, and answered", async () => {
    const { sink, place } = await writeTrail(1);
    const desk = new OrderDesk(path(), place);
    await leave({ action: "hold", reason: "r" }, () => desk.serve());
    await desk.serve();
    await expect(leave({ action: "hold", reason: "r" }, () => desk.serve())).rejects.toThrow(/there is a legal hold/);
    await sink.close();
    expect([(await notesOf("hold")).length, existsSync(path()), existsSync(`${path()}.answer`)]).toEqual([
      1,
      false,
      false,
    ]);
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
