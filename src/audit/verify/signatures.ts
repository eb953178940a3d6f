import type { NoteVerifier } from "../../crypto/note.ts";
import type { SoundRecord } from "../chain.ts";
import { type Checkpoint, readCheckpoint } from "../checkpoint.ts";
import type { FindingKind, SignedPart } from "./report.ts";

/** What is wrong with a record, or with the end of a trail. */
interface Doubt {
  readonly kind: FindingKind;
  readonly text: string;
  readonly seq: number;
}

/** So many numbers in a row at most are without a checkpoint in a trail that is signed. */
export const maxUnsigned = 10_000;

/** Compares a trail with the checkpoints in it and with those that were kept elsewhere. Pure; only what is awaited is kept. */
export class Signatures {
  readonly #verifiers: readonly NoteVerifier[];
  readonly #kept: readonly Checkpoint[];
  /**
   * Hashes of kept checkpoints of this trail, by the record that they are of; null until it is known which trail it is. A record has
   * several where the trail went on twice from one place, as after a restored backup.
   */
  #awaited: Map<number, Set<string>> | null = null;
  #checkpoints = 0;
  #throughSeq = 0;
  /** Number of the last checkpoint, or of the record before the first; null before there is any. */
  #signedSeq: number | null = null;
  #isOverdue = false;

  constructor(verifiers: readonly NoteVerifier[], kept: readonly Checkpoint[]) {
    this.#verifiers = verifiers;
    this.#kept = kept;
  }

  /** What is signed so far; null where no key was given. */
  get part(): SignedPart | null {
    if (this.#verifiers.length === 0) return null;
    return { checkpoints: this.#checkpoints, throughSeq: this.#throughSeq };
  }

  /** To be told of each record in its turn. */
  weigh(record: SoundRecord): readonly Doubt[] {
    const { trail, seq, prev, hash } = record;
    this.#awaited ??= this.#await(trail, seq);
    // Where the record before was taken out, this one still says what its hash was.
    const rewritten = [...this.#compare(seq - 1, prev), ...this.#compare(seq, hash)];
    return [...rewritten, ...(this.#verifiers.length === 0 ? [] : this.#weighSignature(record))];
  }

  #compare(seq: number, hash: string): readonly Doubt[] {
    const awaited = this.#awaited?.get(seq) ?? new Set([hash]);
    this.#awaited?.delete(seq);
    return awaited.size > 1 || !awaited.has(hash) ? [rewrittenAt(seq)] : [];
  }

  /** @param seq of the last record */
  end(seq: number): readonly Doubt[] {
    const beyond = [...(this.#awaited ?? [])].filter(([awaited]) => awaited > seq);
    return beyond.map(([awaited, hashes]) => ({
      kind: "cut",
      seq: awaited,
      text: `a checkpoint that was kept is of record ${awaited} with hash ${[...hashes].join(" or ")}, and the trail ends with ${seq}: its end was cut off.`,
    }));
  }

  #await(trail: string, first: number): Map<number, Set<string>> {
    const awaited = new Map<number, Set<string>>();
    for (const { origin, seq, hash } of this.#kept) {
      if (!origin.endsWith(`/${trail}`) || seq < first) continue;
      awaited.set(seq, (awaited.get(seq) ?? new Set()).add(hash));
    }
    return awaited;
  }

  #weighSignature({ checkpoint, event, seq, prev, trail }: SoundRecord): readonly Doubt[] {
    this.#signedSeq ??= seq - 1;
    if (event !== "checkpoint") {
      // By their numbers: some may have been taken out.
      const isOverdue = seq - this.#signedSeq > maxUnsigned;
      if (!isOverdue || this.#isOverdue) return [];
      this.#isOverdue = true;
      return [
        { kind: "unsigned", seq, text: `more than ${maxUnsigned} records before record ${seq} have no checkpoint.` },
      ];
    }
    const read = openCheckpoint(checkpoint ?? "", this.#verifiers);
    if (read === undefined) {
      return [{ kind: "signature", seq, text: `record ${seq} is a checkpoint that no known key signed.` }];
    }
    if (!read.origin.endsWith(`/${trail}`) || read.seq !== seq - 1 || read.hash !== prev) {
      const text = `record ${seq} is a checkpoint of something else than the records before it.`;
      return [{ kind: "signature", seq, text }];
    }
    this.#checkpoints += 1;
    this.#throughSeq = read.seq;
    this.#signedSeq = seq;
    this.#isOverdue = false;
    return [];
  }
}

/** The checkpoint in a note that one of the keys signed, of a trail of its own; undefined for any other. */
export function openCheckpoint(note: string, verifiers: readonly NoteVerifier[]): Checkpoint | undefined {
  for (const verifier of verifiers) {
    const text = verifier.open(note);
    const checkpoint = text === undefined ? undefined : readCheckpoint(text);
    if (checkpoint === undefined || !checkpoint.origin.startsWith(`${verifier.name}/`)) continue;
    if (/^[0-9a-f]{12}$/.test(checkpoint.origin.slice(verifier.name.length + 1))) return checkpoint;
  }
  return undefined;
}

function rewrittenAt(seq: number): Doubt {
  const text = `a checkpoint that was kept has another hash for record ${seq}: the trail was rewritten.`;
  return { kind: "rewritten", seq, text };
}
