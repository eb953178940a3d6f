import { type FileHandle, stat } from "node:fs/promises";
import { LineSplitter } from "../files/lines.ts";
import { openIfThere } from "../files/opened.ts";
import { findSegments, type Segment, type Trail } from "../files/segments.ts";
import { type AuditLine, readLines, readSegment } from "./records.ts";

const chunkBytes = 262_144;

interface Followed {
  readonly path: string;
  readonly handle: FileHandle;
  readonly inode: number;
  positionBytes: number;
  splitter: LineSplitter;
}

/**
 * Goes on reading one trail where it stopped, also when its file was closed and another one begun, cut off, or taken away
 * for a while. Nothing here waits: who follows asks again and again.
 */
export class TrailFollower {
  readonly #path: string;
  readonly #number: number;
  #file: Followed | null = null;
  /** Number of the last record that was read; 0 before the first. */
  #seq = 0;

  /** @param number which of the trails in the path */
  constructor(path: string, number: number) {
    this.#path = path;
    this.#number = number;
  }

  /** What was written since it was asked last; the first time, what is in the file that is written now. */
  async *read(): AsyncGenerator<readonly AuditLine[]> {
    if (this.#file !== null) {
      // Asked before the rest is read: what is written before a file is left is in it by then.
      const left = await this.#isLeft(this.#file);
      yield* this.#readOn(this.#file);
      if (left) await this.close();
    }
    if (this.#file === null) yield* this.#begin();
  }

  /** The closed files of before the one that is read, the newest first. */
  async findOlder(): Promise<readonly Segment[]> {
    const closed = await this.#closed();
    return closed.toReversed();
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.handle.close();
  }

  async *#begin(): AsyncGenerator<readonly AuditLine[]> {
    const active = (await this.#find())?.active ?? null;
    const opened = active === null ? null : await openIfThere(active);
    if (opened === null) return;
    const { ino: inode } = await opened.handle.stat();
    const file = { ...opened, inode, positionBytes: 0, splitter: new LineSplitter() };
    this.#file = file;
    // Files that were begun and closed between two looks.
    const passed = this.#seq === 0 ? [] : (await this.#closed()).filter(({ first }) => first > this.#seq);
    for (const segment of passed) yield* this.#noting(readSegment(segment));
    yield* this.#readOn(file);
  }

  async *#readOn(file: Followed): AsyncGenerator<readonly AuditLine[]> {
    const { size } = await file.handle.stat();
    if (size < file.positionBytes) Object.assign(file, { positionBytes: 0, splitter: new LineSplitter() });
    yield* this.#noting(readChunks(file));
  }

  async *#noting(chunks: AsyncIterable<readonly AuditLine[]>): AsyncGenerator<readonly AuditLine[]> {
    for await (const lines of chunks) {
      this.#seq = lines.at(-1)?.record.seq ?? this.#seq;
      yield lines;
    }
  }

  /** Whether another file has the name. While none has, this one may still be written. */
  async #isLeft({ inode }: Followed): Promise<boolean> {
    const active = (await this.#find())?.active ?? null;
    const other = active === null ? null : await inodeOf(active);
    return other !== null && other !== inode;
  }

  /** Without the file that is read, which may have been closed a moment ago. */
  async #closed(): Promise<readonly Segment[]> {
    const { closed = [] } = (await this.#find()) ?? {};
    const inodes = await Promise.all(closed.map(({ path }) => inodeOf(path)));
    return closed.filter((_, index) => this.#file === null || inodes[index] !== this.#file.inode);
  }

  async #find(): Promise<Trail | undefined> {
    return (await findIfThere(this.#path)).find(({ number }) => number === this.#number);
  }
}

/** The trails of a path; none where there is nothing yet. */
export async function findIfThere(path: string): Promise<readonly Trail[]> {
  if ((await inodeOf(path)) === null) return [];
  return findSegments(path).catch((error: NodeJS.ErrnoException) => {
    // A directory in which no gateway has written yet.
    if (error.code === undefined || error.code === "ENOENT") return [];
    throw error;
  });
}

async function* readChunks(file: Followed): AsyncGenerator<readonly AuditLine[]> {
  for (;;) {
    // The splitter keeps what has not ended, so each piece is in memory of its own.
    const buffer = Buffer.allocUnsafe(chunkBytes);
    const { bytesRead } = await file.handle.read(buffer, 0, chunkBytes, file.positionBytes);
    if (bytesRead === 0) return;
    file.positionBytes += bytesRead;
    yield readLines(file.splitter.read(buffer.subarray(0, bytesRead)), `${file.path}: `);
  }
}

async function inodeOf(path: string): Promise<number | null> {
  return stat(path).then(({ ino }) => ino, absent);
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}
