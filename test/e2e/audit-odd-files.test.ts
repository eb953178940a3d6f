/**
 * What whoever can write the files could put there that no gateway writes: records, notes and files of odd forms. Both verifiers
 * come to the same verdict on each. One trail of two files, closed and active, with a checkpoint at the end of both, written by hand.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { linkSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { firstPrev, sealRecord } from "../../src/audit/chain.ts";
import { renderCheckpoint } from "../../src/audit/checkpoint.ts";
import { closedName } from "../../src/audit/files/layout.ts";
import { type AuditEntry, gatewayEntry } from "../../src/audit/record.ts";
import { createNoteSigner } from "../../src/crypto/note.ts";
import { callEntry } from "../unit/audit/entries.ts";
import { askBoth, type Codes } from "./two-verifiers.ts";

const trail = "0a1b2c3d4e5f";
const signer = createNoteSigner(Buffer.alloc(32, 1), () => "key-of-the-test");
const forger = createNoteSigner(Buffer.alloc(32, 2), () => "key-of-the-test");
const other = createNoteSigner(Buffer.alloc(32, 3), () => "witness");

/** A line, with the number of its record and its hash. */
interface Written {
  readonly line: string;
  readonly seq: number;
  readonly hash: string;
}

type Rewrite = (body: string, seq: number) => string;
type Sign = (text: string) => string;
interface Changes {
  /** What stands in a line before its hash. */
  readonly rewrite?: Rewrite;
  /** The note of a checkpoint with this text. */
  readonly sign?: Sign;
  readonly firstSeq?: number;
}

const checkpoint = "checkpoint" as const;
const start = (note = {}) => gatewayEntry("start", "2026-08-01T10:00:00.000Z", note);
const calls = (count: number) => Array.from({ length: count }, (_, at) => callEntry({ id: `call-${at}` }));

/** A chain of records, each as it would be or as it is rewritten, with a hash that is right. */
function chain(
  entries: readonly (AuditEntry | typeof checkpoint)[],
  changes: Changes = {},
  behind?: Written,
): Written[] {
  const { rewrite = (body) => body, sign = signer.sign, firstSeq = 1 } = changes;
  let last = behind ?? { line: "", seq: firstSeq - 1, hash: firstPrev };
  return entries.map((entry) => {
    const { seq, hash: prev } = last;
    const note =
      entry === checkpoint
        ? sign(renderCheckpoint({ origin: `${signer.verifier.name}/${trail}`, seq, hash: prev }))
        : "";
    const made =
      entry === checkpoint ? { ...gatewayEntry("checkpoint", "2026-08-01T10:00:00.000Z"), checkpoint: note } : entry;
    const { line } = sealRecord(made, { trail, seq: seq + 1, prev });
    const body = rewrite(line.slice(0, -75), seq + 1);
    const hash = createHash("sha256").update(body).digest("hex");
    last = { line: `${body},"hash":"${hash}"}`, seq: seq + 1, hash };
    return last;
  });
}

const textOf = (written: readonly Written[]) => written.map(({ line }) => `${line}\n`).join("");
const last = (written: readonly Written[]) => written.at(-1) as Written;

const entries = [start(), ...calls(4), checkpoint, ...calls(3), checkpoint] as const;
/** The trail as a gateway leaves it, or with changes: two files. */
const files = (changes: Changes = {}, all: readonly (AuditEntry | typeof checkpoint)[] = entries) => {
  const written = chain(all, changes);
  return { closed: written.slice(0, 6), active: written.slice(6) };
};
const sound = files();
const kept = (seq: number, hash: string) =>
  signer.sign(renderCheckpoint({ origin: `${signer.verifier.name}/${trail}`, seq, hash }));
const [fifth, ninth] = [sound.closed[4], sound.active[2]] as [Written, Written];
const notes = [kept(5, fifth.hash), kept(9, ninth.hash)];

