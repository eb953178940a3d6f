import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { createGunzip } from "node:zlib";
import { ChainCheck, type CheckOptions } from "./check.ts";
import { compressedSuffix, sortTrails } from "./layout.ts";
import { LineSplitter } from "./lines.ts";
import type { ChainReport } from "./report.ts";

const chunkBytes = 262_144;

export interface AuditReport extends ChainReport {
  /** In the order of their records. */
  readonly files: readonly string[];
}

/** The files of one trail that a path stands for. */
export interface FoundTrail {
  /** Paths, in the order of their records; the active file comes last. */
  readonly files: readonly string[];
  /** Whether these are all that there are of the trail. */
  readonly whole: boolean;
}

/**
 * The trails that a path stands for, in the order of their numbers.
 *
 * @param path a file, or a directory of trails: `audit.jsonl`, closed files such as `audit.000000000001.jsonl.gz`, and the same
 *   with `audit-2` and so on where there are workers
 * @throws Error when there is none, or of the file system when the directory cannot be read
 */
export async function findTrails(path: string): Promise<readonly FoundTrail[]> {
  if (!(await stat(path)).isDirectory()) return [{ files: [path], whole: false }];
  const trails = [...sortTrails(await readdir(path)).values()];
  if (trails.length === 0) throw new Error(`there is no audit trail in ${path}`);
  return trails.map((files) => ({ files: files.map(({ name }) => join(path, name)), whole: true }));
}

/** The bytes of a file of a trail, as they were before it was compressed. */
export function openTrailFile(path: string): AsyncIterable<Buffer> {
  const stream = createReadStream(path, { highWaterMark: chunkBytes });
  return path.endsWith(compressedSuffix) ? stream.pipe(createGunzip({ chunkSize: chunkBytes })) : stream;
}

/** Whether decompression failed, not reading. */
function isDamage(error: unknown): boolean {
  return String((error as NodeJS.ErrnoException).code).startsWith("Z_");
}

/**
 * Reads the files of one trail from beginning to end and checks every hash, every link and every signature. Memory does not grow with
 * the files.
 *
 * @param files in the order of their records
 * @throws Error of the file system when one cannot be read
 */
export async function verifyFiles(files: readonly string[], options: CheckOptions = {}): Promise<AuditReport> {
  const check = new ChainCheck(options);
  for (const file of files) {
    const splitter = new LineSplitter();
    check.beginFile(basename(file));
    try {
      for await (const chunk of openTrailFile(file)) {
        for (const piece of splitter.read(chunk)) check.read(piece);
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
      check.breakOff();
    }
    for (const piece of splitter.end()) check.read(piece);
  }
  return { files, ...check.finish() };
}
