import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { ChainCheck, type ChainReport } from "./check.ts";
import { LineSplitter } from "./lines.ts";
import { auditFileName } from "./sink.ts";

const chunkBytes = 262_144;

export interface AuditReport extends ChainReport {
  readonly file: string;
}

/**
 * Reads an audit file from beginning to end and checks every hash and every link. Memory does not grow with the file.
 *
 * @param path the file, or the directory with `audit.jsonl`
 * @throws Error of the file system when it cannot be read
 */
export async function verifyAudit(path: string): Promise<AuditReport> {
  const file = (await stat(path)).isDirectory() ? join(path, auditFileName) : path;
  const splitter = new LineSplitter();
  const check = new ChainCheck();
  for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes })) {
    for (const piece of splitter.read(chunk as Buffer)) check.read(piece);
  }
  for (const piece of splitter.end()) check.read(piece);
  return { file, ...check.finish() };
}
