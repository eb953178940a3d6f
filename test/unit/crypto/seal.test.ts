import { createSecretKey, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { readBase64url } from "../../../src/crypto/base64url.ts";
import { type SealingKey, seal, unseal } from "../../../src/crypto/seal.ts";

const makeKey = (kid: number): SealingKey => ({
  kid: Buffer.of(0, 0, 0, kid),
  key: createSecretKey(randomBytes(32)),
});

test("opens what it sealed, under every key of the ring", () => {
  const [older, newer] = [makeKey(1), makeKey(2)];
  const payload = { upstreamId: "ü-1", at: 7, nested: { list: [1, null] } };
  for (const key of [older, newer]) {
    expect(unseal([older, newer], "session", seal(key, "session", payload, randomBytes))).toEqual(payload);
  }
});

test("is visible ASCII that fits a header, and never twice the same", () => {
  const key = makeKey(1);
  const texts = [1, 2].map(() => seal(key, "session", { id: 1 }, randomBytes));
  expect(texts[0]).not.toBe(texts[1]);
  for (const text of texts) expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
});

test("lays out version, key id and nonce as documented", () => {
  const nonce = Buffer.alloc(12, 9);
  const bytes = Buffer.from(
    seal(makeKey(5), "p", {}, () => nonce),
    "base64url",
  );
  expect([...bytes.subarray(0, 5)]).toEqual([1, 0, 0, 0, 5]);
  expect(bytes.subarray(5, 17)).toEqual(nonce);
  expect(bytes.length).toBe(17 + 2 + 16);
});

const key = makeKey(1);
const sealed = seal(key, "session", { id: 1 }, randomBytes);
const bytesOf = (text: string) => Buffer.from(text, "base64url");

test.each([
  ["nothing", ""],
  ["a short text", "AQ"],
  ["a head without the rest", bytesOf(sealed).subarray(0, 32).toString("base64url")],
  ["padding", `${sealed}=`],
  ["white space", `${sealed} `],
  ["a foreign character within", `${sealed.slice(0, 9)}!${sealed.slice(9)}`],
  ["another version", Buffer.concat([Buffer.of(2), bytesOf(sealed).subarray(1)]).toString("base64url")],
  ["a byte more", Buffer.concat([bytesOf(sealed), Buffer.of(0)]).toString("base64url")],
  ["a byte less", bytesOf(sealed).subarray(0, -1).toString("base64url")],
])("refuses %s", (_, text) => {
  expect(unseal([key], "session", sealed)).toEqual({ id: 1 });
  expect(unseal([key], "session", text)).toBeUndefined();
});

test("refuses the standard alphabet, which lenient decoders take for the same bytes", () => {
  const nonce = Buffer.alloc(12, 0xff);
  const text = seal(key, "session", {}, () => nonce);
  const respelled = text.replaceAll("_", "/").replaceAll("-", "+");
  expect(respelled).not.toBe(text);
  expect(bytesOf(respelled)).toEqual(bytesOf(text));
  expect(unseal([key], "session", respelled)).toBeUndefined();
});

test("refuses a key that left the ring, and one that took over its id", () => {
  expect(unseal([], "session", sealed)).toBeUndefined();
  expect(unseal([makeKey(2)], "session", sealed)).toBeUndefined();
  expect(unseal([makeKey(1)], "session", sealed)).toBeUndefined();
});

test.each([
  ["QQ", Buffer.of(0x41)],
  ["", Buffer.alloc(0)],
  ["-_8", Buffer.of(0xfb, 0xff)],
  ["QR", undefined],
  ["QQ==", undefined],
  ["Q", undefined],
  ["+/8", undefined],
  ["Q Q", undefined],
])("reads base64url %j canonically", (text, bytes) => {
  expect(readBase64url(text)).toEqual(bytes);
});