let directory = "";
const path = (name: string) => join(directory, name);
const closed = closedName(1, 1);
const active = "audit.jsonl";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sallyport-odd-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (written: { closed: readonly Written[]; active: readonly Written[] }) => {
  writeFileSync(path(closed), textOf(written.closed));
  writeFileSync(path(active), textOf(written.active));
};

function judge(log: string = notes.join("")) {
  writeFileSync(path("kept"), log);
  return askBoth(directory, signer.verifier.text, path("kept"));
}

const nothing: Codes = [0, 0, 0];
const found: Codes = [1, 1, 1];
const byKey: Codes = [0, 1, 1];
const byLog: Codes = [0, 0, 1];
const unread: Codes = [2, 2, 2];

const expectBoth = async (codes: Codes, log?: string) =>
  expect(await judge(log)).toEqual({ ours: codes, theirs: codes });

/** Rewrites the records from a number on, as far as they are not signed. */
const behindTheEnd = (rewrite: Rewrite, entry: AuditEntry = callEntry()) => ({
  ...sound,
  active: [...sound.active, ...chain([entry], { rewrite }, last(sound.active))],
});
const append = (text: string) => writeFileSync(path(active), `${textOf(sound.active)}${text}`);

test("the trail is what a gateway would leave", async () => {
  write(sound);
  await expectBoth(nothing);
});

describe("a record behind the last checkpoint, with a hash that is right,", () => {
  test.each<[string, Codes, Rewrite]>([
    ["as a gateway writes it, which nothing shows", nothing, (body) => body],
    ["whose number has a fraction of nothing", nothing, (body) => body.replace('"seq":11', '"seq":11.0')],
    ["whose number has an exponent", nothing, (body) => body.replace('"seq":11', '"seq":1.1e1')],
    ["whose number is there twice, the second one right", nothing, (body) => body.replace("{", '{"seq":3,')],
    ["whose number is there twice, the second one wrong", found, (body) => body.replace('"time"', '"seq":3,"time"')],
    ["whose number is a text", found, (body) => body.replace('"seq":11', '"seq":"11"')],
    ["whose number no computer counts to", found, (body) => body.replace('"seq":11', '"seq":9007199254740993')],
    ["whose version is true", found, (body) => body.replace('"v":1', '"v":true')],
    ["whose version is 1.0", nothing, (body) => body.replace('"v":1', '"v":1.0')],
    ["of a later version", found, (body) => body.replace('"v":1', '"v":2')],
    ["with a number that is none", found, (body) => body.replace("{", '{"x":NaN,')],
    ["with a number of 5,000 digits", nothing, (body) => body.replace("{", `{"x":${"7".repeat(5_000)},`)],
    ["with bytes that are no text", nothing, (body) => body.replace("Berlin", "\ufffd")],
    ["with half of a character", nothing, (body) => body.replace("Berlin", "\\ud800")],
    ["with a zero byte in a text", found, (body) => body.replace("Berlin", "\0")],
    ["whose link is in capitals", found, (body) => body.replace(/"prev":"(\w+)"/, (all) => all.toUpperCase())],
    ["that names no trail", found, (body) => body.replace(`"trail":"${trail}",`, "")],
    ["whose trail is a number", found, (body) => body.replace(`"${trail}"`, "12")],
    ["with a hash inside", nothing, (body) => body.replace("{", `{"hash":"${"0".repeat(64)}",`)],
    ["that is a list", found, (body) => body.replace("{", '[{"v":1},{')],
  ])("%s", async (_what, codes, rewrite) => {
    write(behindTheEnd(rewrite));
    await expectBoth(codes);
  });

  test.each<[string, Codes, unknown]>([
    ["a text", found, "x"],
    ["a list", found, []],
    ["false", found, false],
    ["nothing", nothing, null],
    ["zero bytes", found, { bytes: 0, digest: `sha256:${createHash("sha256").digest("hex")}` }],
  ])("that declares as torn, where nothing is, %s", async (_what, codes, torn) => {
    write(behindTheEnd((body) => body, start({ torn })));
    await expectBoth(codes);
  });
});

