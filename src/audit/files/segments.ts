import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { compressedSuffix, readFileName } from "./layout.ts";

/** A file that a trail has gone on from. */
export interface Segment {
  /** Without the `.gz` that it may have by the time it is read. */
  readonly path: string;
  /** Number of its first record. */
  readonly first: number;
}

/** The files of one writer. */
export interface Trail {
  /** From 1; that of the worker. */
  readonly number: number;
  /** In the order in which they were written. */
  readonly closed: readonly Segment[];
  /** The file that is written now; null where there is none. */
  readonly active: string | null;
}

/**
 * All files that a path stands for, by trail, in the order of their numbers.
 *
 * @param path a directory of trails, or a file, which stands for itself
 * @throws Error when there is none, or of the file system when the directory cannot be read
 */
export async function findSegments(path: string): Promise<readonly Trail[]> {
  if (!(await stat(path)).isDirectory()) return [{ number: 1, closed: [], active: path }];
  const trails = groupFiles(await readdir(path), path);
  if (trails.length === 0) throw new Error(`there is no audit trail in ${path}`);
  return trails;
}

/** @param names of the files in a directory; what is no part of a trail is passed over */
export function groupFiles(names: readonly string[], directory: string): readonly Trail[] {
  const trails = new Map<number, { closed: Map<number, string>; active: string | null }>();
  for (const name of names) {
    const file = readFileName(name);
    if (file === undefined) continue;
    const { trail: number, firstSeq, compressed } = file;
    const trail = trails.get(number) ?? { closed: new Map(), active: null };
    trails.set(number, trail);
    if (firstSeq === null) trail.active = join(directory, name);
    // While one is compressed it is there in both forms, and is one all the same.
    else trail.closed.set(firstSeq, join(directory, compressed ? name.slice(0, -compressedSuffix.length) : name));
  }
  return [...trails]
    .map(([number, { closed, active }]) => ({ number, closed: inOrder(closed), active }))
    .toSorted((a, b) => a.number - b.number);
}

function inOrder(closed: ReadonlyMap<number, string>): Segment[] {
  return [...closed].map(([first, path]) => ({ path, first })).toSorted((a, b) => a.first - b.first);
}
