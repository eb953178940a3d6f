/**
 * The hash chain of the audit file. It shows edits, gaps and changes of order to whoever holds the file; it does not stop
 * somebody who rewrites everything up to the end, which only a copy of a later hash kept elsewhere can show.
 */
import { hash as digest } from "node:crypto";
import { type AuditEntry, type ChainPlace, type RecordRenderer, renderRecord } from "./record.ts";

/** `prev` of the first record of a file. */
export const firstPrev = "0".repeat(64);

/** Largest line, so that readers need bounded memory. Far above what the sanitizer lets through. */
export const maxLineBytes = 1_048_576;

const hashMark = ',"hash":"';
const sealBytes = hashMark.length + 64 + '"}'.length;
const sealForm = /^,"hash":"([0-9a-f]{64})"\}$/;

export interface SealedRecord {
  /** The line without its newline. */
  readonly line: string;
  readonly hash: string;
}

/** What a line turned out to be. */
export type OpenedRecord = SoundRecord | AlteredRecord | NewerRecord | UnfinishedRecord;

/** Its hash is right. */
export interface SoundRecord {
  readonly state: "sound";
  /** Which chain it is of. */
  readonly trail: string;
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
  readonly time: string;
  readonly event: string;
  readonly note: unknown;
  /** A signed note; null in records that are none. */
  readonly checkpoint: string | null;
}

/** It ends like a record, and its hash is wrong, or something follows the end. `seq` and `hash` are what it claims. */
export interface AlteredRecord {
  readonly state: "altered";
  readonly seq: number | null;
  readonly hash: string | null;
}

/** It is of a format that a later version of the gateway writes: what it says, and how it is chained, cannot be known here. */
export interface NewerRecord {
  readonly state: "newer";
  readonly version: number;
  readonly seq: number;
  /** Null where it does not end with one of the kind that is known. */
  readonly hash: string | null;
}

/** It does not end like a record: the beginning of one, or no record at all. */
export interface UnfinishedRecord {
  readonly state: "unfinished";
}

/**
 * Puts an entry into its place in the chain.
 *
 * The line is one JSON object whose last two members are `prev` and `hash`. `hash` is the lower-case hex SHA-256 of the
 * exact UTF-8 bytes of the line from its first `{` up to, and not including, the last `,"hash":"`. It needs no
 * canonical form: `head -c -76` of a line with its newline gives the bytes that were hashed.
 *
 * @throws RangeError when the line would be longer than {@link maxLineBytes}; TypeError when the entry is not JSON
 */
export function sealRecord(entry: AuditEntry, place: ChainPlace, render: RecordRenderer = renderRecord): SealedRecord {
  const body = render(entry, place).slice(0, -1);
  if (Buffer.byteLength(body) + sealBytes > maxLineBytes) throw new RangeError("the audit record is too large");
  const hash = digest("sha256", body, "hex");
  return { line: `${body}${hashMark}${hash}"}`, hash };
}

/** Reads a line (without its newline) and recomputes its hash. Whether it links to its neighbours is the caller's question. */
export function openRecord(line: Buffer): OpenedRecord {
  const claimed = claimedHash(line);
  if (claimed === null) {
    if (soundBefore(line)) return { state: "altered", seq: null, hash: null };
    const version = readNewerVersion(readMembers(line));
    return version === null ? { state: "unfinished" } : { state: "newer", ...version, hash: null };
  }
  const members = readMembers(line);
  const seq = Number.isSafeInteger(members?.seq) ? (members?.seq as number) : null;
  const right = digest("sha256", line.subarray(0, -sealBytes), "hex") === claimed;
  if (!right || members === null || seq === null) return { state: "altered", seq, hash: claimed };
  const newer = readNewerVersion(members);
  if (newer !== null) return { state: "newer", ...newer, hash: claimed };
  const { trail, prev, time, event, note, checkpoint } = members;
  if (
    members.v !== formatVersion ||
    typeof trail !== "string" ||
    typeof prev !== "string" ||
    typeof time !== "string" ||
    typeof event !== "string"
  ) {
    return { state: "altered", seq, hash: claimed };
  }
  return {
    state: "sound",
    trail,
    seq,
    prev,
    hash: claimed,
    time,
    event,
    note,
    checkpoint: typeof checkpoint === "string" ? checkpoint : null,
  };
}

/** The version of this format. */
const formatVersion = 1;

/** Version and number of a record that a later version of the gateway has written; null for everything else. */
export function readNewerVersion(members: Readonly<Record<string, unknown>> | null): {
  readonly version: number;
  readonly seq: number;
} | null {
  const { v, seq, event } = members ?? {};
  if (!Number.isSafeInteger(v) || !Number.isSafeInteger(seq) || typeof event !== "string") return null;
  return Number(v) > formatVersion ? { version: Number(v), seq: Number(seq) } : null;
}

/** What is said of a record that a later version of the gateway has written. */
export function describeNewer(version: number): string {
  return `is of format version ${version}, which this version of Sallyport cannot read. Use the one that wrote it, or a later one.`;
}

function claimedHash(line: Buffer): string | null {
  if (line.length < sealBytes) return null;
  return sealForm.exec(line.toString("latin1", line.length - sealBytes))?.[1] ?? null;
}

/** A whole record with something behind it is no torn write, since those are beginnings of what was to be written. */
function soundBefore(line: Buffer): boolean {
  const mark = line.lastIndexOf(hashMark);
  return mark > 0 && mark + sealBytes < line.length && openRecord(line.subarray(0, mark + sealBytes)).state === "sound";
}

function readMembers(line: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