describe("the whole trail written anew", () => {
  test("without the trail's name, and without checkpoints", async () => {
    write(
      files(
        { rewrite: (body) => body.replace(`"trail":"${trail}",`, "") },
        entries.filter((entry) => entry !== checkpoint),
      ),
    );
    await expectBoth(found);
  });

  test("with a name from some record on", async () => {
    write(files({ rewrite: (body, seq) => (seq < 4 ? body.replace(`"trail":"${trail}",`, "") : body) }));
    await expectBoth(found);
  });

  const declared = (torn: string) => ({
    bytes: torn.length,
    digest: `sha256:${createHash("sha256").update(torn).digest("hex")}`,
  });

  test.each<[string, Codes, string, object]>([
    ["a declared tail with more said of it", nothing, '{"v":1', { more: true }],
    ["a declared tail of several lines", nothing, '{"v":1\n{"v"\n\nx', {}],
    ["a declared tail that holds a line longer than any record", nothing, `{"v":1\n${"x".repeat(1_500_000)}\n{"v"`, {}],
    ["a declared tail with a whole record in it", found, `{"v":1\n${sound.closed[3]?.line}`, {}],
  ])("with %s", async (_what, codes, torn, more) => {
    const before = chain([start(), ...calls(4), checkpoint]);
    const after = chain([start({ torn: { ...declared(torn), ...more } }), ...calls(2), checkpoint], {}, last(before));
    write({ closed: before, active: [] });
    writeFileSync(path(closed), `${textOf(before)}${torn}\n${textOf(after)}`);
    await expectBoth(codes, kept(5, before[4]?.hash ?? ""));
  });

  test("with a start that declares a record which is replaced by its beginning", async () => {
    const before = chain([start(), ...calls(4)]);
    const torn = before[4]?.line.slice(0, 40) ?? "";
    const rest = chain([start({ torn: declared(torn) }), ...calls(2), checkpoint], { sign: forger.sign }, before[3]);
    writeFileSync(path(active), `${textOf(before.slice(0, 4))}${torn}\n${textOf(rest)}`);
    await expectBoth(byKey);
  });
});

describe("the beginning deleted", () => {
  const gone = { to: 6, hash: last(sound.closed).hash };
  test.each<[string, Codes, readonly object[]]>([
    ["and nobody says so", found, []],
    ["and a record behind the last checkpoint says its time was over, as anybody can write", nothing, [gone]],
    ["with a number in another form", nothing, [{ ...gone, to: 6 }]],
    ["with another hash", found, [{ ...gone, hash: firstPrev }]],
    ["with another hash behind the right one", nothing, [gone, { ...gone, hash: firstPrev }]],
    ["with true for a number", found, [{ ...gone, to: true }]],
    ["with a text for a number", found, [{ ...gone, to: "6" }]],
  ])("%s", async (_what, codes, said) => {
    const expired = said.map((note) => gatewayEntry("expired", "2026-08-01T10:00:00.000Z", { ...note }));
    writeFileSync(path(active), textOf([...sound.active, ...chain(expired, {}, last(sound.active))]));
    await expectBoth(codes);
  });

  test("and a forged rotation says which records are lost", async () => {
    const note = { cause: "deleted", lost: { from: 1, to: 6 } };
    const rotated = gatewayEntry("rotated", "2026-08-01T10:00:00.000Z", note);
    writeFileSync(path(active), textOf([...sound.active, ...chain([rotated], {}, last(sound.active))]));
    await expectBoth(found);
  });
});

