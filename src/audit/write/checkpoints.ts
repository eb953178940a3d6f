import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { NoteSigner } from "../../crypto/note.ts";
import { type Checkpoint, originOf, readCheckpoint, renderCheckpoint } from "../checkpoint.ts";
import { type AuditEntry, gatewayEntry } from "../record.ts";
import type { BatchResult } from "./writer.ts";

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

/** What a checkpoint is written behind. */
interface Chain {
  readonly end: ChainHead;
  writeBehind(entry: AuditEntry): BatchResult | null;
}

/** A checkpoint that is in the file, as a record with a number. */
export interface WrittenCheckpoint {
  readonly note: string;
  readonly seq: number;
  readonly lines: readonly string[];
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

  /**
   * Writes how far a chain has come, right behind that.
   *
   * @param last whether it is time in any case
   * @returns null where it is not time, or it could not be written
   */
  write(chain: Chain, now: Date, last: boolean): WrittenCheckpoint | null {
    const { end } = chain;
    if (!last && !this.#isDue(end, now.getTime())) return null;
    const { signer } = this.#options;
    const note = signer.sign(renderCheckpoint({ ...end, origin: originOf(signer.verifier.name, end.trail) }));
    const result = chain.writeBehind({ ...gatewayEntry("checkpoint", now.toISOString()), checkpoint: note });
    return result?.failure === null ? { note, seq: chain.end.seq, lines: result.lines } : null;
  }

  /** To be told when one is in the trail to stay. Throws what the file system does; the next one tries again. */
  keep({ note, seq }: WrittenCheckpoint, nowMs: number): void {
    this.#signedSeq = seq;
    this.#signedMs = nowMs;
    this.#options.onSigned?.(note);
    const draft = `${this.#options.path}.new`;
    writeFileSync(draft, note, { mode: 0o600 });
    renameSync(draft, this.#options.path);
  }

  #isDue({ seq }: ChainHead, nowMs: number): boolean {
    const { everyRecords, everyMs } = this.#options;
    const since = seq - this.#signedSeq;
    // A clock that was set back must not put it off until it has caught up with itself.
    return since >= everyRecords || (since > 0 && Math.abs(nowMs - this.#signedMs) >= everyMs);
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
