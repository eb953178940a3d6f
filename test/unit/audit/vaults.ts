import { Vault } from "../../../src/audit/encryption/vault.ts";
import { createMac } from "../../../src/crypto/mac.ts";
import { createWrapper } from "../../../src/crypto/wrap.ts";

/** A vault with a key ring of its own. @param ring byte that the ring is made of */
export function openVault(directory: string, ring = 1, now = () => 0): Vault {
  const secret = Buffer.alloc(32, ring);
  return new Vault({ directory, keys: { fingerprint: cut(createMac(secret)), wrapper: createWrapper(secret) }, now });
}

function cut(mac: (label: string, text: string) => string) {
  return (label: string, text: string) => mac(label, text).slice(0, 16);
}