describe("a checkpoint in the trail", () => {
  const signatureOf = (note: string) => note.slice(note.indexOf("\n\n") + 2);
  test.each<[string, Codes, Sign]>([
    [
      "with signatures of others first",
      nothing,
      (text) => `${text}\n${signatureOf(other.sign(text))}${signatureOf(signer.sign(text))}`,
    ],
    [
      "with a thousand signatures of others first",
      nothing,
      (text) => `${text}\n${signatureOf(other.sign(text)).repeat(1_000)}${signatureOf(signer.sign(text))}`,
    ],
    [
      "with a false signature of the key behind the right one",
      nothing,
      (text) => `${text}\n${signatureOf(signer.sign(text))}${signatureOf(signer.sign(`${text}x\n`))}`,
    ],
    [
      "with a false signature of the key before the right one",
      byKey,
      (text) => `${text}\n${signatureOf(signer.sign(`${text}x\n`))}${signatureOf(signer.sign(text))}`,
    ],
    [
      "with a line of something else among the signatures",
      nothing,
      (text) => `${text}\nhello\n${signatureOf(signer.sign(text))}`,
    ],
    ["with line ends of another system", byKey, (text) => signer.sign(text).replaceAll("\n", "\r\n")],
    ["with a line end of another system behind the signature", byKey, (text) => `${signer.sign(text).trimEnd()}\r\n`],
    ["without the last line end", nothing, (text) => signer.sign(text).trimEnd()],
    [
      "with a signature in another base64",
      byKey,
      (text) => signer.sign(text).replace(/[^\n]+\n$/, (line) => line.replaceAll("=", "")),
    ],
    ["with two notes in one", byKey, (text) => `${signer.sign(text)}\n${signer.sign(text)}`],
    ["with more lines in its text", nothing, (text) => signer.sign(`${text}more\n`)],
    ["with another empty line in its text", nothing, (text) => signer.sign(`${text}\nmore\n`)],
    ["with a number that begins with zero", byKey, (text) => signer.sign(text.replace("\n", "\n0"))],
    ["that is cut before its signature", byKey, (text) => `${text}\n`],
    ["under another key's name", byKey, (text) => signer.sign(text).replaceAll(signer.verifier.name, "witness")],
    ["of a name that another name begins", byKey, (text) => signer.sign(text.replace(trail, `x/${trail}`))],
  ])("%s", async (_what, codes, sign) => {
    write(files({ sign }));
    await expectBoth(codes, kept(5, fifth.hash));
  });
});

describe("checkpoints that were kept", () => {
  const json = (value: unknown) => `${JSON.stringify({ checkpoint: value })}\n`;
  test.each<[string, Codes, string]>([
    ["as they are", nothing, notes.join("")],
    ["with others of the same record, the right one last", byLog, [kept(9, firstPrev), ...notes].join("")],
    ["with others of the same record, the right one first", byLog, [...notes, kept(9, firstPrev)].join("")],
    ["of a later record, twice", byLog, [...notes, kept(40, firstPrev), kept(40, firstPrev)].join("")],
    [
      "of this trail and another one",
      byLog,
      `${notes.join("")}${signer.sign(`key-of-the-test/ffffffffffff\n1\n${Buffer.alloc(32).toString("base64")}\n`)}`,
    ],
    [
      "among lines of a log that say something else",
      nothing,
      `${json(5)}${json({})}${json(null)}${json([1])}${json(notes[0])}`,
    ],
    ["as a list that is empty", [0, 0, 2], json([])],
    ["as a text that is empty", [0, 0, 2], json("")],
    ["in lines that end as in another system", nothing, json(notes[0]).replace("\n", "\r\n")],
    ["as notes whose lines end as in another system", [0, 0, 2], notes.join("").replaceAll("\n", "\r\n")],
    ["behind a mark of byte order", [0, 0, 2], `\ufeff${notes[0]}`],
    ["behind an empty line and text", nothing, `hello\n\n\n${notes.join("\n")}`],
    [
      "of the key, of a trail of another name",
      [0, 0, 2],
      signer.sign(`witness/${trail}\n9\n${Buffer.from(ninth.hash, "hex").toString("base64")}\n`),
    ],
    ["by another key", [0, 0, 2], forger.sign(`key-of-the-test/${trail}\n1\n${Buffer.alloc(32).toString("base64")}\n`)],
  ])("%s", async (_what, codes, log) => {
    write(sound);
    await expectBoth(codes, log);
  });

  test("in a log of 20,000 lines", async () => {
    write(sound);
    await expectBoth(nothing, `${`${JSON.stringify({ msg: "x".repeat(100) })}\n`.repeat(20_000)}\n${notes.join("")}`);
  });
});

