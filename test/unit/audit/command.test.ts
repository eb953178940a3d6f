import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { originOf, renderCheckpoint } from "../../../src/audit/checkpoint.ts";
import { openAuditFile } from "../../../src/audit/write/audit-file.ts";
import { auditCommand } from "../../../src/commands/audit.ts";
import { createNoteSigner } from "../../../src/crypto/note.ts";
import { callEntry } from "./entries.ts";

let directory = "";
let file = "";

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "sallyport-command-"));
  file = join(directory, "audit.jsonl");
  const sink = await openAuditFile({ directory, now: () => new Date("2026-08-01T10:00:00.000Z") });
  await sink.append(callEntry());
  await sink.close();
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function run(...args: string[]) {
  const said = { out: "", err: "", code: -1 };
  const command = auditCommand({
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    exit: (code) => {
      said.code = code;
    },
    drained: async () => true,
  });
  await command.parseAsync(["verify", ...args], { from: "user" });
  return said;
}

test("a sound trail: 0, by file or by directory", async () => {
  for (const path of [file, directory]) {
    const { out, err, code } = await run(path);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^ok\n/);
    expect(out).toContain("records   3, from 2026-08-01T10:00:00.000Z to 2026-08-01T10:00:00.000Z");
    expect(out).toContain("the gateway stopped in good order");
  }
});

test("findings: 1, with the line and what happened to it", async () => {
  writeFileSync(file, readFileSync(file, "utf8").replace("forecast", "refund"));
  const { out, code } = await run(file);
  expect(code).toBe(1);
  expect(out).toMatch(/^NOT ok: 1 finding\n/);
  expect(out).toContain("can be trusted up to line 1 of audit.jsonl.");
  expect(out).toContain("audit.jsonl:2: edited: record 2 was changed");
});

test.each([
  ["in the first line", ["audit.jsonl"], "Nothing of the trail can be trusted."],
  [
    "in the first line of another file",
    ["audit.000000000001.jsonl", "audit.jsonl"],
    "The trail can be trusted up to the end of audit.000000000001.jsonl.",
  ],
])("a finding %s leaves what comes before it", async (_, names, trusted) => {
  const whole = readFileSync(file, "utf8");
  for (const name of names) writeFileSync(join(directory, name), whole);
  writeFileSync(file, whole.replace("start", "stand"));
  const { out, code } = await run(directory);
  expect(code).toBe(1);
  expect(out).toContain(`\n${trusted}\n`);
});

test("of what is missing in one file the directory tells more, and of a directory nothing does", async () => {
  const [first, , last] = readFileSync(file, "utf8").split("\n");
  writeFileSync(file, `${first}\n${last}\n`);
  const text = "record 2 is missing before record 3: deleted, or moved to another place.";
  expect((await run(file)).out).toContain(`${text} A file by itself cannot tell why: verify its directory.\n`);
  expect((await run(directory)).out).toContain(`${text}\n`);
});

test("an end that was cut off leaves all that is there", async () => {
  const signer = createNoteSigner(Buffer.alloc(32, 1), () => "key-of-the-test");
  const { trail } = JSON.parse(readFileSync(file, "utf8").split("\n")[0] ?? "");
  const origin = originOf(signer.verifier.name, trail);
  const kept = join(directory, "kept");
  writeFileSync(kept, signer.sign(renderCheckpoint({ seq: 9, hash: "0".repeat(64), origin })));
  const { out, code } = await run(directory, "--key", signer.verifier.text, "--checkpoint", kept);
  expect(code).toBe(1);
  expect(out).toContain("The trail can be trusted up to line 3 of audit.jsonl.");
});

test("a key that is neither one nor a file: 2, saying what it should be", async () => {
  const { err, code } = await run(file, "--key", "nonsense");
  expect([code, err]).toEqual([
    2,
    "--key nonsense: this is no key, as `sallyport audit key` prints one, and no such file\n",
  ]);
});

test("a torn tail is told and is no finding", async () => {
  appendFileSync(file, '{"v":1');
  const { out, code } = await run(file);
  expect(code).toBe(0);
  expect(out).toContain("tail      line 4, 6 bytes");
});

test("--json prints the report", async () => {
  const { out, code } = await run(file, "--json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ ok: true, files: [file], records: 3, findings: [] });
});

describe("a trail that was signed, and of which no record is here", () => {
  const signer = createNoteSigner(Buffer.alloc(32, 1), () => "key-of-the-test");
  const head = { seq: 3, hash: "0".repeat(64) };
  const sign = (trail: string, seq = head.seq) =>
    signer.sign(renderCheckpoint({ ...head, seq, origin: originOf(signer.verifier.name, trail) }));
  const verify = (path: string, notes: readonly string[], ...more: string[]) => {
    const kept = join(directory, "kept");
    writeFileSync(kept, notes.join("\n"));
    return run(path, "--key", signer.verifier.text, "--checkpoint", kept, ...more);
  };

  test("is found by its last checkpoint where another one stands in its place, or nothing at all", async () => {
    const notes = [sign("0a1b2c3d4e5f", 2), sign("0a1b2c3d4e5f"), sign("ffffffffffff")];
    for (const text of [readFileSync(file), ""]) {
      writeFileSync(file, text);
      const { out, code } = await verify(directory, notes);
      expect(code).toBe(1);
      expect(out).toMatch(/^NOT ok: .* record 3 of key-of-the-test\/0a1b2c3d4e5f, /);
      expect(out).toMatch(/^NOT ok: .* record 3 of key-of-the-test\/ffffffffffff, /m);
      const json = JSON.parse((await verify(directory, notes, "--json")).out);
      expect(json).toMatchObject({ ok: false, findings: [], absent: [{ seq: 3 }, { seq: 3 }] });
    }
  });

  test("is none where one file is looked at, or where its records are here", async () => {
    expect(await verify(file, [sign("ffffffffffff")])).toMatchObject({ code: 0 });
    const { trail } = JSON.parse(readFileSync(file, "utf8").split("\n")[0] ?? "");
    const { out, code } = await verify(directory, [sign(trail)]);
    expect(code).toBe(1);
    expect(out).toContain("audit.jsonl:3: rewritten");
    expect(out).not.toContain("no record of that trail is here");
  });
});

test("what cannot be read: 2", async () => {
  const text = await run(join(directory, "none"));
  expect(text).toMatchObject({ code: 2, out: "" });
  expect(text.err).toBe(`${join(directory, "none")}: there is no such file or directory\n`);
  const json = await run(join(directory, "none"), "--json");
  expect(json).toMatchObject({ code: 2, err: "" });
  expect(JSON.parse(json.out)).toMatchObject({ ok: false });
});

test("a configuration that cannot be read: 2, naming it", async () => {
  const { err, code } = await run("-c", join(directory, "none.yaml"));
  expect(code).toBe(2);
  expect(err).toContain("none.yaml");
});

test("without a path, the configuration names the directory", async () => {
  const config = join(directory, "sallyport.yaml");
  writeFileSync(
    config,
    [
      "version: 1",
      "publicUrl: http://127.0.0.1:8443",
      "servers: { weather: { url: 'http://127.0.0.1:3001/mcp' } }",
      "policies: [policy.yaml]",
      "audit: { directory: . }",
      "",
    ].join("\n"),
  );
  writeFileSync(
    join(directory, "policy.yaml"),
    [
      "version: 1",
      "roles: { reader: { allow: [{ id: all, server: weather, tools: ['*'] }] } }",
      "bindings: [{ roles: [reader], groups: [staff] }]",
      "",
    ].join("\n"),
  );
  const { out, err, code } = await run("-c", config);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain(`file      ${file}`);
});
