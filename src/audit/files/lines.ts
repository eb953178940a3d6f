import { maxLineBytes } from "../chain.ts";

/** A line, or a piece of one that is longer than any record. */
export interface LinePiece {
  /** Without the newline. */
  readonly bytes: Buffer;
  /** False when the line goes on in the next piece, or the file ends here without a newline. */
  readonly ended: boolean;
  /** False for the further pieces of a long line. */
  readonly first: boolean;
}

const newline = 0x0a;

/** Splits bytes at newlines, holding no more than the longest record and one chunk. */
export class LineSplitter {
  #rest: Buffer[] = [];
  #restBytes = 0;
  #first = true;

  *read(chunk: Buffer): Generator<LinePiece> {
    let from = 0;
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
      yield this.#take(chunk.subarray(from, at), true);
      from = at + 1;
    }
    if (from === chunk.length) return;
    this.#rest.push(chunk.subarray(from));
    this.#restBytes += chunk.length - from;
    if (this.#restBytes > maxLineBytes) yield this.#take(Buffer.alloc(0), false);
  }

  /** What stands behind the last newline, if anything does. */
  *end(): Generator<LinePiece> {
    if (this.#restBytes > 0) yield this.#take(Buffer.alloc(0), false);
  }

  #take(last: Buffer, ended: boolean): LinePiece {
    const piece = {
      bytes: this.#restBytes === 0 ? last : Buffer.concat([...this.#rest, last]),
      ended,
      first: this.#first,
    };
    this.#rest = [];
    this.#restBytes = 0;
    this.#first = ended;
    return piece;
  }
}
