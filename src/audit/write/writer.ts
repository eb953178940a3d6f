import { type SealedRecord, sealRecord } from "../chain.ts";
import { AuditFault } from "../fault.ts";
import type { AuditEntry, ChainPlace, RecordRenderer } from "../record.ts";
import type { ChainHead } from "./checkpoints.ts";
import type { AppendFile } from "./file.ts";

/** What became of a batch. */
export interface BatchResult {
  /** For each entry why it is not in the file, or null. */
  readonly faults: readonly (AuditFault | null)[];
  /** Why the write failed, or null; undefined when there was nothing to write. */
  readonly failure: AuditFault | null | undefined;
  /** The records that are in the file, as they stand there. */
  readonly lines: readonly string[];
}

/** The last record that is in the file, and the size of the file with it. */
export interface ChainEnd extends ChainHead {
  readonly sizeBytes: number;
}

/** Writes batches of records; the chain moves on only when a batch is in the file as a whole. */
export class ChainWriter {
  #file: AppendFile;
  #path: string;
  #render: RecordRenderer;
  #end: ChainEnd;
  /** Something may stand behind the last good byte. */
  #dirty = false;

  constructor(file: AppendFile, path: string, render: RecordRenderer, end: ChainEnd) {
    this.#file = file;
    this.#path = path;
    this.#render = render;
    this.#end = end;
  }

  get end(): ChainEnd {
    return this.#end;
  }

  /** True while something stands behind the last good byte that could not be taken back. */
  get dirty(): boolean {
    return this.#dirty;
  }

  /** Goes on from where the file ended before: what stands behind that was never told to anybody. */
  goBack(end: ChainEnd): void {
    this.#end = end;
    this.#tryRepair();
  }

  /** Goes on in another file, which is empty. */
  continueIn(file: AppendFile, path: string, render: RecordRenderer): void {
    this.#file = file;
    this.#path = path;
    this.#render = render;
    this.#dirty = false;
    this.#end = { ...this.#end, sizeBytes: 0 };
  }

  /**
   * Writes all entries with one system call. An entry that cannot be made into a record fails alone.
   *
   * @param before text that ends what stands in the file already
   */
  write(entries: readonly AuditEntry[], before = ""): BatchResult {
    const { trail, sizeBytes } = this.#end;
    let { seq, hash } = this.#end;
    const faults: (AuditFault | null)[] = [];
    const lines: string[] = [];
    for (const entry of entries) {
      const sealed = seal(entry, { trail, seq: seq + 1, prev: hash }, this.#render);
      faults.push(sealed instanceof AuditFault ? sealed : null);
      if (sealed instanceof AuditFault) continue;
      lines.push(sealed.line);
      seq += 1;
      hash = sealed.hash;
    }
    if (lines.length === 0) return { faults, failure: undefined, lines };
    const bytes = Buffer.from(`${before}${lines.join("\n")}\n`);
    try {
      this.#put(bytes);
    } catch (cause) {
      const failure = new AuditFault(`${this.#path} could not be written`, { cause });
      return { faults: faults.map((fault) => fault ?? failure), failure, lines: [] };
    }
    this.#end = { trail, seq, hash, sizeBytes: sizeBytes + bytes.length };
    return { faults, failure: null, lines };
  }

  #put(bytes: Buffer): void {
    if (this.#dirty) this.#repair();
    const { sizeBytes, links } = this.#file.stat();
    if (links === 0) throw new AuditFault("the file was deleted");
    if (sizeBytes !== this.#end.sizeBytes)
      throw new AuditFault("another program changed the file; move it away and keep it, or restart the gateway");
    this.#dirty = true;
    try {
      const written = this.#file.write(bytes);
      if (written !== bytes.length) throw new AuditFault(`only ${written} of ${bytes.length} bytes were written`);
      this.#dirty = false;
    } finally {
      if (this.#dirty) this.#tryRepair();
    }
  }

  #repair(): void {
    this.#file.truncate(this.#end.sizeBytes);
    this.#dirty = false;
  }

  /** When even this fails, the next write begins with it, and nothing is appended behind half a record. */
  #tryRepair(): void {
    try {
      this.#repair();
    } catch {
      this.#dirty = true;
    }
  }
}

function seal(entry: AuditEntry, place: ChainPlace, render: RecordRenderer): SealedRecord | AuditFault {
  try {
    return sealRecord(entry, place, render);
  } catch (cause) {
    return new AuditFault("the audit record could not be made", { cause });
  }
}

/** Throws why the first entry is not in the file, if it is not. */
export function throwFirst({ faults: [fault] }: BatchResult): void {
  if (fault != null) throw fault;
}
