/**
 * Passwords as Argon2id (RFC 9106), written as its reference implementation writes them: `$argon2id$v=19$m=…,t=…,p=…$salt$tag`.
 * Hashing runs in the thread pool.
 */
import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { createInTurn } from "./hashing.ts";

const derive = promisify(argon2);

interface Cost {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** OWASP Password Storage Cheat Sheet: 19 MiB, two passes. */
const cost: Cost = { memory: 19_456, passes: 2, parallelism: 1 };
/**
 * The thread pool has four threads, and verifies tokens and writes files as well: half of it stays for these. Fifty take a second or two, which
 * people may wait.
 */
const inTurn = createInTurn({ concurrent: 2, waiting: 50 });
const saltBytes = 16;
const tagBytes = 32;
/** What is longer is no password, and hashing it is work for an attacker's asking. */
export const maxPasswordLength = 1_024;

const form = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Hashes a password under a salt of its own. @param ip where it comes from @throws HashingBusy */
export async function hashPassword(password: string, ip = ""): Promise<string> {
  const salt = randomBytes(saltBytes);
  const tag = await digest(password, salt, cost, ip);
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${encode(salt)}$${encode(tag)}`;
}

/**
 * Whether it is the password that was hashed. Takes as long for a `hash` that is null as for any other.
 *
 * @param ip where it comes from
 * @throws HashingBusy
 */
export async function verifyPassword(password: string, hash: string | null, ip = ""): Promise<boolean> {
  const [, memory, passes, parallelism, salt = "", tag = ""] = form.exec(hash ?? "") ?? [];
  if (memory === undefined) {
    await digest(password, Buffer.alloc(saltBytes), cost, ip);
    return false;
  }
  const written = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
  const expected = Buffer.from(tag, "base64");
  const found = await digest(password, Buffer.from(salt, "base64"), written, ip);
  return found.length === expected.length && timingSafeEqual(found, expected);
}

/** Unicode writes some letters in two ways, and keyboards differ in which (RFC 8265 section 4.2). */
function digest(password: string, nonce: Buffer, { memory, passes, parallelism }: Cost, ip: string): Promise<Buffer> {
  const message = Buffer.from(password.normalize("NFC"), "utf8");
  return inTurn(ip, () => derive("argon2id", { message, nonce, memory, passes, parallelism, tagLength: tagBytes }));
}

/** Without padding, as the reference implementation does. */
function encode(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
