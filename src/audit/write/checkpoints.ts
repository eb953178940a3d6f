import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { NoteSigner } from "../../crypto/note.ts";
import { type Checkpoint, originOf, readCheckpoint, renderCheckpoint } from "../checkpoint.ts";

/** How and how often it is signed how far a trail has come. */
export interface CheckpointOptions {
  readonly signer: NoteSigner;
  /** After so many records. */
  readonly everyRecords: number;
  /** And after so many milliseconds, if there was a record. */
  readonly everyMs: number;
  /** File outside of the audit directory that holds the last one, so that a start sees what is gone. */
  readonly path: string;
  readonly onSigned?: (note: string) => void;
}

/** The end of a chain. */
export interface ChainHead {
  readonly trail: string;
  readonly seq: number;
  readonly hash: string;
}

/** Signs how far one trail has come, when it is time. */
export class Checkpoints {
  readonly #options: CheckpointOptions;
  #signedSeq: number;
  #signedMs: number;

  /** @param seq of the last record so far */
  constructor(options: CheckpointOptions, seq: number, nowMs: number) {
    this.#options = options;
    this.#signedSeq = seq;
    this.#signedMs = nowMs;
  }

  isDue({ seq }: ChainHead, nowMs: number): boolean {
    const { everyRecords, everyMs } = this.#options;
    const since = seq - this.#signedSeq;
    // A clock that was set back must not put it off until it has caught up with itself.
    return since >= everyRecords || (since > 0 && Math.abs(nowMs - this.#signedMs) >= everyMs);
  }

  sign(head: ChainHead): string {
    const { signer } = this.#options;
    return signer.sign(renderCheckpoint({ ...head, origin: originOf(signer.verifier.name, head.trail) }));
  }

  /** To be told when a note is in the trail, as the record `seq`. Throws what the file system does; the next one tries again. */
  keep(note: string, seq: number, nowMs: number): void {
    this.#signedSeq = seq;
    this.#signedMs = nowMs;
    this.#options.onSigned?.(note);
    const draft = `${this.#options.path}.new`;
    writeFileSync(draft, note, { mode: 0o600 });
    renameSync(draft, this.#options.path);
  }
}

/** What the last checkpoint says against the end that a trail has now. */
export interface Shortfall {
  /** Records that were there and are not any more; null where the trail has become another one. */
  readonly lost: { readonly from: number; readonly to: number } | null;
  /** The end that was signed. */
  readonly signed: Checkpoint;
}

/**
 * Compares a trail with its last checkpoint.
 *
 * @param head null where there is no record
 * @returns null where nothing is missing, or nothing was signed by this key
 */
export function findShortfall({ path, signer }: CheckpointOptions, head: ChainHead | null): Shortfall | null {
  const text = signer.verifier.open(readIfThere(path));
  const signed = text === undefined ? undefined : readCheckpoint(text);
  if (signed === undefined) return null;
  if (head === null || signed.origin !== originOf(signer.verifier.name, head.trail)) return { lost: null, signed };
  return signed.seq > head.seq ? { lost: { from: head.seq + 1, to: signed.seq }, signed } : null;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
