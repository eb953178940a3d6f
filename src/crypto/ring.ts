/**
 * The key ring as it lies in its file, and how it ages. Pure: time and fresh keys are passed in.
 */
import { z } from "zod";
import { readBase64url } from "./base64url.ts";

const key = (bytes: number) => z.string().refine((text) => readBase64url(text)?.length === bytes);
const age = { createdAtMs: z.int().min(0) };

const signing = z.strictObject({
  ...age,
  jwk: z.strictObject({
    kty: z.literal("EC"),
    crv: z.literal("P-256"),
    x: key(32),
    y: key(32),
    d: key(32),
    /** Thumbprint of the public key (RFC 7638). */
    kid: key(32),
  }),
});
const sealing = z.strictObject({ ...age, kid: key(4), key: key(32) });

/** The format of the key file. */
export const ringSchema = z.strictObject({
  version: z.literal(1),
  /** Oldest first. */
  signing: z.array(signing).min(1),
  /** Oldest first. */
  sealing: z.array(sealing).min(1),
  /** Never rotated: fingerprints in the audit trail must stay comparable. */
  fingerprint: key(32),
});

export type Ring = z.output<typeof ringSchema>;
export type SigningEntry = Ring["signing"][number];
export type SealingEntry = Ring["sealing"][number];

/** Makes key material from a random source. */
export interface KeyMaker {
  signing(nowMs: number): SigningEntry;
  sealing(nowMs: number): SealingEntry;
}

/** How long what a key made may still be presented, in milliseconds. */
export interface Lifetimes {
  readonly tokenMs: number;
  readonly sessionMs: number;
}

/** A key older than this gets a successor. */
export const rotateAfterMs = 30 * 86_400_000;

/**
 * A new key waits this long before it is used, so that every process which shares the file has read it by then. It also
 * makes two processes that rotate at once harmless: the key that lost was never used.
 */
export const settleMs = 3_600_000;

/** The ring at a moment: a successor added where the newest key is old, keys dropped once nothing they made is valid. */
export function rotate(ring: Ring, nowMs: number, lifetimes: Lifetimes, make: KeyMaker): Ring {
  const next = {
    ...ring,
    signing: rotateKeys(ring.signing, nowMs, lifetimes.tokenMs, make.signing),
    sealing: rotateKeys(ring.sealing, nowMs, lifetimes.sessionMs, make.sealing),
  };
  return next.signing === ring.signing && next.sealing === ring.sealing ? ring : next;
}

/** The key in use: the newest that has settled, or the oldest while none has. */
export function currentKey<Entry extends { createdAtMs: number }>(entries: readonly Entry[], nowMs: number): Entry {
  const current = entries.findLast((entry) => entry.createdAtMs + settleMs <= nowMs) ?? entries[0];
  if (current === undefined) throw new Error("a key ring is never empty");
  return current;
}

function rotateKeys<Entry extends { createdAtMs: number }>(
  entries: Entry[],
  nowMs: number,
  lifetimeMs: number,
  make: (nowMs: number) => Entry,
): Entry[] {
  const newest = entries.at(-1);
  const grown =
    newest === undefined || nowMs - newest.createdAtMs > rotateAfterMs ? [...entries, make(nowMs)] : entries;
  const kept = grown.filter((_, index) => {
    const successor = grown[index + 1];
    return successor === undefined || nowMs <= successor.createdAtMs + settleMs + lifetimeMs;
  });
  return kept.length === entries.length && grown === entries ? entries : kept;
}
