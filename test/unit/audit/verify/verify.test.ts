import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { firstPrev, sealRecord } from "../../../../src/audit/chain.ts";
import { type AuditEntry, gatewayEntry } from "../../../../src/audit/record.ts";

import { verifyFiles } from "../../../../src/audit/verify/verify.ts";
import { callEntry, placeOf, trail } from "../entries.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sallyport-verify-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function chain(entries: readonly AuditEntry[], seq = 1, prev = firstPrev): string[] {
  let [number, last] = [seq, prev];
  return entries.map((entry) => {
    const sealed = sealRecord(entry, placeOf(number, last));
    number += 1;
    last = sealed.hash;
    return sealed.line;
  });
}

const five = chain(
  ["a", "b", "c", "d", "e"].map((id) => callEntry({ id, time: `2026-08-01T10:00:00.00${id.charCodeAt(0) - 97}Z` })),
);

function verifyText(text: string) {
  const file = join(directory, "audit.jsonl");
  writeFileSync(file, text);
  return verifyFiles([join(directory, "audit.jsonl")]);
}

const verify = (lines: readonly string[]) => verifyText(lines.map((line) => `${line}\n`).join(""));

/** A chain with a torn write in the middle; `declared` is what the start record says of it. */
function torn(tail: string, declared: unknown): string[] {
  const before = five.slice(0, 2);
  const hash = /"hash":"(\w+)"}$/.exec(before[1] ?? "")?.[1] ?? "";
  const start = gatewayEntry("start", "2026-08-01T11:00:00.000Z", declared === undefined ? {} : { torn: declared });
  return [...before, tail, ...chain([start, callEntry()], 3, hash)];
}

