/** Closed files without the records of some events. What is left is written beside the file, and takes its place later. */
import { createHash, type Hash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import type { OpenedRecord } from "../chain.ts";
import { AuditFault } from "../fault.ts";
import type { ClosedFile } from "../files/closed-files.ts";
import { createCompressor } from "../files/compression.ts";
import { compressedSuffix, draftOf } from "../files/layout.ts";
import { type LinePiece, LineSplitter } from "../files/lines.ts";
import { type OpenFile, streamOf } from "../files/opened.ts";
import { ChainCheck } from "../verify/check.ts";

/** What was taken out of a file. */
export interface Removal {
  readonly removed: number;
  /** Numbers of the first and the last of them. */
  readonly from: number;
  readonly to: number;
  /** `sha256:` over what is left, uncompressed. */
  readonly digest: string;
}

/** Which lines of a file stay, told of them one after the other. Pure. */
export class Sieve {
  readonly #events: ReadonlySet<string>;
  #begun = false;
  #removed = 0;
  #first = 0;
  #last = 0;
  /** A line that goes, if another record follows it: others link to the last one of a file. */
  #held: { readonly bytes: Buffer; readonly seq: number } | null = null;

  /** @param events whose records go */
  constructor(events: ReadonlySet<string>) {
    this.#events = events;
  }

  /** @returns what stays of it and of those before it that is sure by now */
  take({ bytes, ended }: LinePiece, record: OpenedRecord): readonly Buffer[] {
    const line = ended ? Buffer.concat([bytes, newline]) : bytes;
    if (record.state !== "sound") return [line];
    this.#drop();
    const isFirst = !this.#begun;
    this.#begun = true;
    if (isFirst || !this.#events.has(record.event)) return [line];
    this.#held = { bytes: line, seq: record.seq };
    return [];
  }

  /** To be asked for once, at the end. @returns the last line, where it was a record that stays for its place */
  end(): readonly Buffer[] {
    return this.#held === null ? [] : [this.#held.bytes];
  }

  get removed(): Omit<Removal, "digest"> {
    return { removed: this.#removed, from: this.#first, to: this.#last };
  }

  #drop(): void {
    if (this.#held === null) return;
    if (this.#removed === 0) this.#first = this.#held.seq;
    this.#last = this.#held.seq;
    this.#removed += 1;
    this.#held = null;
  }
}

const newline = Buffer.from("\n");

export interface ThinningOrder {
  /** Whose records go. */
  readonly events: ReadonlySet<string>;
  /** What the file behind it says. */
  readonly closed: ClosedFile;
  /** Whether a file of this digest, in which records are missing, was left so by this gateway. */
  readonly mayLack: (file: string, digest: string) => boolean;
  readonly signal: AbortSignal;
}

/**
 * Writes what is left of a closed file to its draft, in the form that the file has, and forces it to the disk. Memory does not grow with
 * the file.
 *
 * The chain is followed meanwhile: what somebody else changed or took out would otherwise be vouched for by the record of what was removed
 * here.
 *
 * @throws AuditFault when the file is not as the gateway wrote or left it; there is no draft then
 */
export async function thinFile(file: OpenFile, order: ThinningOrder): Promise<Removal> {
  const draft = draftOf(file.path);
  const { closed, signal } = order;
  try {
    const sieve = new Sieve(order.events);
    const check = new ChainCheck({ extent: "part", mayLack: order.mayLack });
    const left = createHash("sha256");
    const target = createWriteStream(draft, { mode: 0o600, flags: "wx", flush: true });
    const source = sift(file, sieve, check, left);
    await (file.path.endsWith(compressedSuffix)
      ? pipeline(source, createCompressor(), target, { signal })
      : pipeline(source, target, { signal }));
    const { findings, tornTail, lastSeq, lastHash } = check.finish();
    const isEnd = lastSeq === closed.to && lastHash === closed.hash && tornTail === undefined;
    if (findings.length > 0 || !isEnd) {
      const why = findings[0]?.text ?? "its end is not the one that the next file goes on from.";
      throw new AuditFault(`${file.path} does not verify, so nothing was removed from it: ${why}`);
    }
    return { ...sieve.removed, digest: `sha256:${left.digest("hex")}` };
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** What stays, a chunk at a time; both hashes are over what is not compressed. */
async function* sift(file: OpenFile, sieve: Sieve, check: ChainCheck, left: Hash): AsyncGenerator<Buffer> {
  const splitter = new LineSplitter();
  const whole = createHash("sha256");
  const keep = (lines: readonly Buffer[]): Buffer => {
    const bytes = Buffer.concat(lines);
    left.update(bytes);
    return bytes;
  };
  const read = (pieces: Iterable<LinePiece>) =>
    keep([...pieces].flatMap((piece) => sieve.take(piece, check.read(piece))));
  check.beginFile(basename(file.path));
  for await (const chunk of streamOf(file)) {
    whole.update(chunk);
    yield read(splitter.read(chunk));
  }
  yield read(splitter.end());
  yield keep(sieve.end());
  check.endFile(`sha256:${whole.digest("hex")}`);
}
