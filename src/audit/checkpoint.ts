/**
 * Checkpoints: how far a trail had come, signed, in the form of c2sp.org/tlog-checkpoint. The hash is that of the chain, not of a
 * Merkle tree, so a trail is verified by reading it and not by proofs. Kept elsewhere they show later that an end was cut off.
 */

/** How far a trail had come. */
export interface Checkpoint {
  /** Name of the key and of the trail, as `<key>/<trail>`. */
  readonly origin: string;
  /** Number of the last record. */
  readonly seq: number;
  /** Its hash, in hex. */
  readonly hash: string;
}

/** What a checkpoint says it is of. */
export function originOf(key: string, trail: string): string {
  return `${key}/${trail}`;
}

/** The text to be signed. */
export function renderCheckpoint({ origin, seq, hash }: Checkpoint): string {
  return `${origin}\n${seq}\n${Buffer.from(hash, "hex").toString("base64")}\n`;
}

/** Reads a text whose signature was verified; undefined for what is no checkpoint. Lines behind the third are not for us. */
export function readCheckpoint(text: string): Checkpoint | undefined {
  const [origin, size, base64] = text.split("\n");
  if (!origin || size === undefined || base64 === undefined || !/^(?:0|[1-9]\d{0,15})$/.test(size)) return undefined;
  const hash = Buffer.from(base64, "base64");
  if (hash.length !== 32 || hash.toString("base64") !== base64) return undefined;
  return { origin, seq: Number(size), hash: hash.toString("hex") };
}