const tail = '{"v":1,"seq":3,"ti';
const sha256 = (bytes: Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const truth = { bytes: tail.length, digest: sha256(Buffer.from(tail)) };

describe("verifyFiles", () => {
  test("a sound chain", async () => {
    expect(await verify(five)).toEqual({
      files: [join(directory, "audit.jsonl")],
      ok: true,
      trail,
      records: 5,
      firstTime: "2026-08-01T10:00:00.000Z",
      lastTime: "2026-08-01T10:00:00.004Z",
      firstSeq: 1,
      lastSeq: 5,
      lastHash: /"hash":"(\w+)"}$/.exec(five[4] ?? "")?.[1],
      stopped: false,
      findings: [],
      moreFindings: 0,
      removed: 0,
      declaredTorn: 0,
      signed: null,
    });
  });

  test("an empty file", async () => {
    expect(await verifyText("")).toMatchObject({ ok: true, records: 0, firstTime: null, lastTime: null, lastSeq: 0 });
  });

  test("a file that is not there", async () => {
    await expect(verifyFiles([join(directory, "none")])).rejects.toThrow(/ENOENT/);
  });

  const [a = "", b = "", c = "", d = "", e = ""] = five;
  const forged = sealRecord(callEntry({ id: "forged" }), placeOf(3, /"prev":"(\w+)"/.exec(c)?.[1] ?? "")).line;

  test.each([
    ["edited", [a, b, c.replace("Berlin", "Munich"), d, e], [[3, 3, "edited"]]],
    ["edited in its number", [a, b, c.replace('"seq":3', '"seq":9'), d, e], [[3, 9, "edited"]]],
    ["edited and sealed again", [a, b, forged, d, e], [[4, 4, "link"]]],
    ["deleted", [a, b, d, e], [[3, 4, "missing"]]],
    ["deleted at the beginning", [b, c], [[1, 2, "missing"]]],
    ["two deleted", [a, d, e], [[2, 4, "missing"]]],
    ["repeated", [a, b, b, c], [[3, 2, "order"]]],
    ["repeated at the end", [a, b, b], [[3, 2, "order"]]],
    [
      "exchanged",
      [a, c, b, d],
      [
        [2, 3, "missing"],
        [3, 2, "order"],
      ],
    ],
    ["put in", [a, b, chain([callEntry({ id: "x" })])[0] ?? "", c], [[3, 1, "order"]]],
    ["made unreadable", [a, "garbage", c, d], [[2, undefined, "unreadable"]]],
    ["made empty", [a, "", "", b], [[2, undefined, "unreadable"]]],
    ["unreadable at the end", [a, b, "garbage"], [[3, undefined, "unreadable"]]],
  ])("a record that was %s", async (_what, lines, expected) => {
    const report = await verify(lines);
    expect(report.ok).toBe(false);
    expect(report.findings.map(({ line, seq, kind }) => [line, seq, kind])).toEqual(expected);
  });

  test("what was found first is named in words", async () => {
    const { findings } = await verify([a, d]);
    expect(findings[0]?.text).toBe("records 2 to 3 are missing before record 4: deleted, or moved to another place.");
  });

  test("a torn tail at the end is reported and no failure", async () => {
    expect(await verifyText(`${a}\n${tail}`)).toMatchObject({
      ok: true,
      records: 1,
      stopped: false,
      tornTail: { line: 2, ...truth },
    });
  });

  test("a whole record whose newline is missing counts", async () => {
    expect(await verifyText(`${a}\n${b}`)).toMatchObject({ ok: true, records: 2 });
  });

  test("a last newline that became something else is an edit", async () => {
    expect(await verifyText(`${a}\n${b}x`)).toMatchObject({ ok: false, findings: [{ line: 2, kind: "edited" }] });
  });

  test("a torn write that the next start declares", async () => {
    const report = await verify(torn(tail, truth));
    expect(report).toMatchObject({ ok: true, records: 4, declaredTorn: 1, findings: [] });
  });

  test("a torn write over several lines, when a start was torn as well", async () => {
    const both = `${tail}\n{"v":1,"seq":3`;
    const digest = sha256(Buffer.from(both));
    expect(await verify(torn(both, { bytes: both.length, digest }))).toMatchObject({ ok: true, declaredTorn: 1 });
  });

  test("a torn write longer than any record", async () => {
    const long = "z".repeat(3_000_000);
    const declared = { bytes: long.length, digest: sha256(Buffer.from(long)) };
    expect(await verify(torn(long, declared))).toMatchObject({ ok: true, declaredTorn: 1 });
    expect(await verify(torn(`${long}y`, declared))).toMatchObject({ ok: false });
    expect(await verifyText(`${a}\n${long}`)).toMatchObject({ ok: true, tornTail: { bytes: long.length } });
  });

  test.each([
    ["not at all", undefined, ["unreadable"]],
    ["with another length", { ...truth, bytes: truth.bytes + 1 }, ["unreadable", "torn"]],
    ["with another digest", { ...truth, digest: sha256(Buffer.from("x")) }, ["unreadable", "torn"]],
  ])("a torn write that is declared %s", async (_what, declared, kinds) => {
    const report = await verify(torn(tail, declared));
    expect(report.findings.map(({ kind }) => kind)).toEqual(kinds);
  });

  test("a torn write that another record than a start declares", async () => {
    const hash = /"hash":"(\w+)"}$/.exec(b)?.[1] ?? "";
    const report = await verify([a, b, tail, ...chain([callEntry({ note: { torn: truth } })], 3, hash)]);
    expect(report.findings.map(({ kind }) => kind)).toEqual(["unreadable", "torn"]);
  });

  test("a torn tail does not cover for a whole line before it", async () => {
    expect(await verifyText(`${a}\ngarbage\n${tail}`)).toMatchObject({
      ok: false,
      findings: [{ line: 2, kind: "unreadable" }],
      tornTail: { line: 3, ...truth },
    });
  });

  test("a declared torn write that is gone", async () => {
    const report = await verify(torn(tail, truth).filter((line) => line !== tail));
    expect(report.findings.map(({ kind, line }) => [kind, line])).toEqual([["torn", 3]]);
  });

  test("findings are bounded", async () => {
    const report = await verify([...five, ...Array.from({ length: 1_200 }, () => a)]);
    expect(report.findings).toHaveLength(1_000);
    expect(report.moreFindings).toBe(200);
  });
});
