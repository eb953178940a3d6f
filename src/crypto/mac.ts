import { createHash, hash } from "node:crypto";

/** Block size of SHA-256 in bytes. */
const blockBytes = 64;
const digestBytes = 32;

/** From here on, in UTF-16 code units, copying the text costs more than a hash object. */
const longText = 2_048;
/** UTF-8 takes three bytes for a code unit at most. */
const maxBytesOfUnit = 3;

/**
 * HMAC-SHA-256 (RFC 2104) under one key, as unpadded base64url, for short texts: two calls of the one-shot hash, over blocks that
 * are kept and with text for a result, take 1.0 µs, an `Hmac` object 1.5, and buffers made anew 2.0.
 *
 * @param key at most 64 bytes
 * @returns the code of a text under a label, which are kept apart by a NUL, as UTF-8
 */
export function createMac(key: Uint8Array): (label: string, text: string) => string {
  if (key.length > blockBytes) throw new RangeError("the key is longer than a block");
  const inner = Buffer.alloc(blockBytes + longText * maxBytesOfUnit, 0x36);
  const outer = Buffer.alloc(blockBytes + digestBytes, 0x5c);
  for (const [at, byte] of key.entries()) {
    inner[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  }
  const innerPad = inner.subarray(0, blockBytes);
  /** The digest as Latin-1, a character for each byte. */
  const digestShort = (text: string) => {
    const length = inner.write(text, blockBytes, "utf8");
    return hash("sha256", inner.subarray(0, blockBytes + length), "latin1");
  };
  // Not one text with the label, which would be copied to be made.
  const digestLong = (label: string, text: string) =>
    createHash("sha256").update(innerPad).update(`${label}\0`).update(text).digest("latin1");
  return (label, text) => {
    const isLong = label.length + 1 + text.length > longText;
    outer.write(isLong ? digestLong(label, text) : digestShort(`${label}\0${text}`), blockBytes, "latin1");
    return hash("sha256", outer, "base64url");
  };
}
