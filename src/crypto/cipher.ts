/**
 * Texts encrypted with AES-256-GCM (NIST SP 800-38D) under a random nonce: section 8.3 allows 2^32 texts a key, after which two
 * nonces have met with a probability of 2^-33. No counter: keys outlive processes, and are shared by several.
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from "node:crypto";

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;
/** Asked for one by one, random bytes take as long as encrypting does. */
const noncesAtOnce = 256;

let nonces = Buffer.alloc(0);
let used = 0;

function takeNonce(): Buffer {
  if (used === nonces.length) {
    nonces = randomBytes(nonceBytes * noncesAtOnce);
    used = 0;
  }
  used += nonceBytes;
  return nonces.subarray(used - nonceBytes, used);
}

/**
 * Encrypts a text: nonce (12 bytes), ciphertext, tag (16).
 *
 * @param beside what must be said again when decrypting
 * @param head bytes that go before the nonce, as they are
 */
export function encrypt(key: KeyObject, beside: string, text: string, head: Uint8Array = Buffer.alloc(0)): Buffer {
  const nonce = takeNonce();
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(beside));
  return Buffer.concat([head, nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
}

/** What {@link encrypt} encrypted beside the same text; undefined for any other bytes, and under any other key. */
export function decrypt(key: KeyObject, beside: string, bytes: Uint8Array): string | undefined {
  if (bytes.length < nonceBytes + tagBytes) return undefined;
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(beside));
  decipher.setAuthTag(bytes.subarray(-tagBytes));
  try {
    const opened = decipher.update(bytes.subarray(nonceBytes, -tagBytes));
    return Buffer.concat([opened, decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}
