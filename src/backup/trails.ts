/** The files of the audit trails as they are at one moment, while gateways write them. */
import type { FileHandle } from "node:fs/promises";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { openRecord, type SoundRecord } from "../audit/chain.ts";
import { AuditFault } from "../audit/fault.ts";
import { activeName } from "../audit/files/layout.ts";
import { LineSplitter } from "../audit/files/lines.ts";
import { type OpenFile, openEither, openIfThere, streamOf } from "../audit/files/opened.ts";
import { findIfThere } from "../audit/read/follow.ts";
import { findTail } from "../audit/write/tail.ts";
import { BackupError } from "./fault.ts";
import type { TrailHead } from "./manifest.ts";
import type { Source } from "./sources.ts";

/** A trail up to the last whole record that it had. */
export interface OpenTrail {
  /** In the order of their records. */
  readonly sources: readonly Source[];
  /** Null where there is no record, or the end does not verify. */
  readonly head: TrailHead | null;
}

/**
 * Opens the trails of a directory; none where nothing was written yet. The caller closes the files.
 *
 * @throws Error of the file system when one cannot be read
 */
export async function openTrails(directory: string): Promise<readonly OpenTrail[]> {
  const trails: OpenTrail[] = [];
  try {
    for (const { number } of await findIfThere(directory)) trails.push(await openTrail(directory, number));
    return trails;
  } catch (error) {
    await closeAll(trails.flatMap(({ sources }) => sources));
    throw error;
  }
}

/** A file is closed once a minute where records are many; it takes a moment to open all of them. */
const maxAttempts = 20;

async function openTrail(directory: string, number: number): Promise<OpenTrail> {
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    const files: OpenFile[] = [];
    try {
      const whole = await openFiles(directory, number, files);
      if (whole !== null) return await cut(number, whole);
    } catch (error) {
      await closeAll(files);
      throw error;
    }
    await closeAll(files);
  }
  throw new BackupError(`${directory}: files of the trail are closed faster than they can be opened`);
}

interface OpenFiles {
  readonly closed: readonly OpenFile[];
  readonly active: OpenFile | null;
}

/**
 * Null when another file was begun meanwhile.
 *
 * @param files takes each file that is opened
 */
async function openFiles(directory: string, number: number, files: OpenFile[]): Promise<OpenFiles | null> {
  const activePath = join(directory, activeName(number));
  const active = await openIfThere(activePath);
  if (active !== null) files.push(active);
  const inode = active === null ? null : (await active.handle.stat()).ino;
  const trail = (await findIfThere(directory)).find((one) => one.number === number);
  const closed: OpenFile[] = [];
  // The newest first: those whose time is over are deleted from the oldest on, so none is missing between two that are there.
  for (const { path } of trail?.closed.toReversed() ?? []) {
    const file = await openEither(path);
    if (file === null) break;
    files.push(file);
    // In the moment of its closing a file has both names.
    if ((await file.handle.stat()).ino === inode) await file.handle.close();
    else closed.unshift(file);
  }
  return (await inodeOf(activePath)) === inode ? { closed, active } : null;
}

async function inodeOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ ino }) => ino,
    () => null,
  );
}

async function cut(number: number, { closed, active }: OpenFiles): Promise<OpenTrail> {
  const sources: Source[] = [];
  for (const { path, handle } of closed) {
    sources.push({ path, handle, kind: "audit", bytes: (await handle.stat()).size });
  }
  let head: TrailHead | null = null;
  if (active !== null) {
    const { path, handle } = active;
    const bytes = await findLineEnd(handle, (await handle.stat()).size);
    sources.push({ path, handle, kind: "audit", bytes });
    head = readHead(number, active, bytes);
  }
  const last = closed.at(-1);
  const isBegun = active === null || (sources.at(-1)?.bytes ?? 0) === 0;
  if (isBegun && last !== undefined) head = await readLastRecord(number, last);
  return { sources, head };
}

/** Whoever changed the end of a trail shall not keep it from being backed up; `verify` tells. */
function readHead(number: number, { path, handle }: OpenFile, bytes: number): TrailHead | null {
  try {
    const { trail, seq, hash } = findTail(handle.fd, bytes, path);
    return seq === 0 ? null : { number, trail, seq, hash };
  } catch (error) {
    if (error instanceof AuditFault) return null;
    throw error;
  }
}

async function readLastRecord(number: number, file: OpenFile): Promise<TrailHead | null> {
  const splitter = new LineSplitter();
  let last: SoundRecord | null = null;
  for await (const chunk of streamOf(file)) {
    for (const { bytes } of splitter.read(chunk)) {
      const record = openRecord(bytes);
      if (record.state === "sound") last = record;
    }
  }
  return last === null ? null : { number, trail: last.trail, seq: last.seq, hash: last.hash };
}

const chunkBytes = 65_536;
const newline = 0x0a;

/** How many of the first `size` bytes are whole lines: a record that is being written has not ended. */
async function findLineEnd(handle: FileHandle, size: number): Promise<number> {
  const buffer = Buffer.alloc(chunkBytes);
  for (let to = size; to > 0; to -= chunkBytes) {
    const from = Math.max(0, to - chunkBytes);
    const { bytesRead } = await handle.read(buffer, 0, to - from, from);
    const at = buffer.subarray(0, bytesRead).lastIndexOf(newline);
    if (at !== -1) return from + at + 1;
  }
  return 0;
}

async function closeAll(files: readonly { readonly handle: Pick<FileHandle, "close"> }[]): Promise<void> {
  for (const { handle } of files) await handle.close();
}
