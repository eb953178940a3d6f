import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ChainCheck, type ChainReport } from "./check.ts";
import { LineSplitter } from "./lines.ts";
import { auditFileName } from "./sink.ts";

const chunkBytes = 262_144;

export interface AuditReport extends ChainReport {
  readonly file: string;
}

/**
 * The audit files that a path stands for, in the order of their numbers.
 *
 * @param path a file, or a directory of trails: `audit.jsonl`, and `audit-2.jsonl` and so on where there are workers
 * @throws Error when there is none, or of the file system when the directory cannot be read
 */
export async function findTrails(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const numbers = (await readdir(path)).flatMap((name) => {
    const [found, number = "1"] = /^audit(?:-(\d{1,3}))?\.jsonl$/.exec(name) ?? [];
    return found === undefined ? [] : [Number(number)];
  });
  if (numbers.length === 0) throw new Error(`there is no audit trail in ${path}`);
  return numbers.toSorted((a, b) => a - b).map((number) => join(path, auditFileName(number)));
}

/**
 * Reads an audit file from beginning to end and checks every hash and every link. Memory does not grow with the file.
 *
 * @throws Error of the file system when it cannot be read
 */
export async function verifyAudit(file: string): Promise<AuditReport> {
  const splitter = new LineSplitter();
  const check = new ChainCheck();
  for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes })) {
    for (const piece of splitter.read(chunk as Buffer)) check.read(piece);
  }
  for (const piece of splitter.end()) check.read(piece);
  return { file, ...check.finish() };
}
