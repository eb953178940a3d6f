import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkOwner, createRing, readRing, replaceRing } from "../../../src/crypto/keyfile.ts";
import type { Ring } from "../../../src/crypto/ring.ts";

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "keyfile-"));
  file = join(directory, "keys.json");
});
afterEach(() => rm(directory, { recursive: true }));

const key = (byte: number, size = 32) => Buffer.alloc(size, byte).toString("base64url");
const ringOf = (byte: number): Ring => ({
  version: 1,
  signing: [
    { createdAtMs: 0, jwk: { kty: "EC", crv: "P-256", x: key(byte), y: key(byte), d: key(byte), kid: key(byte) } },
  ],
  sealing: [{ createdAtMs: 0, kid: key(byte, 4), key: key(byte) }],
  fingerprint: key(byte),
});

test("there is nothing where nothing was put", async () => {
  expect(await readRing(file)).toBeUndefined();
});

test("the first ring stays, whoever else creates one", async () => {
  await createRing(file, ringOf(1));
  await createRing(file, ringOf(2));
  expect((await readRing(file))?.ring).toEqual(ringOf(1));
  expect(await readdir(directory)).toEqual(["keys.json"]);
});

test("a ring that was read can be replaced", async () => {
  await createRing(file, ringOf(1));
  const { owner } = (await readRing(file)) ?? {};
  await replaceRing(file, ringOf(2), owner ?? { uid: 0, gid: 0 });
  expect(await readRing(file)).toEqual({ ring: ringOf(2), owner });
  expect(await readdir(directory)).toEqual(["keys.json"]);
});

test.each<[string, number, number, number | undefined, RegExp | undefined]>([
  ["its owner's", 0o100600, 1000, 1000, undefined],
  ["read-only", 0o100400, 1000, 1000, undefined],
  ["read by root for its owner", 0o100600, 1000, 0, undefined],
  ["on a system without users", 0o100666, 0, undefined, undefined],
  ["another user's", 0o100600, 1001, 1000, /another user/],
  ["root's", 0o100600, 0, 1000, /another user/],
  ["open to its group", 0o100640, 1000, 1000, /chmod 600/],
  ["open to others, read by root", 0o100604, 1000, 0, /chmod 600/],
])("a file that is %s", (_, mode, uid, user, expected) => {
  const check = () => checkOwner(file, { mode, uid }, user);
  if (expected === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(expected);
});
