import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { calculateJwkThumbprint, createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";
import { KeyFileError } from "../../../src/crypto/keyfile.ts";
import { type Keyring, openKeyring, refreshEveryMs } from "../../../src/crypto/keyring.ts";
import { rotateAfterMs, settleMs } from "../../../src/crypto/ring.ts";

const startMs = Date.UTC(2026, 0, 1);
let root: string;
let directory: string;
let file: string;
let nowMs: number;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "keyring-"));
  directory = join(root, "state");
  file = join(directory, "keys.json");
  nowMs = startMs;
});
afterEach(() => rm(root, { recursive: true }));

const open = (): Promise<Keyring> => openKeyring(directory, { now: () => nowMs, sessionLifetimeMs: 86_400_000 });
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
const kidOf = async (ring: Keyring) => decodeProtectedHeader(await ring.signToken({})).kid;

test("makes a directory and a file that only their owner may use", async () => {
  await open();
  expect(await modeOf(directory)).toBe(0o700);
  expect(await modeOf(file)).toBe(0o600);
  expect(await readdir(directory)).toEqual(["keys.json"]);
});

test("opens the same ring again", async () => {
  const first = await open();
  const again = await open();
  expect(again.unseal("p", first.seal("p", { a: 1 }))).toEqual({ a: 1 });
  expect(again.publicJwks()).toEqual(first.publicJwks());
  expect(again.fingerprint("l", "t")).toBe(first.fingerprint("l", "t"));
});

test("whoever starts at the same time ends with the same ring", async () => {
  const rings = await Promise.all(Array.from({ length: 8 }, open));
  expect(new Set(rings.map((ring) => ring.fingerprint("l", "t"))).size).toBe(1);
  expect(new Set(rings.map((ring) => JSON.stringify(ring.publicJwks()))).size).toBe(1);
  expect(await readdir(directory)).toEqual(["keys.json"]);
});

test.each([0o640, 0o604, 0o660, 0o620])("refuses mode %o", async (mode) => {
  await open();
  await chmod(file, mode);
  await expect(open()).rejects.toThrow(/open to other users.*chmod 600/);
});

const sound = { version: 1, signing: [], sealing: [], fingerprint: "secret-material" };
test.each([
  ["nothing", ""],
  ["half a file", '{"version":1,"fingerprint":"secret-material'],
  ["another format", JSON.stringify({ keys: ["secret-material"] })],
  ["no keys", JSON.stringify(sound)],
  ["a later version", JSON.stringify({ ...sound, version: 2 })],
])("refuses %s, quotes nothing, and leaves it as it is", async (_, text) => {
  await mkdir(directory);
  await writeFile(file, text, { mode: 0o600 });
  const error: unknown = await open().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(KeyFileError);
  expect((error as Error).message).toContain(file);
  expect((error as Error).message).not.toContain("secret");
  expect((error as Error).cause).toBeUndefined();
  expect(await readFile(file, "utf8")).toBe(text);
});

test("follows no symbolic link and reads no directory", async () => {
  await open();
  await rename(file, join(root, "elsewhere"));
  await symlink(join(root, "elsewhere"), file);
  await expect(open()).rejects.toThrow(/ELOOP/);
  await rm(file);
  await mkdir(file, { mode: 0o700 });
  await expect(open()).rejects.toThrow(/not a key file/);
});

test("says so when the directory cannot be made", async () => {
  await writeFile(directory, "a file");
  await expect(open()).rejects.toThrow(KeyFileError);
});

test("signs tokens that its public keys verify, and shows no private part", async () => {
  const ring = await open();
  const set = ring.publicJwks();
  const { payload, protectedHeader } = await jwtVerify(await ring.signToken({ sub: "ann" }), createLocalJWKSet(set));
  expect(payload.sub).toBe("ann");
  expect(protectedHeader).toEqual({ alg: "ES256", typ: "at+jwt", kid: set.keys[0]?.kid });
  expect(Object.keys(set.keys[0] ?? {}).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
  expect(set.keys[0]?.kid).toBe(await calculateJwkThumbprint(set.keys[0] ?? { kty: "" }));
});

test("fingerprints are short, keyed, and apart by label", async () => {
  const ring = await open();
  expect(ring.fingerprint("session", "a")).toMatch(/^[A-Za-z0-9_-]{16}$/);
  expect(ring.fingerprint("session", "a")).not.toBe(ring.fingerprint("subject", "a"));
  expect(ring.fingerprint("session", "a")).not.toBe(ring.fingerprint("session", "b"));
  await rm(file);
  expect((await open()).fingerprint("session", "a")).not.toBe(ring.fingerprint("session", "a"));
});

test("a rotated key is published and settles before it is used; the old one still opens and verifies", async () => {
  const ring = await open();
  const [oldKid, token, sealed] = [await kidOf(ring), await ring.signToken({}), ring.seal("p", {})];
  nowMs += rotateAfterMs + 1;
  expect(await ring.refresh()).toBe(true);
  expect(ring.publicJwks().keys).toHaveLength(2);
  expect(await kidOf(ring)).toBe(oldKid);
  nowMs += settleMs;
  expect(await kidOf(ring)).not.toBe(oldKid);
  expect(ring.unseal("p", sealed)).toEqual({});
  await jwtVerify(token, createLocalJWKSet(ring.publicJwks()));
  expect(await modeOf(file)).toBe(0o600);
  expect(await readdir(directory)).toEqual(["keys.json"]);
});

test("a process that refreshes in time knows each key before another process uses it", async () => {
  const [ours, theirs] = [await open(), await open()];
  nowMs += rotateAfterMs + 1;
  await Promise.all([ours.refresh(), theirs.refresh()]);
  nowMs += refreshEveryMs;
  await ours.refresh();
  await theirs.refresh();
  nowMs += settleMs;
  expect(ours.unseal("p", theirs.seal("p", { a: 1 }))).toEqual({ a: 1 });
  expect(await kidOf(ours)).toBe(await kidOf(theirs));
});

test("refreshing an unchanged ring changes nothing, not even the published object", async () => {
  const ring = await open();
  const set = ring.publicJwks();
  expect(await ring.refresh()).toBe(false);
  expect(ring.publicJwks()).toBe(set);
});

test("when the file is gone while running, the keys stay and nothing is made anew", async () => {
  const ring = await open();
  const sealed = ring.seal("p", {});
  await rm(file);
  await expect(ring.refresh()).rejects.toThrow(/is gone/);
  expect(ring.unseal("p", sealed)).toEqual({});
  expect(await readdir(directory)).toEqual([]);
});
