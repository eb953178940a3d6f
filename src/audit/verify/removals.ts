import type { SoundRecord } from "../chain.ts";

/** A file that lacks records, and has this digest, is as the gateway left it. */
export interface Removal {
  /** Name without `.gz`. */
  readonly file: string;
  /** `sha256:` over all its bytes. */
  readonly digest: string;
}

interface Told extends Removal {
  readonly seq: number;
  readonly hash: string;
}

/**
 * Hears of files that the gateway took records out of. Pure.
 *
 * Somebody without the key can put a record behind the last checkpoint of a trail that nobody writes at the moment, and the next
 * checkpoint signs it with all others. So what signs such a record has to stand right behind it, where the gateway alone puts it.
 */
export class Removals {
  readonly #isKeyed: boolean;
  #told: Told | null = null;

  /** @param isKeyed whether there is a key that has to have signed */
  constructor(isKeyed: boolean) {
    this.#isKeyed = isKeyed;
  }

  /**
   * To be told of each record of the trail in its turn.
   *
   * @param isSound false where its signature, or what it signs, is not right
   * @returns what is known by it
   */
  hear(record: SoundRecord, isSound: boolean): Removal | null {
    const told = this.#told;
    this.#told = readRemoval(record);
    if (!this.#isKeyed) return this.#told;
    const isSigned = isSound && record.event === "checkpoint";
    return isSigned && told?.seq === record.seq - 1 && told.hash === record.prev ? told : null;
  }
}

function readRemoval({ event, note, seq, hash }: SoundRecord): Told | null {
  if (event !== "expired" || typeof note !== "object" || note === null) return null;
  const { file, digest } = note as { file?: unknown; digest?: unknown };
  return typeof file === "string" && typeof digest === "string" ? { file, digest, seq, hash } : null;
}
