import type { KeyObject } from "node:crypto";
import { once } from "node:events";
import { linkSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { firstPrev, openRecord, sealRecord } from "../../../../src/audit/chain.ts";
import { createSealer } from "../../../../src/audit/encryption/sealing.ts";
import { createUnlock, type SealedReason } from "../../../../src/audit/encryption/unsealing.ts";
import type { FileKey, Vault } from "../../../../src/audit/encryption/vault.ts";
import { LineSplitter } from "../../../../src/audit/files/lines.ts";
import { type AuditLine, readLines } from "../../../../src/audit/read/records.ts";
import { type AuditEntry, gatewayEntry, gatewayEvents } from "../../../../src/audit/record.ts";
import { callEntry, placeOf, trail } from "../entries.ts";
import { openVault } from "../vaults.ts";

let directory = "";
let vault: Vault;
let key: FileKey;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sallyport-sealing-"));
  vault = openVault(directory);
  key = vault.drawFileKey(trail, 1);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const time = "2026-08-01T10:00:00.000Z";
const denied = { ...callEntry().decision, reason: "policy_denied", detail: "ann asked for Berlin" } as const;

function seal(entry: AuditEntry, seq = 1): string {
  return sealRecord(entry, placeOf(seq), createSealer(vault, key)).line;
}

function read(text: string): AuditLine {
  const [line] = readLines(new LineSplitter().read(Buffer.from(`${text}\n`)));
  if (line === undefined) throw new Error(`no record: ${text}`);
  return line;
}

/** Reads a line with a vault, and says why something stayed sealed. */
function unlock(text: string, keys = vault): { line: AuditLine; sealed: SealedReason[] } {
  const sealed: SealedReason[] = [];
  return { line: createUnlock(keys, (reason) => sealed.push(reason))(read(text)), sealed };
}

function keyFiles(kind: "audit-keys" | "audit-people"): string[] {
  return readdirSync(join(directory, kind));
}

describe("a sealed record", () => {
  test("shows its place, time and event, and is sound in the chain", () => {
    const text = seal(callEntry({ decision: denied }));
    expect(Object.keys(JSON.parse(text))).toEqual(["v", "trail", "seq", "time", "event", "sealed", "prev", "hash"]);
    expect(openRecord(Buffer.from(text))).toMatchObject({ state: "sound", trail, seq: 1, event: "request", time });
  });

  test("reads as it would in clear, with what it calls the person", () => {
    const entry = callEntry({ decision: { ...denied, shadow: { effect: "allow", rule: "r", policy: "p:1" } } });
    const { line, sealed } = unlock(seal(entry));
    const { person, hash, ...found } = JSON.parse(line.text);
    const { hash: _, ...clear } = JSON.parse(sealRecord(entry, placeOf()).line);
    expect([JSON.stringify(found), sealed]).toEqual([JSON.stringify(clear), []]);
    expect([person, hash]).toEqual([vault.nameOf("corp", "ann"), expect.stringMatching(/^[0-9a-f]{64}$/)]);
  });

  test("of nobody needs no person's key", () => {
    const entry = callEntry({ identity: null, args: null });
    const { line, sealed } = unlock(seal(entry));
    expect([line.record.id, line.record.person, sealed]).toEqual(["request-1", undefined, []]);
    expect(() => keyFiles("audit-people")).toThrow("ENOENT");
  });

  test.each(gatewayEvents.filter((event) => !["reload", "connections", "admin"].includes(event)))(
    "stays in clear where it is a %s",
    (event) => {
      expect(seal(gatewayEntry(event, time, { fact: 1 }))).toContain('"note":{"fact":1}');
    },
  );

  test("hides why a reload was refused, which quotes the configuration", () => {
    const text = seal(gatewayEntry("reload", time, { problems: ["subject ann"] }));
    expect(text).not.toContain("note");
    expect(unlock(text).line.record.note).toEqual({ problems: ["subject ann"] });
  });

  test("hides where connections came from", () => {
    const peer = { ip: "203.0.113.9", proxied: false };
    const text = seal({ ...gatewayEntry("connections", time, { cause: "handshake" }), peer });
    // Less would be found by chance in what is encrypted.
    expect(text).not.toMatch(/203\.0\.113\.9|handshake/);
    expect(unlock(text).line.record).toMatchObject({ peer, note: { cause: "handshake" } });
  });

  test("is another one each time, so that equal calls cannot be told", () => {
    expect(JSON.parse(seal(callEntry())).sealed).not.toBe(JSON.parse(seal(callEntry())).sealed);
  });
});

describe("a sealed record that was tampered with", () => {
  const first = { id: "first" };
  test.each<[string, (lines: readonly [string, string]) => string]>([
    ["has the sealed part of another one", ([a, b]) => a.replace(JSON.parse(a).sealed, JSON.parse(b).sealed)],
    ["claims another time", ([a]) => a.replace("10:00:00", "11:00:00")],
    ["claims another event", ([a]) => a.replace('"request"', '"refusal"')],
    ["claims another number", ([a]) => a.replace('"seq":1', '"seq":3')],
    ["claims another trail", ([a]) => a.replace(trail, "ffffffffffff")],
    ["claims another record before it", ([a]) => a.replace(firstPrev, "1".repeat(64))],
    [
      "has another byte",
      ([a]) => a.replace(/"sealed":"(.{40})(.)/, (_, head, byte) => `"sealed":"${head}${byte === "A" ? "B" : "A"}`),
    ],
    ["is cut", ([a]) => a.replace(/"sealed":"(.{20})[^"]+/, '"sealed":"$1')],
    ["is spelled otherwise", ([a]) => a.replace(/"sealed":"(.)/, '"sealed":"=$1')],
  ])("%s: it stays sealed", (_, tamper) => {
    const { line, sealed } = unlock(tamper([seal(callEntry(first)), seal(callEntry(), 2)]));
    expect([line.record.id, sealed]).toEqual([null, [expect.stringMatching(/^(damaged|key)$/)]]);
  });
});

describe("without a key", () => {
  test.each([
    ["of another ring", () => openVault(directory, 2)],
    ["in another directory", () => openVault(join(directory, "other"))],
  ])("one %s does not open anything", (_, other) => {
    const { line, sealed } = unlock(seal(callEntry()), other());
    expect(sealed).toEqual(["key"]);
    expect(line.record).toMatchObject({ seq: 1, event: "request", time, identity: null, decision: { effect: null } });
  });

  test("a shredded file shows what is in clear, and its key is gone from the disk", () => {
    const text = seal(callEntry());
    const other = vault.drawFileKey(trail, 9);
    expect(vault.listFileKeys(trail, 1, 8)).toEqual([key.id]);
    vault.destroyFileKeys(trail, 1, 8);
    expect(unlock(text)).toMatchObject({ sealed: ["key"], line: { record: { id: null, seq: 1 } } });
    expect(keyFiles("audit-keys")).toEqual([`${trail}.9.${other.id}.key`]);
  });

  test("an erased person's records keep all but identity, arguments and detail", () => {
    const [ann, bob] = [seal(callEntry({ decision: denied })), seal(callEntry({ identity: identityOf("bob") }), 2)];
    vault.destroyPersonKey(vault.nameOf("corp", "ann"));
    const { line, sealed } = unlock(ann);
    expect([sealed, line.text.includes("ann"), line.text.includes("Berlin")]).toEqual([["person"], false, false]);
    expect(line.record).toMatchObject({ id: "request-1", identity: null, person: vault.nameOf("corp", "ann") });
    expect([line.record.args, line.record.decision.effect]).toEqual([{ digest: "sha256:00" }, "allow"]);
    expect(unlock(bob)).toMatchObject({ sealed: [], line: { record: { identity: { subject: "bob" } } } });
  });

  test("who comes again is known from then on, and not what they did before", () => {
    const before = seal(callEntry());
    vault.destroyPersonKey(vault.nameOf("corp", "ann"));
    const after = seal(callEntry(), 2);
    const sealed: SealedReason[] = [];
    const open = createUnlock(vault, (reason) => sealed.push(reason));
    const found = [before, after, before].map((text) => open(read(text)).record.identity?.subject);
    expect([found, sealed]).toEqual([
      [undefined, "ann", undefined],
      ["person", "person"],
    ]);
  });
});

function identityOf(subject: string) {
  return { issuer: "corp", subject, client: null, via: "jwt", groups: [] };
}

describe("the vault", () => {
  test("keeps keys in private files, wrapped", () => {
    vault.personKey(identityOf("ann"));
    for (const kind of ["audit-keys", "audit-people"] as const) {
      const [name = ""] = keyFiles(kind);
      expect(statSync(join(directory, kind, name)).mode & 0o777).toBe(0o600);
      expect(readFileSync(join(directory, kind, name), "utf8")).toMatch(/^[\w-]{95}$/);
    }
    const bytes = key.key.export().toString("base64url");
    expect(readFileSync(join(directory, "audit-keys", keyFiles("audit-keys")[0] ?? ""), "utf8")).not.toContain(bytes);
  });

  test("tells people apart whose names run together", () => {
    const names = [
      ["a", "bc"],
      ["ab", "c"],
      ["a.1", "b"],
    ].map(([issuer = "", subject = ""]) => vault.personKey({ issuer, subject }).id);
    expect(new Set(names).size).toBe(3);
  });

  test("gives two processes one key of a person, also when one of them was slower", () => {
    const other = openVault(directory);
    const [mine, theirs] = [vault.personKey(identityOf("ann")), other.personKey(identityOf("ann"))];
    expect(mine.key.equals(theirs.key)).toBe(true);
  });

  test("sees within a second that another process has erased a person", () => {
    let nowMs = 0;
    const [one, other] = [openVault(directory, 1, () => nowMs), openVault(directory)];
    const before = one.personKey(identityOf("ann"));
    other.destroyPersonKey(before.id);
    const redrawn = other.personKey(identityOf("ann"));
    nowMs = 1_000;
    const after = one.personKey(identityOf("ann"));
    expect([after.key.equals(before.key), after.key.equals(redrawn.key)]).toEqual([false, true]);
  });

  test("has a key of whom it has met, and draws one only where there is none", async () => {
    const people = ["ann", "bob"].map(identityOf);
    await Promise.all([...people, ...people].map((person) => vault.meet(person)));
    const kept = keyFiles("audit-people").toSorted();
    expect([kept.length, vault.meet(identityOf("ann"))]).toEqual([2, null]);
    const other = openVault(directory);
    expect(other.meet(identityOf("bob"))).toBe(null);
    const keys = [vault, other].map((each) => each.personKey(identityOf("bob")).key);
    expect([keys[0]?.equals(keys[1] as KeyObject), keyFiles("audit-people").toSorted()]).toEqual([true, kept]);
  });

  test("gives two processes that meet a person at once one key of them", async () => {
    const other = openVault(directory);
    await Promise.all([vault.meet(identityOf("ann")), other.meet(identityOf("ann"))]);
    expect(vault.personKey(identityOf("ann")).key.equals(other.personKey(identityOf("ann")).key)).toBe(true);
  });

  test("cannot be met whose key is damaged", async () => {
    const { id } = vault.personKey(identityOf("ann"));
    writeFileSync(join(directory, "audit-people", `${id}.key`), "");
    await expect(openVault(directory).meet(identityOf("ann"))).rejects.toThrow(`the key ${id} in`);
  });

  test("overwrites what it destroys, and nothing of it is in anybody's way", () => {
    const { id } = vault.personKey(identityOf("ann"));
    const [path, elsewhere] = [join(directory, "audit-people", `${id}.key`), join(directory, "elsewhere")];
    linkSync(path, elsewhere);
    vault.destroyPersonKey(id);
    expect([readFileSync(elsewhere, "latin1"), keyFiles("audit-people")]).toEqual(["\0".repeat(95), []]);
    expect(vault.personKey(identityOf("ann")).id).toBe(id);
  });

  test("ends what a crash kept it from destroying", () => {
    const { id } = vault.personKey(identityOf("ann"));
    const path = join(directory, "audit-people", `${id}.key`);
    const elsewhere = join(directory, "elsewhere");
    linkSync(path, elsewhere);
    renameSync(path, `${path}.1.doomed`);
    vault.personKey(identityOf("bob"));
    vault.destroyRest();
    expect(readFileSync(elsewhere, "latin1")).toBe("\0".repeat(95));
    expect(keyFiles("audit-people")).toEqual([`${vault.nameOf("corp", "bob")}.key`]);
  });

  test("ends it together with other workers that start in the same moment", async () => {
    const people = join(directory, "audit-people");
    vault.personKey(identityOf("bob"));
    for (let each = 0; each < 300; each++) writeFileSync(join(people, `${each}.key.1.doomed`), "x");
    const script = `import { workerData } from "node:worker_threads";
      import { KeyFiles } from ${JSON.stringify(new URL("../../../../src/audit/encryption/key-files.ts", import.meta.url).href)};
      new KeyFiles(workerData).destroyRest();`;
    const threads = [1, 2, 3].map(() => new Worker(script, { eval: true, workerData: people }));
    const codes = await Promise.all(threads.map((thread) => once(thread, "exit").then(([code]) => code)));
    expect([codes, keyFiles("audit-people")]).toEqual([[0, 0, 0], [`${vault.nameOf("corp", "bob")}.key`]]);
  });

  test.each([
    ["gone", (path: string) => rmSync(path)],
    ["another one", (path: string) => writeFileSync(path, "x")],
    ["where no directory is any more", (path: string) => rmSync(join(path, ".."), { recursive: true })],
  ])("tells when the key of a file is %s", (_, change) => {
    const before = key.isKept();
    change(join(directory, "audit-keys", keyFiles("audit-keys")[0] ?? ""));
    expect([before, key.isKept()]).toEqual([true, false]);
  });

  test.each(["audit-keys", "audit-people"] as const)("refuses to seal what it cannot store in %s", (kind) => {
    const blocked = openVault(join(directory, "audit-keys", `${trail}.1.${key.id}.key`));
    const draw = {
      "audit-keys": () => blocked.drawFileKey(trail, 1),
      "audit-people": () => blocked.personKey(identityOf("a")),
    };
    expect(draw[kind]).toThrow(/could not be stored|ENOTDIR/);
  });
});
