import { randomBytes } from "node:crypto";
import { readdirSync, readSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { maxLineBytes, openRecord } from "../chain.ts";
import { AuditFault } from "../fault.ts";
import { activeName, closedName, readDraftName } from "../files/layout.ts";
import { LineSplitter } from "../files/lines.ts";
import { groupFiles } from "../files/segments.ts";
import { verifyFiles } from "../verify/verify.ts";
import { ChainFiles, type ChainFilesOptions, type FileBeginning } from "./chain-files.ts";
import type { ChainHead } from "./checkpoints.ts";
import type { AppendFile } from "./file.ts";
import type { FileRenderer } from "./file-renderer.ts";
import { findTail, type TornTail } from "./tail.ts";
import { ChainWriter } from "./writer.ts";

/** A trail that can be written on. */
export interface OpenedTrail {
  readonly files: ChainFiles;
  /** The last record that was found; null where there was none. */
  readonly head: ChainHead | null;
  /** What stood behind it, and stays. */
  readonly torn: TornTail | null;
  /** Text that ends the last line, for the first write. */
  readonly before: string;
  /** What the first record says of how those behind it are rendered. */
  readonly note: FileRenderer["note"];
}

/**
 * Opens the files of a trail where its chain ends: in the active file or, where that is empty, in the last closed one.
 *
 * @throws AuditFault when the end does not verify, or others could read or change the file
 */
export async function openTrailFiles(options: ChainFilesOptions): Promise<OpenedTrail> {
  const { directory, trail, openFile, now } = options;
  const path = join(directory, activeName(trail));
  removeDrafts(options);
  const file = openFile(path);
  try {
    const { sizeBytes } = file.stat();
    const tail = findTail(file.descriptor, sizeBytes, path);
    const found = readBeginning(file.descriptor, sizeBytes);
    if (found !== null) forgetDoubleName(join(directory, closedName(trail, found.firstSeq)), file);
    const head = tail.trail === null ? await findClosedEnd(directory, trail) : { ...tail, trail: tail.trail };
    const { seq, hash } = head ?? tail;
    const end = { trail: head?.trail ?? drawTrail(), seq, hash, sizeBytes };
    const beginning = found ?? { firstSeq: seq + 1, beganMs: now().getTime() };
    const renderer = options.rendererFor(end.trail, seq + 1);
    const writer = new ChainWriter(file, path, renderer.render, end);
    const files = new ChainFiles(options, writer, file, renderer, beginning);
    return { files, head, torn: tail.torn, before: tail.open ? "\n" : "", note: renderer.note };
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * Those of a process that ended before they were whole, or before they took their places. What cannot be removed is told, and keeps nothing
 * else from being done: a directory in the place of a file stays until somebody sees it.
 */
function removeDrafts({ directory, trail, onTrouble }: ChainFilesOptions): void {
  for (const name of readdirSync(directory)) {
    if (readDraftName(name)?.trail !== trail) continue;
    try {
      rmSync(join(directory, name));
    } catch (error) {
      onTrouble(error);
    }
  }
}

function drawTrail(): string {
  return randomBytes(6).toString("hex");
}

/** Closed files are whole: whatever is wrong with the end of one happened afterwards. */
async function findClosedEnd(directory: string, trail: number): Promise<ChainHead | null> {
  const found = groupFiles(readdirSync(directory), directory).find(({ number }) => number === trail);
  const path = found?.closed.at(-1)?.path;
  if (path === undefined) return null;
  // What was taken out of it is the business of whoever verifies the whole trail.
  const report = await verifyFiles([path], { extent: "file", mayLack: () => true });
  const [finding] = report.findings;
  if (finding !== undefined || report.tornTail !== undefined || report.trail === null) {
    throw new AuditFault(
      `${path} does not verify, so no record can follow it${finding === undefined ? "." : `: ${finding.text}`} Nothing was ` +
        "changed. Move the files of this trail away and keep them; the gateway then starts a new one.",
    );
  }
  return { trail: report.trail, seq: report.lastSeq, hash: report.lastHash };
}

/** A crash while a file was being closed leaves the active one with both names. */
function forgetDoubleName(closed: string, file: AppendFile): void {
  if (statSync(closed, { throwIfNoEntry: false })?.ino === file.stat().inode) rmSync(closed);
}

const chunkBytes = 65_536;

/** The first sound record of a file: behind torn beginnings of one, if the first write was torn. */
function readBeginning(descriptor: number, sizeBytes: number): FileBeginning | null {
  const splitter = new LineSplitter();
  const limit = Math.min(sizeBytes, 2 * maxLineBytes);
  for (let at = 0; at < limit; at += chunkBytes) {
    const chunk = Buffer.alloc(chunkBytes);
    const length = readSync(descriptor, chunk, 0, chunkBytes, at);
    for (const { bytes } of splitter.read(chunk.subarray(0, length))) {
      const record = openRecord(bytes);
      if (record.state === "sound") return { firstSeq: record.seq, beganMs: Date.parse(record.time) };
    }
  }
  return null;
}
