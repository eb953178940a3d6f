/**
 * Names of the files in an audit directory. A trail is one chain of records, written by one process: its active file, and behind
 * it closed ones, each named by the number of its first record.
 */
import { hash } from "node:crypto";

/** A file of a trail, as its name says. */
export interface TrailFile {
  readonly name: string;
  /** Which of the trails of the directory, from 1. */
  readonly trail: number;
  /** Number of its first record; null for the active file. */
  readonly firstSeq: number | null;
  readonly compressed: boolean;
}

function digestOf(directory: string): string {
  return hash("sha256", directory).slice(0, 8);
}

/** The first trail has the name that one alone has. */
function baseName(trail: number): string {
  return trail === 1 ? "audit" : `audit-${trail}`;
}

/** Name of the file of a trail that is being written. */
export function activeName(trail: number): string {
  return `${baseName(trail)}.jsonl`;
}

/** Name of the file that keeps a second process from writing a trail. */
export function lockName(trail: number): string {
  return `${baseName(trail)}.lock`;
}

/**
 * Name of the file that holds a trail's last checkpoint. Gateways may share a state directory, and then write to different audit
 * directories.
 *
 * @param directory absolute path of the audit directory
 */
export function checkpointName(directory: string, trail: number): string {
  return `${baseName(trail)}${checkpointSuffix(directory)}`;
}

/** How the names of all trails of an audit directory end. */
export function checkpointSuffix(directory: string): string {
  return `-${digestOf(directory)}.checkpoint`;
}

/**
 * Name of the file that remembers which closed files of a trail records were taken out of.
 *
 * @param directory absolute path of the audit directory
 */
export function ledgerName(directory: string, trail: number): string {
  return `${baseName(trail)}${ledgerSuffix(directory)}`;
}

/** How the names of the ledgers of all trails of an audit directory end. */
export function ledgerSuffix(directory: string): string {
  return `-${digestOf(directory)}.thinned`;
}

/** Name of the file in an audit directory that orders for its trails are left in. */
export const ordersName = "audit.order";

/** Name of a closed file of a trail. @param firstSeq number of its first record */
export function closedName(trail: number, firstSeq: number): string {
  return `${baseName(trail)}.${String(firstSeq).padStart(12, "0")}.jsonl`;
}

const draftSuffix = ".new";

/** Where a file is written until it is whole and takes its name. */
export function draftOf(path: string): string {
  return `${path}${draftSuffix}`;
}

/** Reads the name of a draft as that of the file that it is to become; undefined where it is none of a trail's. */
export function readDraftName(name: string): TrailFile | undefined {
  return name.endsWith(draftSuffix) ? readFileName(name.slice(0, -draftSuffix.length)) : undefined;
}

/** What stands behind the name of a closed file that is compressed. */
export const compressedSuffix = ".gz";

/** The name of a file without what says that it is compressed. */
export function plainName(name: string): string {
  return name.endsWith(compressedSuffix) ? name.slice(0, -compressedSuffix.length) : name;
}

/** Reads a name; undefined where it is not that of a trail's file. */
export function readFileName(name: string): TrailFile | undefined {
  const [found, trail = "1", first, suffix] =
    /^audit(?:-([2-9]|[1-9]\d{1,2}))?(?:\.(\d{12}))?\.jsonl(\.gz)?$/.exec(name) ?? [];
  if (found === undefined || (first === undefined && suffix !== undefined)) return undefined;
  return {
    name,
    trail: Number(trail),
    firstSeq: first === undefined ? null : Number(first),
    compressed: suffix !== undefined,
  };
}
