import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { jwtVerify } from "jose";
import { expect, it } from "vitest";
import { readSigningKey, signCompact } from "../../../src/crypto/compact.ts";

const pemOf = (key: KeyObject) => key.export({ format: "pem", type: "pkcs8" }).toString();
const ec = (namedCurve: string) => pemOf(generateKeyPairSync("ec", { namedCurve }).privateKey);
const rsa = (modulusLength: number) => pemOf(generateKeyPairSync("rsa", { modulusLength }).privateKey);

it.each<[string, string]>([
  ["ES256", ec("P-256")],
  ["ES384", ec("P-384")],
  ["ES512", ec("P-521")],
  ["RS256", rsa(2_048)],
  ["EdDSA", pemOf(generateKeyPairSync("ed25519").privateKey)],
])("signs with %s what another library verifies", async (algorithm, pem) => {
  const key = readSigningKey(pem);
  if ("fault" in key) throw new Error(key.fault);
  const { payload, protectedHeader } = await jwtVerify(
    signCompact(key, { typ: "JWT", kid: "k" }, { sub: "ö" }),
    createPublicKey(pem),
  );
  expect(protectedHeader).toEqual({ alg: algorithm, typ: "JWT", kid: "k" });
  expect(payload).toEqual({ sub: "ö" });
});

it.each<[string, string]>([
  ["text", "canary"],
  ["nothing", ""],
  ["a public key", createPublicKey(ec("P-256")).export({ format: "pem", type: "spki" }).toString()],
  [
    "a key with a passphrase",
    generateKeyPairSync("ed25519")
      .privateKey.export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "canary" })
      .toString(),
  ],
  ["a short RSA key", rsa(1_024)],
  ["a curve that JOSE has no name for", ec("secp224r1")],
  ["a key for something else", pemOf(generateKeyPairSync("x25519").privateKey)],
])("takes no key from %s, and quotes none of it", (_case, pem) => {
  const read = readSigningKey(pem);
  expect(read).toEqual({ fault: expect.stringMatching(/key/) });
  expect(read).toEqual({ fault: expect.not.stringContaining("canary") });
});
