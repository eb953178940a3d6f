import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createMac } from "../../../src/crypto/mac.ts";

it("is HMAC-SHA-256", () => {
  const keys = fc.uint8Array({ maxLength: 64 });
  const texts = fc.tuple(fc.string({ unit: "binary", maxLength: 200 }), fc.constantFrom(1, 100));
  fc.assert(
    fc.property(keys, texts, (key, [part, times]) => {
      const text = part.repeat(times);
      expect(createMac(key)(text)).toEqual(createHmac("sha256", key).update(Buffer.from(text)).digest());
    }),
  );
});

it("takes no key that would have to be hashed first", () => {
  expect(() => createMac(Buffer.alloc(65))).toThrow(RangeError);
});
