import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { openInTurn } from "../files/in-turn.ts";
import { LineSplitter } from "../files/lines.ts";
import { type OpenFile, openEither, streamOf } from "../files/opened.ts";
import { findSegments } from "../files/segments.ts";
import { ChainCheck, type CheckOptions } from "./check.ts";
import type { ChainReport } from "./report.ts";

export interface AuditReport extends ChainReport {
  /** In the order of their records. */
  readonly files: readonly string[];
}

/** A trail that a path stands for. */
export interface FoundTrail {
  /** From 1; that of the worker. */
  readonly number: number;
  /** Whether the path has all files that there are of the trail. */
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
  return (await findSegments(path)).map(({ number }) => ({ number, whole }));
}

/**
 * Reads one trail from beginning to end, while a gateway writes it or not, and checks every hash, every link and every signature.
 * Memory does not grow with the files.
 *
 * @param path a directory of trails, or a file
 * @throws Error of the file system when a file cannot be read
 */
export function verifyTrail(path: string, { number, whole }: FoundTrail, options: CheckOptions): Promise<AuditReport> {
  return verify(openInTurn(path, number), { ...options, extent: whole ? "trail" : "file" });
}

/**
 * The same for files that are named.
 *
 * @param files in the order of their records
 * @throws Error of the file system when one cannot be read
 */
export function verifyFiles(files: readonly string[], options: CheckOptions = {}): Promise<AuditReport> {
  return verify(openNamed(files), options);
}

async function* openNamed(paths: readonly string[]): AsyncGenerator<OpenFile> {
  for (const path of paths) {
    const file = await openEither(path);
    if (file === null) throw Object.assign(new Error(`ENOENT: there is no file ${path}`), { code: "ENOENT", path });
    try {
      yield file;
    } finally {
      await file.handle.close();
    }
  }
}

async function verify(files: AsyncIterable<OpenFile>, options: CheckOptions): Promise<AuditReport> {
  const check = new ChainCheck(options);
  const read: string[] = [];
  for await (const file of files) {
    read.push(file.path);
    await readFile(file, check);
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

/** Whether decompression failed, not reading. */
function isDamage(error: unknown): boolean {
  return String((error as NodeJS.ErrnoException).code).startsWith("Z_");
}
