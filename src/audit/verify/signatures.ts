import type { NoteVerifier } from "../../crypto/note.ts";
import type { SoundRecord } from "../chain.ts";
import { type Checkpoint, originOf, readCheckpoint } from "../checkpoint.ts";
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
  /** Kept checkpoints of this trail, by the record that they are of; null until it is known which trail it is. */
  #awaited: Map<number, string> | null = null;
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

  /** To be told of each record in its turn. Those of gateways that did not name their trails yet were not signed either. */
  weigh(record: SoundRecord): readonly Doubt[] {
    const { trail, seq, prev, hash } = record;
    if (trail === null) return [];
    this.#awaited ??= this.#await(trail, seq);
    // Where the record before was taken out, this one still says what its hash was.
    const rewritten = [...this.#compare(seq - 1, prev), ...this.#compare(seq, hash)];
    return [...rewritten, ...(this.#verifiers.length === 0 ? [] : this.#weighSignature(record))];
  }

  #compare(seq: number, hash: string): readonly Doubt[] {
    const awaited = this.#awaited?.get(seq);
    this.#awaited?.delete(seq);
    return awaited !== undefined && awaited !== hash ? [rewrittenAt(seq)] : [];
  }

  /** @param seq of the last record */
  end(seq: number): readonly Doubt[] {
    const beyond = [...(this.#awaited ?? [])].filter(([awaited]) => awaited > seq);
    return beyond.map(([awaited, hash]) => ({
      kind: "cut",
      seq: awaited,
      text: `a checkpoint that was kept is of record ${awaited} with hash ${hash}, and the trail ends with ${seq}: its end was cut off.`,
    }));
  }

  #await(trail: string, first: number): Map<number, string> {
    const own = this.#kept.filter(({ origin, seq }) => origin.endsWith(`/${trail}`) && seq >= first);
    return new Map(own.map(({ seq, hash }) => [seq, hash]));
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
    const signed = this.#verifiers
      .map((verifier) => ({ name: verifier.name, text: verifier.open(checkpoint ?? "") }))
      .find(({ text }) => text !== undefined);
    if (signed?.text === undefined) {
      return [{ kind: "signature", seq, text: `record ${seq} is a checkpoint that no known key signed.` }];
    }
    const read = readCheckpoint(signed.text);
    if (read?.origin !== originOf(signed.name, trail ?? "") || read.seq !== seq - 1 || read.hash !== prev) {
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

function rewrittenAt(seq: number): Doubt {
  const text = `a checkpoint that was kept has another hash for record ${seq}: the trail was rewritten.`;
  return { kind: "rewritten", seq, text };
}
