/** Commands that change a trail which no gateway writes just now. */
import { chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { Vault } from "../../../src/audit/encryption/vault.ts";
import { openAuditFile } from "../../../src/audit/write/audit-file.ts";
import { eraseCommand } from "../../../src/commands/audit/erase.ts";
import { holdCommand } from "../../../src/commands/audit/hold.ts";
import { shredCommand } from "../../../src/commands/audit/shred.ts";
import { openKeyring } from "../../../src/crypto/keyring.ts";
import { callEntry } from "../audit/entries.ts";
import { writeTree } from "../config/fixture.ts";
import { run } from "./run.ts";

let directory = "";
let config = "";

beforeEach(async () => {
  directory = await writeTree({ "sallyport.yaml": "version: 1\n" });
  config = join(directory, "sallyport.yaml");
  await openKeyring(join(directory, "data"), { now: Date.now, sessionLifetimeMs: 1 });
});

describe("audit hold", () => {
  const hold = (...words: string[]) => run(holdCommand, ...words, "-c", config);

  test("is set, shown and lifted", async () => {
    expect(await hold("show")).toEqual({ out: "no hold\n", err: "", codes: [1] });
    expect(await hold("set", "--reason", "case 7")).toEqual({ out: "held\n", err: "", codes: [0] });
    expect(await hold("show")).toMatchObject({ out: expect.stringMatching(/^held since .*: case 7\n$/), codes: [0] });
    expect(await hold("lift")).toEqual({ out: "lifted\n", err: "", codes: [0] });
  });

  test("--json prints one object, also of what cannot be done", async () => {
    const found = { since: expect.stringMatching(/^\d{4}-/), reason: "case 7" };
    const steps: [string[], number, unknown][] = [
      [["show"], 1, { hold: null }],
      [["lift"], 2, { ok: false, error: "there is no legal hold" }],
      [["set", "--reason", "case 7"], 0, { ok: true, hold: found }],
      [["set", "--reason", "again"], 2, { ok: false, error: expect.stringContaining("there is a legal hold since") }],
      [["show"], 0, { hold: found }],
      [["lift"], 0, { ok: true, hold: null }],
    ];
    for (const [words, code, printed] of steps) {
      const { out, err, codes } = await hold(...words, "--json");
      expect([JSON.parse(out), err, codes]).toEqual([printed, "", [code]]);
    }
  });

  test.each([
    ["", "a legal hold needs a reason\n"],
    ["r".repeat(1_001), "the reason of a legal hold has at most 1,000 characters\n"],
  ])("is not set for no reason, or a book of them: %.3s", async (reason, err) => {
    expect(await hold("set", "--reason", reason)).toEqual({ out: "", err, codes: [2] });
    expect((await hold("show")).out).toBe("no hold\n");
  });
});

describe.runIf(process.geteuid?.() === 0)("who may give orders", () => {
  const give = () => run(holdCommand, "lift", "-c", config);

  test("is who made the keys, also where somebody else has mounted the directory", async () => {
    await chown(join(directory, "data"), 65_534, 65_534);
    expect((await give()).err).toBe("there is no legal hold\n");
    await chown(join(directory, "data", "keys.json"), 65_534, 65_534);
    expect((await give()).err).toContain("belongs to another user");
  });
});

/** An encrypted trail of a closed file, of this name, and another one. */
async function writeSealed(): Promise<{ readonly audit: string; readonly name: string }> {
  const keys = await openKeyring(join(directory, "data"), { now: Date.now, sessionLifetimeMs: 1 });
  const vault = new Vault({ directory: join(directory, "data"), keys, now: () => 0 });
  const audit = join(directory, "data", "audit");
  const rotation = { maxBytes: 1, maxAgeMs: Infinity };
  const sink = await openAuditFile({ directory: audit, now: () => new Date(), vault, encrypted: true, rotation });
  await sink.append(callEntry());
  await sink.close();
  return { audit, name: "audit.000000000001.jsonl" };
}

describe("with --json", () => {
  const printed = async (...given: Parameters<typeof run>) => {
    const { out, err, codes } = await run(...given);
    return [JSON.parse(out), err, codes];
  };

  test("audit shred says which files it was", async () => {
    const { name } = await writeSealed();
    const shred = (...words: string[]) => printed(shredCommand, "-c", config, "--json", ...words);
    expect(await shred("--segment", name)).toEqual([
      { ok: false, error: "nobody is there to be asked: say --yes" },
      "",
      [2],
    ]);
    expect(await shred("--yes", "--segment", name)).toEqual([{ ok: true, files: [name] }, "", [0]]);
    expect(await shred("--yes", "--before", "2020-01-01")).toEqual([{ ok: true, files: [] }, "", [0]]);
  });

  test("audit erase says what the person is called", async () => {
    await writeSealed();
    const { issuer = "", subject = "" } = callEntry().identity ?? {};
    const erase = () =>
      printed(eraseCommand, "-c", config, "--json", "--yes", "--issuer", issuer, "--subject", subject);
    expect(await erase()).toEqual([{ ok: true, person: expect.stringMatching(/^[0-9a-f]{24}$/) }, "", [0]]);
    const again = "there is no key of this person: erased already, or never seen while audit.encryption was on";
    const refused = (error: string) => [{ ok: false, error }, "", [2]];
    expect(await erase()).toEqual(refused(`${again}; there is no issuer "corp" (issuers: builtin)`));
    await writeFile(config, "version: 1\nidentity: { issuers: { corp: { issuer: https://login.example.com/ } } }\n");
    expect(await erase()).toEqual(refused(again));
    await writeFile(config, "version: 1\nidentity: { issuers: 1 }\n");
    expect(await erase()).toEqual(refused(again));
  });
});

describe("audit shred", () => {
  test("takes a file of the same name elsewhere for another one", async () => {
    const { audit, name } = await writeSealed();
    await mkdir(join(directory, "archive"));
    await writeFile(join(directory, "archive", name), "");
    const shred = (path: string) => run(shredCommand, "-c", config, "--yes", "--segment", path);
    for (const elsewhere of [join(directory, "archive", name), `/nowhere/${name}`]) {
      expect(await shred(elsewhere)).toMatchObject({ err: expect.stringContaining("is not in the audit"), codes: [2] });
    }
    expect(await shred(join(audit, name))).toEqual({ out: `shredded 1 file: ${name}\n`, err: "", codes: [0] });
  });
});
