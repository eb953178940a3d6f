import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { LineSplitter } from "../files/lines.ts";
import { type OpenFile, openEither, streamOf } from "../files/opened.ts";
import { findSegments } from "../files/segments.ts";
import { ChainCheck, type CheckOptions } from "./check.ts";
import type { ChainReport } from "./report.ts";

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
 * @param path a directory of trails, or a file, which stands for itself
 * @throws Error when there is none, or of the file system when the directory cannot be read
 */
export async function findTrails(path: string): Promise<readonly FoundTrail[]> {
  const whole = (await stat(path)).isDirectory();
  return (await findSegments(path)).map(({ closed, active }) => ({
    files: [...closed.map((segment) => segment.path), ...(active === null ? [] : [active])],
    whole,
  }));
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
  const read: string[] = [];
  for (const named of files) {
    const file = await openEither(named);
    if (file === null)
      throw Object.assign(new Error(`ENOENT: there is no file ${named}`), { code: "ENOENT", path: named });
    read.push(file.path);
    try {
      await readFile(file, check);
    } finally {
      await file.handle.close();
    }
  }
  return { files: read, ...check.finish() };
}

async function readFile(file: OpenFile, check: ChainCheck): Promise<void> {
  const splitter = new LineSplitter();
  check.beginFile(basename(file.path));
  try {
    for await (const chunk of streamOf(file)) {
      for (const piece of splitter.read(chunk)) check.read(piece);
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    check.breakOff();
  }
  for (const piece of splitter.end()) check.read(piece);
  if (check.hasHoles) check.endFile(await digestOf(file));
}

/** Over the bytes as they were before they were compressed. Read once more: few files need it, and over all it takes a fifth of the time. */
async function digestOf(file: OpenFile): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of streamOf(file)) hash.update(chunk);
  } catch (error) {
    // That it is damaged is found already.
    if (!isDamage(error)) throw error;
  }
  return `sha256:${hash.digest("hex")}`;
}
