import { createSecretKey, randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { seal, unseal } from "../../src/crypto/seal.ts";

const key = { kid: randomBytes(4), key: createSecretKey(randomBytes(32)) };
const payloads = fc.dictionary(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), {
  noNullPrototype: true,
});
const purposes = fc.string({ unit: "grapheme", maxLength: 40 });

test("what was sealed is what opens", () => {
  fc.assert(
    fc.property(payloads, purposes, (payload, purpose) => {
      expect(unseal([key], purpose, seal(key, purpose, payload, randomBytes))).toEqual(payload);
    }),
  );
});

test("no bit can be flipped", () => {
  fc.assert(
    fc.property(payloads, fc.nat(), (payload, position) => {
      const bytes = Buffer.from(seal(key, "session", payload, randomBytes), "base64url");
      const bit = position % (bytes.length * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(unseal([key], "session", bytes.toString("base64url"))).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

test("no character can be changed", () => {
  const alphabet = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= "];
  const sealed = seal(key, "session", { a: 1 }, randomBytes);
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.constantFrom(...alphabet), (at, character) => {
      fc.pre(sealed[at] !== character);
      expect(unseal([key], "session", sealed.slice(0, at) + character + sealed.slice(at + 1))).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

test("no other purpose opens it", () => {
  fc.assert(
    fc.property(purposes, purposes, (purpose, other) => {
      fc.pre(purpose !== other);
      expect(unseal([key], other, seal(key, purpose, {}, randomBytes))).toBeUndefined();
    }),
  );
});

test("whatever text comes, it opens nothing and throws nothing", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.uint8Array({ minLength: 30 })), (input) => {
      const text = typeof input === "string" ? input : Buffer.from(input).toString("base64url");
      expect(unseal([key], "session", text)).toBeUndefined();
    }),
  );
});
