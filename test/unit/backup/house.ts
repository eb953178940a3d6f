import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { Encrypter, generateIdentity, identityToRecipient } from "age-encryption";
import { packTar, type TarEntry } from "modern-tar";
import { checkpointName } from "../../../src/audit/files/layout.ts";
import { openAuditFile } from "../../../src/audit/write/audit-file.ts";
import type { Manifest } from "../../../src/backup/manifest.ts";
import { backupCommand } from "../../../src/commands/backup.ts";
import { openKeyring } from "../../../src/crypto/keyring.ts";
import { callEntry } from "../audit/entries.ts";
import { run, type Said } from "../commands/run.ts";
import { configWith, policy, writeTree } from "../config/fixture.ts";

/** What a gateway has written: its keys, and a trail of a start, calls, a checkpoint and a stop, in files of 2 KiB, the first of which is compressed. */
export interface House {
  readonly directory: string;
  readonly config: string;
  readonly identityFile: string;
  readonly recipient: string;
  at(name: string): string;
}

export async function buildHouse(
  files: Readonly<Record<string, string>> = {},
  places = { state: "data", audit: "data/audit" },
): Promise<House> {
  const extra = `state: { directory: ${places.state} }\naudit: { directory: ${places.audit} }\n`;
  const directory = await writeTree({
    "etc/sallyport.yaml": configWith(extra),
    "etc/policies/all.yaml": policy,
    "etc/policies/all_test.yaml": "version: 1\nidentities: {}\nrequests: {}\ntests: []\n",
    ...files,
  });
  const at = (name: string) => join(directory, "etc", name);
  const keyring = await openKeyring(at(places.state), { now: Date.now, sessionLifetimeMs: 1_000 });
  const audit = at(places.audit);
  await mkdir(dirname(audit), { recursive: true });
  const sink = await openAuditFile({
    directory: audit,
    now: () => new Date(),
    rotation: { maxBytes: 2_048, maxAgeMs: Infinity },
    checkpoints: {
      signer: keyring.notary,
      everyRecords: 1_000,
      everyMs: 60_000,
      path: join(at(places.state), checkpointName(audit, 1)),
    },
  });
  for (let id = 1; id <= 8; id += 1) await sink.append(callEntry({ id: `call-${id}` }));
  await sink.close();
  const closed = join(audit, "audit.000000000001.jsonl");
  await writeFile(`${closed}.gz`, gzipSync(await readFile(closed)));
  await rm(closed);
  const identity = await generateIdentity();
  const identityFile = join(directory, "identity.txt");
  await writeFile(identityFile, `# made for a test\n${identity}\n`, { mode: 0o600 });
  return { directory, config: at("sallyport.yaml"), identityFile, recipient: await identityToRecipient(identity), at };
}

export function backup(...words: readonly string[]): Promise<Said> {
  return run(backupCommand, ...words);
}

/** Makes a backup of a house and says where it is. */
export async function backUp(house: House): Promise<string> {
  const out = join(house.directory, "house.age");
  const { codes, err } = await backup("create", "-c", house.config, "--out", out, "--recipient", house.recipient);
  if (codes.join() !== "0") throw new Error(err);
  return out;
}

/** An archive by somebody who knows the public key, with whatever entries. */
export async function forge(
  house: House,
  manifest: unknown,
  entries: readonly TarEntry[],
  name = "manifest.json",
): Promise<string> {
  const text = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
  const first = { header: { name, size: Buffer.byteLength(text) }, body: text };
  const encrypter = new Encrypter();
  encrypter.addRecipient(house.recipient);
  const file = join(house.directory, "forged.age");
  await writeFile(file, await encrypter.encrypt(await packTar([first, ...entries])));
  return file;
}

/** A manifest of one file, `sallyport.yaml` with the text `hello`. */
export const oneFile: Manifest = {
  version: 1,
  created: "2026-08-01T10:00:00.000Z",
  by: "0.1.0",
  config: "sallyport.yaml",
  state: { path: "data", from: "/etc/data" },
  audit: { path: "data/audit", from: "/etc/data/audit" },
  files: [
    {
      path: "sallyport.yaml",
      kind: "config",
      bytes: 5,
      sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    },
  ],
  trails: [],
};

export const hello: TarEntry = { header: { name: "files/sallyport.yaml", size: 5 }, body: "hello" };
