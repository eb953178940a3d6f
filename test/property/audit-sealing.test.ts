import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRecord, sealRecord } from "../../src/audit/chain.ts";
import { createSealer } from "../../src/audit/encryption/sealing.ts";
import { createUnlock, type SealedReason } from "../../src/audit/encryption/unsealing.ts";
import type { NamedKey, Vault } from "../../src/audit/encryption/vault.ts";
import { LineSplitter } from "../../src/audit/files/lines.ts";
import { readLines } from "../../src/audit/read/records.ts";
import { placeOf, trail } from "../unit/audit/entries.ts";
import { openVault } from "../unit/audit/vaults.ts";
import { entry } from "./auditEntry.ts";

let directory = "";
let vault: Vault;
let key: NamedKey;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "sallyport-sealed-"));
  vault = openVault(directory);
  key = vault.drawFileKey(trail, 1);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Reads a line with the keys; why not, where it stays sealed. */
function read(line: string): string | SealedReason {
  const reasons: SealedReason[] = [];
  const [found] = readLines(new LineSplitter().read(Buffer.from(`${line}\n`)));
  const text = found === undefined ? "" : createUnlock(vault, (reason) => reasons.push(reason))(found).text;
  return reasons[0] ?? text;
}

function membersOf(line: string): object {
  const { person: _person, hash: _hash, ...members } = JSON.parse(line) as Record<string, unknown>;
  return members;
}

test("whatever is recorded is sound when it is sealed, and comes back as it would stand in clear", () => {
  fc.assert(
    fc.property(entry, (each) => {
      const { line } = sealRecord(each, placeOf(), createSealer(vault, key));
      expect(openRecord(Buffer.from(line)).state).toBe("sound");
      const clear = membersOf(sealRecord(each, placeOf()).line);
      expect(JSON.stringify(membersOf(read(line)))).toBe(JSON.stringify(clear));
    }),
    { numRuns: 100 },
  );
});

test("the contents of one record are no contents of another", () => {
  fc.assert(
    fc.property(entry, entry, fc.integer({ min: 2, max: 9 }), (one, other, seq) => {
      const [a, b] = [one, other].map(
        (each, at) => sealRecord(each, placeOf(at === 0 ? 1 : seq), createSealer(vault, key)).line,
      );
      const sealed = (line = "") => (JSON.parse(line) as { sealed: string }).sealed;
      expect(read((a ?? "").replace(sealed(a), sealed(b)))).toBe("damaged");
    }),
    { numRuns: 100 },
  );
});
