/**
 * How secrets are written that the gateway hands out: a prefix, 11 characters that name the secret, `_`, 43 that prove it, and 6 of a
 * checksum. The prefix and the checksum are for secret scanners, which find one that somebody committed without asking anybody whether it
 * is one. Pure.
 */
import { hash, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";

/** The two halves of a secret. */
export interface SecretText {
  /** Names it; no secret. */
  readonly id: string;
  /** 256 random bits. */
  readonly secret: string;
}

/** One sort of secrets. */
export interface SecretForm {
  /** A new one. @param random source of random bytes, such as node:crypto's `randomBytes` */
  draw(random: (size: number) => Uint8Array): SecretText & { readonly text: string };
  /** The halves; undefined for any other text, one with a typing error included. */
  read(text: string): SecretText | undefined;
}

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const idBytes = 8;
const secretBytes = 32;

/** @param prefix letters and `_` */
export function defineSecret(prefix: string): SecretForm {
  const form = new RegExp(`^${prefix}([0-9A-Za-z]{11})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$`);
  return {
    draw(random) {
      const id = toBase62(random(idBytes), 11);
      const secret = toBase62(random(secretBytes), 43);
      const body = `${prefix}${id}_${secret}`;
      return { id, secret, text: body + checksum(body) };
    },
    read(text) {
      const [, id, secret, sum] = form.exec(text) ?? [];
      if (id === undefined || secret === undefined || sum !== checksum(text.slice(0, -6))) return undefined;
      return { id, secret };
    },
  };
}

/** What is kept of the half that proves: it is 256 random bits, so nothing slower than SHA-256 would add anything. In base64url. */
export function digestSecret({ secret }: Pick<SecretText, "secret">): string {
  return hash("sha256", secret, "base64url");
}

/** Whether a secret is the one with this digest. */
export function isDigestOf(digest: string, halves: Pick<SecretText, "secret">): boolean {
  const shown = digestSecret(halves);
  return shown.length === digest.length && timingSafeEqual(Buffer.from(shown), Buffer.from(digest));
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
