/** Keys under a key: what lies in a file of its own is of no use without the ring. */
import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from "node:crypto";
import { readBase64url } from "./base64url.ts";
import { decrypt, encrypt } from "./cipher.ts";

const keyBytes = 32;

/** Draws and opens keys for AES-256. */
export interface KeyWrapper {
  /** A new key, and the text that it is kept as. @param name of the key, authenticated, so that no two can be exchanged */
  draw(name: string): { readonly key: KeyObject; readonly wrapped: string };
  /** The key that is kept as a text; undefined where it is damaged, of another name, or of another ring. */
  open(name: string, wrapped: string): KeyObject | undefined;
}

/** @param secret at least 32 random bytes, which the wrapping key is derived from (RFC 5869) */
export function createWrapper(secret: Uint8Array): KeyWrapper {
  const derived = hkdfSync("sha256", secret, "", "sallyport audit keys AES-256-GCM", keyBytes);
  const wrapping = createSecretKey(new Uint8Array(derived));
  return {
    draw(name) {
      const bytes = randomBytes(keyBytes);
      const wrapped = encrypt(wrapping, name, bytes.toString("base64url")).toString("base64url");
      return { key: createSecretKey(bytes), wrapped };
    },
    open(name, wrapped) {
      const bytes = readBase64url(wrapped);
      const text = bytes === undefined ? undefined : decrypt(wrapping, name, bytes);
      return text === undefined ? undefined : createSecretKey(text, "base64url");
    },
  };
}