describe("the end of the active file", () => {
  test.each<[string, Codes, string]>([
    ["zero bytes", nothing, "\0".repeat(100)],
    ["zero bytes and a line end", found, `${"\0".repeat(100)}\n`],
    ["more than a record may have", nothing, "x".repeat(2_000_000)],
    ["more than a record may have, and a line end", found, `${"x".repeat(2_000_000)}\n`],
    ["a line, and more than a record may have", found, `x\n${"x".repeat(2_000_000)}`],
    ["the beginning of a record of a later version", nothing, '{"v":2,"seq":11,"event":"x"'],
    ["a record of a later version that has not ended", found, '{"v":2,"seq":11,"event":"x"}'],
    ["a record of a later version", found, '{"v":2,"seq":11,"event":"x"}\n'],
  ])("%s", async (_what, codes, text) => {
    write(sound);
    append(text);
    await expectBoth(codes);
  });

  test("a hole of 64 MiB", async () => {
    write(sound);
    truncateSync(path(active), 64 * 1_048_576);
    await expectBoth(nothing);
  });
});

describe("files", () => {
  const packed = gzipSync(textOf(sound.closed));
  const half = (from: number, to?: number) => gzipSync(textOf(sound.closed.slice(from, to)));
  const pad = Buffer.alloc(600);
  test.each<[string, Codes, Buffer]>([
    ["as it is", nothing, packed],
    ["in two parts one behind the other", nothing, Buffer.concat([half(0, 3), half(3)])],
    ["with zero bytes behind it", found, Buffer.concat([packed, pad])],
    ["with zero bytes and more behind it", found, Buffer.concat([packed, pad, Buffer.from("more")])],
    ["in two parts with zero bytes between", found, Buffer.concat([half(0, 3), pad, half(3)])],
    ["with a part of nothing", nothing, Buffer.concat([packed, gzipSync("")])],
    ["with the beginning of a part", found, Buffer.concat([packed, packed.subarray(0, 12)])],
    ["with one byte changed", found, Buffer.concat([packed.subarray(0, -6), Buffer.from([1]), packed.subarray(-5)])],
  ])("compressed, %s", async (_what, codes, bytes) => {
    writeFileSync(path(`${closed}.gz`), bytes);
    writeFileSync(path(active), textOf(sound.active));
    await expectBoth(codes);
  });

  test.each<[string, Codes, () => void]>([
    ["with a mark of byte order", found, () => writeFileSync(path(closed), `\ufeff${textOf(sound.closed)}`)],
    ["under a shorter name", found, () => execFileSync("mv", [path(closed), path("audit.1.jsonl")])],
    [
      "under the name of another trail",
      found,
      () => execFileSync("mv", [path(closed), path("audit-2.000000000001.jsonl")]),
    ],
    ["under a number that is not its own", nothing, () => execFileSync("mv", [path(closed), path(closedName(1, 3))])],
    [
      "behind a link",
      nothing,
      () => execFileSync("mv", [path(closed), path("away")]) && symlinkSync("away", path(closed)),
    ],
    ["behind a link to nothing", found, () => rmSync(path(closed)) ?? symlinkSync("away", path(closed))],
    ["behind a link to itself", unread, () => rmSync(path(closed)) ?? symlinkSync(closed, path(closed))],
    ["twice, since it is just being closed", nothing, () => linkSync(path(active), path(closedName(1, 7)))],
    ["that is a FIFO", unread, () => execFileSync("mkfifo", [path(closedName(1, 7))])],
    ["that is a directory", unread, () => execFileSync("mkdir", [path(closedName(1, 7))])],
    [
      "of a link to nothing that is compressed as well",
      nothing,
      () => {
        writeFileSync(path(`${closed}.gz`), packed);
        rmSync(path(closed));
        symlinkSync("away", path(closed));
      },
    ],
  ])("%s", async (_what, codes, change) => {
    write(sound);
    change();
    await expectBoth(codes);
  });
});
