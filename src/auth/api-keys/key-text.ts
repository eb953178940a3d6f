/**
 * How an API key is written: `spk_`, 11 characters that name it, `_`, 43 that prove it, and 6 of a checksum. The prefix and the
 * checksum are for secret scanners, which find a key that somebody committed without asking anybody whether it is one. Pure.
 */
import { crc32 } from "node:zlib";

/** The two halves of a key. */
export interface ApiKeyText {
  /** Names the key; no secret. */
  readonly id: string;
  /** 256 random bits. */
  readonly secret: string;
}

/** What every key begins with. */
export const apiKeyPrefix = "spk_";

const form = /^spk_([0-9A-Za-z]{11})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;
const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const idBytes = 8;
const secretBytes = 32;

/**
 * A new key.
 *
 * @param random source of random bytes, such as node:crypto's `randomBytes`
 */
export function drawApiKey(random: (size: number) => Uint8Array): ApiKeyText & { readonly text: string } {
  const id = toBase62(random(idBytes), 11);
  const secret = toBase62(random(secretBytes), 43);
  const body = `${apiKeyPrefix}${id}_${secret}`;
  return { id, secret, text: body + checksum(body) };
}

/** The halves of a key; undefined for any other text, one with a typing error included. */
export function readApiKey(text: string): ApiKeyText | undefined {
  const [, id, secret, sum] = form.exec(text) ?? [];
  if (id === undefined || secret === undefined || sum !== checksum(text.slice(0, -6))) return undefined;
  return { id, secret };
}

function checksum(body: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return toBase62(bytes, 6);
}

function toBase62(bytes: Uint8Array, length: number): string {
  let rest = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let text = "";
  for (; text.length < length; rest /= 62n) text = digits[Number(rest % 62n)] + text;
  return text;
}
