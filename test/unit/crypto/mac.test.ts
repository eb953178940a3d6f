import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createMac } from "../../../src/crypto/mac.ts";

it("is HMAC-SHA-256 of label, NUL and text", () => {
  const keys = fc.uint8Array({ maxLength: 64 });
  const texts = fc.tuple(fc.string({ unit: "binary", maxLength: 200 }), fc.constantFrom(1, 100));
  fc.assert(
    fc.property(keys, fc.string(), texts, (key, label, [part, times]) => {
      const text = part.repeat(times);
      const mac = createMac(key);
      const expected = createHmac("sha256", key)
        .update(Buffer.from(`${label}\0${text}`))
        .digest("base64url");
      expect([mac(label, text), mac(label, text)]).toEqual([expected, expected]);
    }),
  );
});

it("takes no key that would have to be hashed first", () => {
  expect(() => createMac(Buffer.alloc(65))).toThrow(RangeError);
});
