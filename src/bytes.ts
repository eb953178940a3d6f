/** Bytes that arrive in pieces, kept as one run: a sender that cuts them into single bytes costs no more memory than another. */
export interface ByteCollector {
  /** How many there are. */
  readonly length: number;
  /** @returns false when the cap is passed; nothing is kept then */
  add(chunk: Uint8Array): boolean;
  /** All of them; valid until the next `add`. */
  bytes(): Buffer;
}

/** @param maxBytes most bytes that are taken */
export function collectBytes(maxBytes: number): ByteCollector {
  return new Collector(maxBytes);
}

const nothing = Buffer.alloc(0);

class Collector implements ByteCollector {
  length = 0;
  readonly #maxBytes: number;
  #buffer: Buffer = nothing;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(chunk: Uint8Array): boolean {
    const needed = this.length + chunk.length;
    if (needed > this.#maxBytes) return false;
    if (chunk.length === 0) return true;
    // What comes in one piece, as most does, is not copied; nothing is ever written into a piece.
    if (this.length === 0) this.#buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    else {
      if (needed > this.#buffer.length) this.#grow(needed);
      this.#buffer.set(chunk, this.length);
    }
    this.length = needed;
    return true;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  /** Not from the shared pool: bytes that last, such as the request of an open stream, would keep all of their slab with them. */
  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#maxBytes, this.length * 2)));
    larger.set(this.bytes());
    this.#buffer = larger;
  }
}
