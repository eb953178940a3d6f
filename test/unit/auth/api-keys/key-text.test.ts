import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawApiKey, readApiKey } from "../../../../src/auth/api-keys/key-text.ts";

/** Random bytes that are known beforehand. */
function takeFrom(bytes: Uint8Array): (size: number) => Uint8Array {
  let used = 0;
  return (size) => {
    used += size;
    return bytes.subarray(used - size, used);
  };
}

describe("an API key", () => {
  it("looks the same each time, and is read back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 40, maxLength: 40 }), (bytes) => {
        const { text, id, secret } = drawApiKey(takeFrom(bytes));
        expect(text).toMatch(/^spk_[0-9A-Za-z]{11}_[0-9A-Za-z]{49}$/);
        expect(readApiKey(text)).toEqual({ id, secret });
      }),
    );
  });

  it("is another one for each change of the random bytes", () => {
    const drawn = Array.from({ length: 40 }, (_, at) => {
      const bytes = Buffer.alloc(40, 7);
      bytes[at] = 8;
      return drawApiKey(takeFrom(bytes)).text;
    });
    expect(new Set(drawn).size).toBe(40);
  });

  it("is not read with any of its characters changed, missing or twice", () => {
    const { text } = drawApiKey(randomBytes);
    for (let at = 0; at < text.length; at += 1) {
      const other = text[at] === "x" ? "y" : "x";
      expect(readApiKey(text.slice(0, at) + other + text.slice(at + 1)), `${at} changed`).toBeUndefined();
      expect(readApiKey(text.slice(0, at) + text.slice(at + 1)), `${at} missing`).toBeUndefined();
      expect(readApiKey(text.slice(0, at + 1) + text.slice(at)), `${at} twice`).toBeUndefined();
    }
  });
});
