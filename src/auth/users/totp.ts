/** One-time passwords by the clock, as authenticator apps make them: RFC 4226 and RFC 6238 with SHA-1, six digits, 30 seconds. Pure. */
import { createHmac, timingSafeEqual } from "node:crypto";

/** RFC 4226 section 4 recommends as many. */
export const secretBytes = 20;

const digits = 6;
const periodMs = 30_000;
/** Steps that a clock may be off, or a code be late: RFC 6238 section 5.2 asks for one at most. */
const window = 1;

/** The code of a counter, RFC 4226 section 5.3. */
export function codeAt(secret: Uint8Array, counter: number): string {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(counter));
  const mac = createHmac("sha1", secret).update(message).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0xf;
  const number = mac.readUInt32BE(offset) & 0x7f_ff_ff_ff;
  return String(number % 10 ** digits).padStart(digits, "0");
}

/** The counter of a moment. @param nowMs milliseconds since the epoch */
export function counterAt(nowMs: number): number {
  return Math.floor(nowMs / periodMs);
}

/**
 * The counter that a code belongs to; null where it is not right now, or was used.
 *
 * @param code six digits
 * @param used the counter accepted last: neither it nor those before it are good any more (RFC 6238 section 5.2)
 * @param nowMs milliseconds since the epoch
 */
export function matchCode(secret: Uint8Array, code: string, used: number, nowMs: number): number | null {
  const now = counterAt(nowMs);
  const near = Array.from({ length: 2 * window + 1 }, (_, step) => now - window + step);
  const matching = near.filter((counter) => counter > used && counter >= 0 && isSame(codeAt(secret, counter), code));
  return matching.at(0) ?? null;
}

function isSame(expected: string, code: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(code)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** What authenticator apps read, most of them as a QR code (Key URI Format). @param issuer how the app calls who asks */
export function otpauthUri(issuer: string, name: string, secret: Uint8Array): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(name)}`;
  const parameters = `secret=${encodeBase32(secret)}&issuer=${encodeURIComponent(issuer)}`;
  return `otpauth://totp/${label}?${parameters}&algorithm=SHA1&digits=${digits}&period=${periodMs / 1_000}`;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4648 section 6, without padding. */
export function encodeBase32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => alphabet[Number.parseInt(group.padEnd(5, "0"), 2)]).join("");
}
