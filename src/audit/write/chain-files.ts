import { linkSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { AuditFault } from "../fault.ts";
import { activeName, closedName, draftOf } from "../files/layout.ts";
import { type AuditEntry, gatewayEntry } from "../record.ts";
import type { AppendFile } from "./file.ts";
import type { FileRenderer, RendererSource } from "./file-renderer.ts";
import type { BatchResult, ChainEnd, ChainWriter } from "./writer.ts";

/** When a file is closed and another one begun. */
export interface RotationOptions {
  /** Once it has so many bytes. */
  readonly maxBytes: number;
  /** Once its first record is so many milliseconds old. */
  readonly maxAgeMs: number;
}

export interface ChainFilesOptions {
  readonly directory: string;
  readonly trail: number;
  readonly rotation: RotationOptions;
  /** Whether what is written is forced to the disk. */
  readonly forced: boolean;
  readonly openFile: (path: string) => AppendFile;
  /** How the records of a new file are rendered. Throws AuditFault where they cannot be. */
  readonly rendererFor: RendererSource;
  readonly now: () => Date;
  /** A file was closed. */
  readonly onClosed: () => void;
  /** A file could not be closed; it is written on, and tried again. */
  readonly onTrouble: (error: unknown) => void;
}

/** Where the active file began. */
export interface FileBeginning {
  readonly firstSeq: number;
  /** Milliseconds since the epoch. */
  readonly beganMs: number;
}

const retryMs = 60_000;

/** The files that one chain is written to, one after the other. The first record of each says why it was begun. */
export class ChainFiles {
  readonly path: string;
  readonly #options: ChainFilesOptions;
  readonly #writer: ChainWriter;
  #file: AppendFile;
  #renderer: FileRenderer;
  /** What is written now could never be read. */
  #keyLost = false;
  #beginning: FileBeginning;
  #retryMs = 0;
  /** The disk knows the file by its name. */
  #isNamed = false;
  /** What the first record of a new file will say. */
  #announcement: AuditEntry | null = null;
  /** As it was before the last `write`, until the disk has that. */
  #before: { readonly end: ChainEnd; readonly announcement: AuditEntry | null };

  constructor(
    options: ChainFilesOptions,
    writer: ChainWriter,
    file: AppendFile,
    renderer: FileRenderer,
    beginning: FileBeginning,
  ) {
    this.path = join(options.directory, activeName(options.trail));
    this.#options = options;
    this.#writer = writer;
    this.#file = file;
    this.#renderer = renderer;
    this.#beginning = beginning;
    this.#before = { end: writer.end, announcement: null };
  }

  get end(): ChainEnd {
    return this.#writer.end;
  }

  /** As `ChainWriter.write`, in the file whose turn it is. */
  write(entries: readonly AuditEntry[], before = ""): BatchResult {
    const fault = before === "" ? this.#prepare() : null;
    if (fault !== null) return { faults: entries.map(() => fault), failure: fault, lines: [] };
    this.#mark();
    const announced = this.#announcement === null ? [] : [this.#announcement];
    const { faults, failure, lines } = this.#writer.write([...announced, ...entries], before);
    if (failure === null) this.#announcement = null;
    return { faults: faults.slice(announced.length), failure, lines };
  }

  /** Writes an entry that speaks of the record before it, if nothing has to come between; null if something has. */
  writeBehind(entry: AuditEntry): BatchResult | null {
    return this.#announcement === null ? this.#writer.write([entry]) : null;
  }

  /** Looks whether the key of the file is still there; where it is not, the next record begins another file, with another key. */
  checkKey(): void {
    if (this.#keyLost || this.#renderer.isReadable()) return;
    this.#keyLost = true;
    this.#options.onTrouble(
      new AuditFault(`the key of ${this.path} is gone: what it encrypts cannot be read any more, and another is drawn`),
    );
  }

  #mark(): void {
    this.#before = { end: this.end, announcement: this.#announcement };
  }

  /** Takes back what was written last and the disk does not have, with what was written behind it. No other file may have been begun since. */
  takeBack(): void {
    this.#writer.goBack(this.#before.end);
    this.#announcement = this.#before.announcement;
  }

  /**
   * Looks whether the file is still the one that its name leads to, and begins a new one where somebody moved or deleted it. What
   * was in a deleted file is lost, and the new one says so.
   *
   * @throws AuditFault when something else stands there now
   */
  reclaim(): void {
    const { inode, links } = this.#file.stat();
    const found = statSync(this.path, { throwIfNoEntry: false });
    if (found?.ino === inode) return;
    const file = this.#options.openFile(this.path);
    let renderer: FileRenderer;
    try {
      if (file.stat().sizeBytes > 0) throw new AuditFault(`${this.path} was replaced by another file; move that away`);
      renderer = this.#nextRenderer();
    } catch (error) {
      file.close();
      throw error;
    }
    const { firstSeq } = this.#beginning;
    const { seq } = this.end;
    const note = links > 0 ? { cause: "moved" } : { cause: "deleted", lost: { from: firstSeq, to: seq } };
    this.#begin(file, renderer, note);
  }

  /** Resolves when the disk has what was written, in a file that a loss of power does not take away. */
  async syncData(): Promise<void> {
    const file = this.#file;
    await file.syncData();
    if (!this.#isNamed) await file.syncName();
    if (file !== this.#file) return;
    this.#isNamed = true;
    this.#mark();
  }

  sync(): void {
    this.#file.sync();
    this.#mark();
  }

  close(): void {
    this.#file.close();
  }

  /** Begins another file where it is time for one. @returns why nothing may be written to the one that is there, or null */
  #prepare(): AuditFault | null {
    // Less than this has at most the record that began it.
    if (this.end.sizeBytes === 0 || this.#writer.dirty || this.#announcement !== null) return null;
    if (!this.#keyLost) {
      this.#rotateIfDue();
      return null;
    }
    try {
      this.#rotate("key");
      return null;
    } catch (cause) {
      return new AuditFault(`${this.path} has no key any more, and another file could not be begun`, { cause });
    }
  }

  #rotateIfDue(): void {
    const { maxBytes, maxAgeMs } = this.#options.rotation;
    const { sizeBytes } = this.end;
    const nowMs = this.#options.now().getTime();
    // A clock that was set back must not put anything off until it has caught up with itself.
    if (nowMs < this.#retryMs && nowMs >= this.#retryMs - retryMs) return;
    const ageMs = Math.abs(nowMs - this.#beginning.beganMs);
    const cause = sizeBytes >= maxBytes ? "size" : ageMs >= maxAgeMs ? "age" : null;
    if (cause === null) return;
    try {
      this.#rotate(cause);
    } catch (error) {
      this.#retryMs = nowMs + retryMs;
      this.#options.onTrouble(error);
    }
  }

  /** At every moment the chain has an active file: the old one gets its second name before the new one takes its first. */
  #rotate(cause: string): void {
    const { directory, trail, forced, openFile, onClosed } = this.#options;
    const previous = closedName(trail, this.#beginning.firstSeq);
    const draft = draftOf(this.path);
    rmSync(draft, { force: true });
    const file = openFile(draft);
    let renderer: FileRenderer;
    try {
      if (statSync(this.path).ino !== this.#file.stat().inode) throw new AuditFault(`${this.path} is another file now`);
      renderer = this.#nextRenderer();
      // What was taken back may stand on the disk all the same until that is forced to it, and what comes stands in another file.
      if (forced) this.#file.sync();
      linkSync(this.path, join(directory, previous));
      this.#replace(draft, join(directory, previous));
    } catch (error) {
      file.close();
      rmSync(draft, { force: true });
      throw error;
    }
    this.#begin(file, renderer, { cause, previous });
    onClosed();
  }

  /** @param second name that the file has got; where no other one takes its first, it would be in the way of the next attempt */
  #replace(draft: string, second: string): void {
    try {
      renameSync(draft, this.path);
    } catch (error) {
      rmSync(second);
      throw error;
    }
  }

  #nextRenderer(): FileRenderer {
    const { trail, seq } = this.end;
    return this.#options.rendererFor(trail, seq + 1);
  }

  #begin(file: AppendFile, renderer: FileRenderer, note: Readonly<Record<string, unknown>>): void {
    const now = this.#options.now();
    this.#file.close();
    this.#file = file;
    this.#isNamed = false;
    this.#renderer = renderer;
    this.#keyLost = false;
    this.#writer.continueIn(file, this.path, renderer.render);
    this.#beginning = { firstSeq: this.end.seq + 1, beganMs: now.getTime() };
    this.#announcement = gatewayEntry("rotated", now.toISOString(), { ...note, ...renderer.note });
  }
}
