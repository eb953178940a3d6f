import { createHash, hash } from "node:crypto";

/** Block size of SHA-256 in bytes. */
const blockBytes = 64;

/** From here on, in UTF-16 code units, copying the text costs more than a hash object. */
const longText = 2_048;

/**
 * HMAC-SHA-256 (RFC 2104) under one key, for short texts: two calls of the one-shot hash take a third of the time that an
 * `Hmac` object takes to be made.
 *
 * @param key at most 64 bytes
 * @returns the 32 bytes of a text's code, as UTF-8
 */
export function createMac(key: Uint8Array): (text: string) => Buffer {
  if (key.length > blockBytes) throw new RangeError("the key is longer than a block");
  const padded = Buffer.alloc(blockBytes);
  padded.set(key);
  const inner = padded.map((byte) => byte ^ 0x36);
  const outer = padded.map((byte) => byte ^ 0x5c);
  const digest = (pad: Uint8Array, bytes: Uint8Array) => hash("sha256", Buffer.concat([pad, bytes]), "buffer");
  const digestLong = (text: string) => createHash("sha256").update(inner).update(text).digest();
  return (text) => digest(outer, text.length < longText ? digest(inner, Buffer.from(text)) : digestLong(text));
}
