/**
 * Sealed texts: what the gateway hands out, gets back, and must find unread and unchanged. AES-256-GCM (NIST SP 800-38D)
 * with a random nonce: section 8.3 allows 2^32 texts a key, which is 1,600 a second for the month that a key serves; at
 * six times as many, two nonces meet with a probability of 2^-28.
 */
import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";
import { readBase64url } from "./base64url.ts";

/** A key for sealing. */
export interface SealingKey {
  /** Names the key within a ring: 4 bytes. */
  readonly kid: Buffer;
  /** AES-256. */
  readonly key: KeyObject;
}

/** Authenticated encryption under the key ring; `purpose` is bound in, so that one kind of text never opens as another. */
export interface Sealer {
  /** Seals an object for a purpose; see {@link seal}. */
  seal(purpose: string, payload: object): string;
  /** Undefined for whatever this ring did not seal for this purpose. */
  unseal(purpose: string, text: string): unknown;
}

const version = 1;
const kidBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + kidBytes + nonceBytes;
const algorithm = "aes-256-gcm";

/**
 * Seals an object, as JSON, for a purpose: base64url of version (1 byte), key id (4), nonce (12), ciphertext, tag (16).
 *
 * @param purpose what the text is good for, such as `session`; authenticated, and asked for again when unsealing, so that
 *   a text sealed for one use cannot be presented for another
 * @param random source of random bytes, such as node:crypto's `randomBytes`
 */
export function seal(
  { kid, key }: SealingKey,
  purpose: string,
  payload: object,
  random: (size: number) => Uint8Array,
): string {
  const nonce = random(nonceBytes);
  const head = Buffer.concat([Buffer.of(version), kid, nonce]);
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(additionalData(head, purpose));
  return Buffer.concat([
    head,
    cipher.update(JSON.stringify(payload), "utf8"),
    cipher.final(),
    cipher.getAuthTag(),
  ]).toString("base64url");
}

/**
 * The object in a text that {@link seal} made for the same purpose under one of the keys. Anything else is undefined:
 * malformed, respelled, of an unknown key, for another purpose, or changed.
 */
export function unseal(keys: readonly SealingKey[], purpose: string, text: string): unknown {
  const bytes = readBase64url(text);
  if (bytes === undefined || bytes.length < headBytes + tagBytes || bytes[0] !== version) return undefined;
  const kid = bytes.subarray(1, 1 + kidBytes);
  const found = keys.find((candidate) => candidate.kid.equals(kid));
  if (found === undefined) return undefined;
  const head = bytes.subarray(0, headBytes);
  const nonce = bytes.subarray(1 + kidBytes, headBytes);
  const decipher = createDecipheriv(algorithm, found.key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(additionalData(head, purpose));
  decipher.setAuthTag(bytes.subarray(-tagBytes));
  try {
    const payload = Buffer.concat([decipher.update(bytes.subarray(headBytes, -tagBytes)), decipher.final()]);
    return JSON.parse(payload.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** The head has a fixed length, so head and purpose cannot be mistaken for one another. */
function additionalData(head: Uint8Array, purpose: string): Buffer {
  return Buffer.concat([head, Buffer.from(purpose, "utf8")]);
}
