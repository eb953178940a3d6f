import { expect, test } from "vitest";
import { decrypt, encrypt } from "../../../src/crypto/cipher.ts";
import { createWrapper } from "../../../src/crypto/wrap.ts";

const wrapper = createWrapper(Buffer.alloc(32, 1));

test("a key is opened under its name, by its ring, and by nothing else", () => {
  const { key, wrapped } = wrapper.draw("a");
  expect(wrapper.open("a", wrapped)?.equals(key)).toBe(true);
  expect(wrapper.open("b", wrapped)).toBeUndefined();
  expect(createWrapper(Buffer.alloc(32, 2)).open("a", wrapped)).toBeUndefined();
  for (const damaged of ["", "?", wrapped.slice(1), `${wrapped}A`, `${wrapped} `, "\0".repeat(wrapped.length)]) {
    expect(wrapper.open("a", damaged)).toBeUndefined();
  }
});

test("no two encryptions share a nonce, across more than are drawn at once", () => {
  const { key } = wrapper.draw("a");
  const nonces = Array.from({ length: 1_000 }, () => encrypt(key, "", "text").toString("hex", 0, 12));
  expect(new Set(nonces).size).toBe(1_000);
});

test("a text comes back beside the same text only", () => {
  const { key } = wrapper.draw("a");
  const bytes = encrypt(key, "beside", "häßlich");
  expect(decrypt(key, "beside", bytes)).toBe("häßlich");
  expect(decrypt(key, "aside", bytes)).toBeUndefined();
  expect(decrypt(key, "beside", bytes.subarray(0, 20))).toBeUndefined();
});
