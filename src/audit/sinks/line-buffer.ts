import type { BatchLimits } from "./channel.ts";

export interface BufferLimits {
  readonly maxRecords: number;
  /** UTF-8, without newlines. */
  readonly maxBytes: number;
}

/** How many shifted places of the list are kept at most before it is made anew. */
const slack = 1_024;

/**
 * Lines that wait, in order. When there is no room the oldest go: whoever reads the newest again sees by their `seq` what is
 * missing, and the last checkpoint speaks for all records before it. A batch on its way stays until it is settled.
 */
export class LineBuffer {
  readonly #limits: BufferLimits;
  #lines: string[] = [];
  /** Lines before this one are gone. */
  #first = 0;
  #batch: readonly string[] = [];
  #batchBytes = 0;
  #bytes = 0;

  constructor(limits: BufferLimits) {
    this.#limits = limits;
  }

  /** Lines that wait, those on their way included. */
  get length(): number {
    return this.#batch.length + this.#lines.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns how many lines had to go for it, itself included where there is no room beside what is on its way */
  push(line: string): number {
    const { maxRecords, maxBytes } = this.#limits;
    const bytes = Buffer.byteLength(line);
    if (this.#batch.length >= maxRecords || this.#batchBytes + bytes > maxBytes) return 1;
    let dropped = 0;
    while (this.length >= maxRecords || this.#bytes + bytes > maxBytes) {
      this.#bytes -= Buffer.byteLength(this.#shift());
      dropped += 1;
    }
    this.#lines.push(line);
    this.#bytes += bytes;
    return dropped;
  }

  /** The batch that is on its way, or the next one; empty when nothing waits. The same lines each time until it is settled. */
  take(most: BatchLimits): readonly string[] {
    if (this.#batch.length > 0) return this.#batch;
    const batch: string[] = [];
    let bytes = 0;
    while (batch.length < most.lines && this.#first < this.#lines.length) {
      const next = Buffer.byteLength(this.#lines[this.#first] ?? "");
      if (batch.length > 0 && bytes + next > most.bytes) break;
      batch.push(this.#shift());
      bytes += next;
    }
    this.#batch = batch;
    this.#batchBytes = bytes;
    return batch;
  }

  /** Forgets the batch that was taken. */
  settle(): void {
    this.#bytes -= this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
  }

  #shift(): string {
    const line = this.#lines[this.#first] ?? "";
    this.#first += 1;
    // Taking each from the front of a long list would move all others each time.
    if (this.#first === this.#lines.length || this.#first > Math.max(slack, this.#lines.length / 2)) {
      this.#lines = this.#lines.slice(this.#first);
      this.#first = 0;
    }
    return line;
  }
}
