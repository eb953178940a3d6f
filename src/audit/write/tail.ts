import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import { describeNewer, firstPrev, maxLineBytes, type NewerRecord, openRecord } from "../chain.ts";
import { AuditFault } from "../fault.ts";

/** Where a file's chain ends. */
export interface ChainTail {
  /** Number and hash of the last good record; 0 and {@link firstPrev} where there is none. */
  readonly seq: number;
  readonly hash: string;
  /** Which chain it is; null where there is no record. */
  readonly trail: string | null;
  /** What stands behind it and is no record: a write that was torn. */
  readonly torn: TornTail | null;
  /** True when the file does not end with a newline. */
  readonly open: boolean;
}

export interface TornTail {
  /** Without the newline that is put behind it. */
  readonly bytes: number;
  /** `sha256:` over these bytes. */
  readonly digest: string;
}

const chunkBytes = 65_536;
/** Each crash of a gateway that was just mending a torn tail leaves one more. */
const maxUnfinished = 16;
const newline = 0x0a;

/**
 * Finds the last good record, reading from the end and no more than needed.
 *
 * Only beginnings of records count as torn. A line that ends like a record and whose hash is wrong is evidence.
 *
 * @param sizeBytes size of the file
 * @throws AuditFault when the file does not end with a sound record or a torn one
 */
export function findTail(descriptor: number, sizeBytes: number, path: string): ChainTail {
  let start = lineStart(descriptor, sizeBytes);
  const open = start < sizeBytes;
  let end = open ? sizeBytes : sizeBytes - 1;
  if (!open) start = lineStart(descriptor, end);
  let tornStart = sizeBytes;
  for (let unfinished = 0; end > 0 && unfinished <= maxUnfinished; unfinished += 1) {
    const record = end - start > maxLineBytes ? null : openRecord(read(descriptor, start, end - start));
    if (record?.state === "newer") throw new AuditFault(refusalOfNewer(path, record));
    if (record?.state === "altered") throw new AuditFault(refusal(path, start));
    if (record?.state === "sound") {
      const { seq, hash, trail } = record;
      return { seq, hash, trail, torn: readTorn(tornStart), open };
    }
    tornStart = start;
    end = start - 1;
    start = end > 0 ? lineStart(descriptor, end) : 0;
  }
  if (end > 0) throw new AuditFault(refusal(path, tornStart));
  return { seq: 0, hash: firstPrev, trail: null, torn: readTorn(tornStart), open };

  function readTorn(from: number): TornTail | null {
    const to = open ? sizeBytes : sizeBytes - 1;
    return from >= to ? null : { bytes: to - from, digest: digestRange(descriptor, from, to) };
  }
}

function refusal(path: string, offset: number): string {
  return (
    `the last lines of ${path} do not verify (byte ${offset}), so no record can follow them. Nothing was changed. ` +
    "Look with `sallyport audit verify`, move the file away and keep it; the gateway then starts a new one."
  );
}

function refusalOfNewer(path: string, { version, seq }: NewerRecord): string {
  return (
    `${path}: record ${seq} ${describeNewer(version)} Nothing was changed. To go on with this version, move the files of this ` +
    "trail away and keep them; the gateway then starts a new one."
  );
}

/** Offset behind the last newline before `end`. */
function lineStart(descriptor: number, end: number): number {
  for (let to = end; to > 0; to -= chunkBytes) {
    const from = Math.max(0, to - chunkBytes);
    const at = read(descriptor, from, to - from).lastIndexOf(newline);
    if (at !== -1) return from + at + 1;
  }
  return 0;
}

function digestRange(descriptor: number, from: number, to: number): string {
  const hash = createHash("sha256");
  for (let at = from; at < to; at += chunkBytes) hash.update(read(descriptor, at, Math.min(chunkBytes, to - at)));
  return `sha256:${hash.digest("hex")}`;
}

function read(descriptor: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(descriptor, bytes, filled, length - filled, from + filled);
    if (count === 0) throw new AuditFault("the audit file shrank while it was read");
    filled += count;
  }
  return bytes;
}
