import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { generateIdentity } from "age-encryption";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkpointName, ledgerName } from "../../../src/audit/files/layout.ts";
import { readHold, writeHold } from "../../../src/audit/keep/hold.ts";
import { inspect } from "../../../src/backup/check.ts";
import { unpackArchive } from "../../../src/backup/unpack.ts";
import { openSqliteStore } from "../../../src/state/sqlite-store.ts";
import { backUp, backup, buildHouse, type House } from "./house.ts";

let house: House;
let temporary: string;

beforeEach(async () => {
  house = await buildHouse();
  temporary = join(house.directory, "tmp");
  await mkdir(temporary);
  vi.stubEnv("TMPDIR", temporary);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

function create(...words: readonly string[]): ReturnType<typeof backup> {
  return backup("create", "-c", house.config, "--out", out(), ...words);
}

function out(): string {
  return join(house.directory, "house.age");
}

function verify(...words: readonly string[]): ReturnType<typeof backup> {
  return backup("verify", out(), "--identity", house.identityFile, ...words);
}

/** Restores it, and says where to. */
async function restore(...words: readonly string[]) {
  const target = join(house.directory, "restored");
  const said = await backup("restore", out(), "--identity", house.identityFile, "--to", target, ...words);
  return { target, ...said };
}

/** Every file below a directory with its text, by its path. */
async function readTree(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const read = await Promise.all(
    files.map(async (path) => [relative(directory, path), await readFile(path, "latin1")] as const),
  );
  return Object.fromEntries(read);
}

/** What is left of the temporary directories. */
function findLeft(): Promise<string[]> {
  return readdir(temporary);
}

describe("backup create, verify and restore", () => {
  it("bring everything back as it was, for its owner alone", async () => {
    const before = await readTree(dirname(house.config));
    const made = await create("--recipient", house.recipient, "--json");
    expect(made.codes).toEqual([0]);
    const checkpoint = checkpointName(house.at("data/audit"), 1);
    expect(JSON.parse(made.out)).toMatchObject({ ok: true, files: { config: 1, policy: 1, suite: 1, state: 2 } });
    expect((await stat(out())).mode & 0o777).toBe(0o600);
    expect((await readdir(house.directory)).toSorted()).toEqual(["etc", "house.age", "identity.txt", "tmp"]);
    expect(await readFile(out(), "latin1")).not.toMatch(/publicUrl|"signing"|call-1/);

    const checked = await verify();
    expect([checked.codes, checked.err]).toEqual([[0], ""]);
    expect(checked.out).toMatch(
      /^ok\n[\s\S]*\ntrail 1 {3}up to record \d+, hash [0-9a-f]{64}\nkeys {6}sallyport-audit-/,
    );
    expect(await findLeft()).toEqual([]);

    const restored = await restore("--json");
    expect(JSON.parse(restored.out)).toMatchObject({ config: join(restored.target, "sallyport.yaml"), moves: [] });
    const after = await readTree(restored.target);
    // Where the audit directory has another path, so has its checkpoint.
    const renamed = checkpointName(join(restored.target, "data/audit"), 1);
    expect(after[`data/${renamed}`]).toBe(before[`data/${checkpoint}`]);
    const withoutCheckpoint = ({ [`data/${checkpoint}`]: _old, [`data/${renamed}`]: _new, ...rest }: typeof after) =>
      rest;
    expect(withoutCheckpoint(after)).toEqual(withoutCheckpoint(before));
    for (const entry of await readdir(restored.target, { recursive: true, withFileTypes: true })) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      expect([entry.name, mode & 0o777]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
    }
  });

  it("say that what was revoked since then is so no more, where there is a store", async () => {
    const warning = "is so no more: do it anew";
    expect((await create("--recipient", house.recipient)).codes).toEqual([0]);
    const without = await restore();
    expect([without.codes, without.out.includes(warning)]).toEqual([[0], false]);
    await rm(without.target, { recursive: true });
    openSqliteStore(house.at("data/state.db"), Date.now).close();
    expect((await create("--recipient", house.recipient, "--force")).codes).toEqual([0]);
    const { out: said } = await restore();
    const [, made = "no time"] = /^made {6}(\S+) by/.exec(said) ?? [];
    expect(said).toContain(`What was revoked, disabled, changed or used after ${made} ${warning}`);
  });

  it("give what is named after the path of the audit directory the name that is looked for, of each trail", async () => {
    const namesAt = (audit: string) => [1, 2].map((number) => `data/${ledgerName(audit, number)}`);
    const [before, ledger] = [namesAt(house.at("data/audit")), '{"audit.000000000001.jsonl":{}}\n'];
    for (const name of before) await writeFile(house.at(name), ledger);
    expect((await create("--recipient", house.recipient)).codes).toEqual([0]);
    const { target, codes } = await restore();
    const after = await readTree(target);
    expect([codes, namesAt(join(target, "data/audit")).map((name) => after[name])]).toEqual([[0], [ledger, ledger]]);
    expect(before.filter((name) => name in after)).toEqual([]);
  });

  it("work with a passphrase", async () => {
    const file = join(house.directory, "passphrase");
    await writeFile(file, "correct horse battery\n", { mode: 0o600 });
    expect((await create("--passphrase-file", file)).codes).toEqual([0]);
    expect((await backup("verify", out(), "--passphrase-file", file)).codes).toEqual([0]);
    await writeFile(file, "correct horse batterz\n");
    const wrong = await backup("verify", out(), "--passphrase-file", file);
    expect([wrong.codes, wrong.err]).toEqual([[2], expect.stringContaining("passphrase does not open it")]);
  });

  it("say what has to be moved where the configuration names directories outside of its own", async () => {
    house = await buildHouse({}, { state: "../lib", audit: "../lib/trail" });
    expect((await create("--recipient", house.recipient)).codes).toEqual([0]);
    expect((await verify()).codes).toEqual([0]);
    const { target, out: said } = await restore("--json");
    const lib = join(house.directory, "lib");
    expect(JSON.parse(said).moves).toEqual([
      { from: join(target, "elsewhere", lib), to: join(house.directory, "lib") },
      { from: join(target, "elsewhere", lib, "trail"), to: join(house.directory, "lib", "trail") },
    ]);
    expect(await readTree(join(target, "elsewhere", lib))).toEqual(await readTree(lib));
  });

  it("leave out what is not the gateway's own, or is there for a moment", async () => {
    await backUp(house);
    await rm(out());
    await mkdir(house.at("data/audit-people"));
    const order = "audit-00112233.order";
    const orders = [order, `${order}.answer`, `${order}.6c1f0b1e-5d1c-4f0e-9d0a-0123456789ab`];
    for (const name of ["keys.json.new", "x.tmp", "audit/audit.lock", "audit/notes.txt", ...orders]) {
      await writeFile(house.at(`data/${name}`), "x");
    }
    await writeFile(house.at("data/audit-people/ann.key.4711"), "a key that is being stored");
    await writeFile(house.at("data/audit-people/ben.key"), Buffer.alloc(64));
    await symlink("/etc/passwd", house.at("data/link"));
    await mkdir(house.at("data/more"));
    await writeFile(house.at("data/more/kept"), "x");
    await writeFile(house.at("data/older.age"), "age-encryption.org/v1\nx");
    expect((await create("--recipient", house.recipient)).codes).toEqual([0]);
    const found = Object.keys(await readTree((await restore()).target));
    const names = [
      /^sallyport.yaml$/,
      /^policies\/all(_test)?.yaml$/,
      /^data\/(keys.json|audit-\w+.checkpoint|more\/kept)$/, // a key that is being destroyed is zeros
    ];
    expect(
      found.filter((name) => ![...names, /^data\/audit\/audit[.\d]*.jsonl/].some((form) => form.test(name))),
    ).toEqual([]);
    expect(found).toContain("data/more/kept");
  });
});

it("brings a legal hold along", async () => {
  await writeHold(house.at("data/audit"), { since: "2026-08-01T10:00:00.000Z", reason: "case 7/2026" });
  await backUp(house);
  const { target } = await restore();
  expect(await readHold(join(target, "data/audit"))).toMatchObject({ reason: "case 7/2026" });
});

it("opens checkpoints before the trails, and keys behind them, since a gateway writes on meanwhile", async () => {
  await mkdir(house.at("data/audit-keys"));
  await writeFile(house.at("data/audit-keys/a.key"), "x");
  const restored = join(house.directory, "restored");
  await mkdir(restored);
  const opener = { identityFile: house.identityFile };
  const options = { file: await backUp(house), opener, signal: new AbortController().signal, say: () => {} };
  const { files } = await unpackArchive(options, restored);
  const order = files.map(({ path, kind }) => (path.endsWith(".checkpoint") ? "checkpoint" : kind));
  expect(order.filter((kind, at) => kind !== order[at - 1])).toEqual([
    ...["config", "policy", "suite", "checkpoint", "audit", "state"],
  ]);
});

describe("backup create refuses: 2, and leaves no file", () => {
  it.each<[string, (house: House) => Promise<readonly string[]>, string]>([
    ["to write what everybody can read", async () => [], "who may open the backup?"],
    ["a key that is none", async () => ["--recipient", "age1nonsense"], "age1nonsense: this is no public key"],
    ["a secret key", async () => ["--recipient", await generateIdentity()], "this is a secret key"],
    ["a passphrase that is short", () => passphrase("short"), "needs 12 characters"],
    ["a passphrase of white space", () => passphrase(" ".repeat(20)), "needs 12 characters"],
    ["a passphrase of two lines", () => passphrase("correct horse\nbattery staple"), "expected one line"],
    ["a passphrase that everybody can read", () => passphrase("correct horse battery", 0o644), "open to other users"],
    [
      "a configuration that is not there",
      async () => ["-c", "/nowhere.yaml", "--recipient", house.recipient],
      "no such file",
    ],
    [
      "a gateway without keys",
      async () => {
        await rm(house.at("data/keys.json"));
        return ["--recipient", house.recipient];
      },
      "there are no keys",
    ],
    [
      "a name that no restore takes",
      async () => {
        await writeFile(house.at("policies/a\u200db.yaml"), await readFile(house.at("policies/all.yaml")));
        return ["--recipient", house.recipient];
      },
      "policies/a\\u{200d}b.yaml: a backslash, and characters that are not seen",
    ],
    [
      "policies that are not there",
      async () => {
        await rm(house.at("policies"), { recursive: true });
        return ["--recipient", house.recipient];
      },
      "this matches no policy file",
    ],
  ])("%s", async (_, prepare, reason) => {
    const { codes, out: said, err } = await create(...(await prepare(house)));
    expect([codes, said, err]).toEqual([[2], "", expect.stringContaining(reason)]);
    expect(err).not.toMatch(/SECRET|short\n|correct|battery/);
    expect((await readdir(house.directory)).filter((name) => name.includes(".age"))).toEqual([]);
  });

  it("to replace a file, unless it is told to", async () => {
    await writeFile(out(), "precious", { mode: 0o644 });
    const refused = await create("--recipient", house.recipient);
    expect([refused.codes, refused.err]).toEqual([[2], expect.stringContaining("--force replaces it")]);
    expect(await readFile(out(), "utf8")).toBe("precious");
    expect((await create("--recipient", house.recipient, "--force")).codes).toEqual([0]);
    expect((await stat(out())).mode & 0o777).toBe(0o600);
    expect((await verify()).codes).toEqual([0]);
  });

  async function passphrase(text: string, mode = 0o600): Promise<readonly string[]> {
    const file = join(house.directory, "passphrase");
    await writeFile(file, `${text}\n`);
    await chmod(file, mode);
    return ["--passphrase-file", file];
  }
});

describe("backup verify", () => {
  it.each<[string, () => Promise<unknown>, string]>([
    ["a key ring that is none", () => writeFile(house.at("data/keys.json"), "{}"), "keys: "],
    [
      "a policy with a mistake",
      () => change("policies/all.yaml", "tools:", "tolls:"),
      "configuration: policies/all.yaml:2",
    ],
    ["a policy for no server", () => change("policies/all.yaml", "server: weather", "server: wether"), "wether"],
    [
      "a configuration with a mistake",
      () => change("sallyport.yaml", "https:", "ftp:"),
      "configuration: sallyport.yaml:",
    ],
    ["a record that was changed", changeRecord, "trail: audit.000000000001.jsonl.gz:1: edited"],
    [
      "a trail that is gone, with a checkpoint of it left",
      () => rm(house.at("data/audit"), { recursive: true }),
      "trail: the last checkpoint of sallyport-audit-",
    ],
    ["an end that was cut off", () => rm(house.at("data/audit/audit.jsonl")), "trail: "],
  ])("finds %s: 1", async (_, harm, finding) => {
    await harm();
    expect((await create("--recipient", house.recipient)).codes).toEqual([0]);
    const { codes, out: said } = await verify();
    expect(codes).toEqual([1]);
    expect(said).toMatch(/^NOT ok: /);
    expect(said).toContain(finding);
    expect(said).not.toContain(temporary);
    expect(JSON.parse((await verify("--json")).out)).toMatchObject({ ok: false, findings: [expect.any(String)] });
    expect(await findLeft()).toEqual([]);
  });

  it("finds a trail that does not end as it did", async () => {
    const opener = { identityFile: house.identityFile };
    const restored = join(house.directory, "restored");
    await mkdir(restored);
    const options = { file: await backUp(house), opener, signal: new AbortController().signal, say: () => {} };
    const manifest = await unpackArchive(options, restored);
    expect((await inspect(restored, manifest)).findings).toEqual([]);
    const trails = manifest.trails.map((head) => ({ ...head, seq: head.seq + 1 }));
    const { findings } = await inspect(restored, { ...manifest, trails });
    expect(findings).toEqual([expect.stringContaining(`does not end with record ${trails[0]?.seq}`)]);
  });

  it.each<[string, () => Promise<readonly string[]>, string]>([
    ["no key", async () => [out()], "what opens the backup?"],
    [
      "a file that is not there",
      async () => ["/nowhere", "--identity", house.identityFile],
      "/nowhere: it cannot be read",
    ],
    ["a file that is no backup", async () => [house.config, "--identity", house.identityFile], "this is no backup"],
    ["a file that is no key", async () => [out(), "--identity", await writeKey("nonsense")], "no secret key of age"],
    ["a file without a key", async () => [out(), "--identity", await writeKey("# nothing")], "there is no key in it"],
    ["another key", async () => [out(), "--identity", await writeKey(await generateIdentity())], "does not open it"],
  ])("cannot open it with %s: 2", async (_, prepare, reason) => {
    await backUp(house);
    const words = await prepare();
    const { codes, out: said, err } = await backup("verify", ...words);
    expect([codes, said, err]).toEqual([[2], "", expect.stringContaining(reason)]);
    expect(err).not.toMatch(/nonsense|SECRET/);
    const json = await backup("verify", ...words, "--json");
    expect(JSON.parse(json.out)).toEqual({ ok: false, error: expect.stringContaining(reason) });
  });

  async function change(name: string, before: string, after: string): Promise<void> {
    const text = await readFile(house.at(name), "utf8");
    await writeFile(house.at(name), text.replace(before, after));
  }

  async function changeRecord(): Promise<void> {
    const file = house.at("data/audit/audit.000000000001.jsonl.gz");
    const text = gunzipSync(await readFile(file)).toString();
    await writeFile(file, gzipSync(text.replace('"event":"start"', '"event":"stop"')));
  }

  async function writeKey(text: string): Promise<string> {
    const file = join(house.directory, "other.txt");
    await writeFile(file, text, { mode: 0o600 });
    return file;
  }
});
