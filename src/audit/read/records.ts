import { stat } from "node:fs/promises";
import { describeNewer, readNewerVersion } from "../chain.ts";
import { openInTurn, openOne } from "../files/in-turn.ts";
import { type LinePiece, LineSplitter } from "../files/lines.ts";
import { type OpenFile, streamOf } from "../files/opened.ts";
import { findSegments, type Segment } from "../files/segments.ts";
import { type AuditRecord, gatewayEntry } from "../record.ts";
import { isObject, isRecord } from "../record-shape.ts";
import { mergeLines } from "./merge.ts";

/** A record and the line that it was read from, without its newline. */
export interface AuditLine {
  readonly record: AuditRecord;
  readonly text: string;
}

/** Reads more of a line, where it is sealed and the keys are at hand. */
export type Unlock = (line: AuditLine) => AuditLine;

/**
 * Reads the records of a path one after the other, those of several trails by time, through closed and compressed files as
 * well. Memory does not grow with the files.
 *
 * Nothing is verified here; a line that is no record, as a crash leaves one, is passed over.
 *
 * @param path a file, or a directory of trails
 * @param unlock applied to each line; default: what is sealed stays so
 * @throws Error when there is none, where records of a later format are among them, or of the file system when one cannot be read
 */
export async function* readRecords(path: string, unlock: Unlock = (line) => line): AsyncGenerator<AuditRecord> {
  const trails = await findSegments(path);
  for await (const line of mergeLines(trails.map(({ number }) => readTrail(path, number)))) yield unlock(line).record;
}

/** Clocks of file servers differ, and a record is written after its time. */
const clockSlackMs = 3_600_000;

/**
 * Reads one trail from beginning to end, a chunk of lines at a time. What is closed, compressed or deleted by its age
 * meanwhile is neither missed nor read twice.
 *
 * @param number which of the trails in the path
 * @param sinceMs closed files that were written last before that time are passed over; milliseconds since the epoch
 */
export async function* readTrail(
  path: string,
  number: number,
  sinceMs = Number.NEGATIVE_INFINITY,
): AsyncGenerator<readonly AuditLine[]> {
  const files = openInTurn(path, number, (segment) => isOlder(segment, sinceMs));
  for await (const file of files) yield* readChunks(file);
}

/** Reads a closed file, in whichever form it is there; nothing where it is gone. */
export async function* readSegment(segment: Segment): AsyncGenerator<readonly AuditLine[]> {
  for await (const file of openOne(segment)) yield* readChunks(file);
}

async function isOlder({ path }: Segment, sinceMs: number): Promise<boolean> {
  const facts = await stat(path).catch(() => stat(`${path}.gz`).catch(() => null));
  return facts !== null && facts.mtimeMs < sinceMs - clockSlackMs;
}

async function* readChunks(file: OpenFile): AsyncGenerator<readonly AuditLine[]> {
  const splitter = new LineSplitter();
  try {
    for await (const chunk of streamOf(file)) yield readLines(splitter.read(chunk), `${file.path}: `);
  } catch (error) {
    // Neither a read nor a decompression that fails says in which file.
    throw Object.assign(error as Error, { path: file.path });
  }
}

/**
 * The records among lines; of one that has not ended it is not known what it will be.
 *
 * @param where they stand, for whoever is told that one cannot be read
 * @throws Error at a record of a later format: what leaves it out would look whole, and is not
 */
export function readLines(pieces: Iterable<LinePiece>, where = ""): AuditLine[] {
  const lines: AuditLine[] = [];
  for (const { bytes, ended, first } of pieces) {
    const line = ended && first ? readLine(bytes.toString("utf8"), where) : null;
    if (line !== null) lines.push(line);
  }
  return lines;
}

/**
 * The record in a line that was just written; of one that is sealed, what is in clear.
 *
 * @throws TypeError for a line that is no record
 */
export function recordOf(text: string): AuditRecord {
  const line = readLine(text);
  if (line === null) throw new TypeError("this is no audit record");
  return line.record;
}

function readLine(text: string, where = ""): AuditLine | null {
  const value = parse(text);
  if (isRecord(value)) return { record: value, text };
  if (isSealed(value)) return { record: veil(value), text };
  const newer = isObject(value) ? readNewerVersion(value) : null;
  if (newer !== null) throw new Error(`${where}record ${newer.seq} ${describeNewer(newer.version)}`);
  return null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

interface SealedMembers extends Pick<AuditRecord, "v" | "trail" | "seq" | "time" | "event" | "prev" | "hash"> {
  readonly sealed: string;
}

function isSealed(value: unknown): value is SealedMembers {
  if (!isObject(value) || value.v !== 1 || !Number.isSafeInteger(value.seq)) return false;
  const { trail, time, event, sealed, prev, hash } = value;
  return [trail, time, event, sealed, prev, hash].every((member) => typeof member === "string");
}

const { note: _none, ...nothing } = gatewayEntry("stop", "");

/** A record of which nothing is known but what is in clear. */
function veil({ v, trail, seq, time, event, sealed, prev, hash }: SealedMembers): AuditRecord {
  return { ...nothing, v, trail, seq, time, event, sealed, prev, hash };
}
