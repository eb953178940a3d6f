/** Entries of the state store under the key ring: whoever reads the store without it learns how many there are, and how long. */
import { createSecretKey, hkdfSync } from "node:crypto";
import { readBase64url } from "./base64url.ts";
import { decrypt, encrypt } from "./cipher.ts";
import { createMac } from "./mac.ts";

/** Names and seals entries. */
export interface EntryCipher {
  /** What an entry is called where it is kept: 43 characters, the same each time, and nobody can try out keys without the ring. */
  nameOf(kind: string, key: string): string;
  /** Encrypts the text of the entry of that name. No other entry can be given it. */
  seal(name: string, text: string): string;
  /** What {@link EntryCipher.seal} sealed for that name; undefined for anything else. */
  open(name: string, sealed: string): string | undefined;
}

const keyBytes = 32;

/** @param secret at least 32 random bytes, which keys are derived from (RFC 5869) */
export function createEntryCipher(secret: Uint8Array): EntryCipher {
  const derive = (info: string) => new Uint8Array(hkdfSync("sha256", secret, "", info, keyBytes));
  const mac = createMac(derive("sallyport state names HMAC-SHA-256"));
  // A key for each name: entries that are written again and again share none with others, so nonces have room (cipher.ts).
  const keyOf = (name: string) => createSecretKey(derive(`sallyport state entry AES-256-GCM ${name}`));
  return {
    nameOf: mac,
    seal: (name, text) => encrypt(keyOf(name), name, text).toString("base64url"),
    open(name, sealed) {
      const bytes = readBase64url(sealed);
      return bytes === undefined ? undefined : decrypt(keyOf(name), name, bytes);
    },
  };
}
