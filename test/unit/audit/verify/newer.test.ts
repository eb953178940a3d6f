/** A trail on which a later version of the gateway has written, as after an upgrade that was taken back. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { firstPrev, sealRecord } from "../../../../src/audit/chain.ts";
import { AuditFault } from "../../../../src/audit/fault.ts";
import { readRecords } from "../../../../src/audit/read/records.ts";
import { verifyFiles } from "../../../../src/audit/verify/verify.ts";
import { openAuditFile } from "../../../../src/audit/write/audit-file.ts";
import { callEntry, placeOf } from "../entries.ts";
import { collect } from "../lines.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sallyport-newer-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A record for each version, chained as records of version 1 are. */
function chain(...versions: number[]): string[] {
  let prev = firstPrev;
  return versions.map((version, index) => {
    const { line } = sealRecord(callEntry({ id: `r${index}` }), placeOf(index + 1, prev));
    const body = line.replace('"v":1', `"v":${version}`).replace(/,"hash":"\w+"}$/, "");
    prev = createHash("sha256").update(body).digest("hex");
    return `${body},"hash":"${prev}"}\n`;
  });
}

/** As a version would write that seals in another way. */
const unsealed = '{"v":2,"seq":3,"event":"request","proof":["…"]}\n';

const trails: [string, string[]][] = [
  ["chained as this one does", chain(1, 1, 2, 2)],
  ["and was taken back once before", chain(1, 1, 2, 1, 3)],
  ["in another way", [...chain(1, 1), unsealed]],
  ["and died while it wrote", [...chain(1, 1, 2), '{"v":2,"seq":4,"ev']],
];

describe.each(trails)("a later version that wrote %s", (_case, lines) => {
  const text = lines.join("");
  const place = (name = "audit.jsonl") => {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };

  test("is named by verify, with the record at which it began", async () => {
    const { ok, records, findings } = await verifyFiles([place()]);
    expect([ok, records]).toEqual([false, lines.filter((line) => line.startsWith('{"v":1')).length]);
    expect(findings[0]).toMatchObject({ kind: "version", seq: 3, line: 3 });
    expect(findings[0]?.text).toMatch(
      /^record 3 is of format version 2, which this version of Sallyport cannot read\./,
    );
    const begun = lines.filter((line, at) => /"v":[23],/.test(line) && !/"v":[23],/.test(lines[at - 1] ?? ""));
    expect(findings.filter(({ kind }) => kind === "version")).toHaveLength(begun.length);
    expect(findings.filter(({ kind }) => kind !== "version")).toEqual([]);
  });

  test.each(["audit.jsonl", "audit.000000000001.jsonl"])("keeps a gateway from going on in %s", async (name) => {
    const path = place(name);
    const opening = openAuditFile({ directory, now: () => new Date() });
    await expect(opening).rejects.toThrow(AuditFault);
    await expect(opening).rejects.toThrow(/is of format version [23], which/);
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  test("ends every search, which would look whole without it", async () => {
    const path = place();
    await expect(collect(readRecords(path))).rejects.toThrow(`${path}: record 3 is of format version 2`);
  });
});

test("a record of today that was given another version is one that was edited", async () => {
  const [first = "", second = ""] = chain(1, 1);
  const path = join(directory, "audit.jsonl");
  writeFileSync(path, first + second.replace('"v":1', '"v":2'));
  expect((await verifyFiles([path])).findings).toMatchObject([{ kind: "edited", seq: 2 }]);
});
