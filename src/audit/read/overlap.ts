import { findSegments } from "../files/segments.ts";
import { readSegment } from "./records.ts";

/** Two paths with the same records in them. */
export type Overlap = readonly [path: string, other: string];

/**
 * Two of several paths in which a file begins with the same record: one trail by two names, a directory and a file in it, or a
 * copy, compressed or not. Whoever read both would count its records twice.
 *
 * @param paths each a file, or a directory of trails, which need not be there
 * @returns null where there are none
 */
export async function findOverlap(paths: readonly string[]): Promise<Overlap | null> {
  const seen = new Map<string, string>();
  for (const path of paths) {
    const begins = await findBegins(path);
    for (const text of begins) {
      const other = seen.get(text);
      if (other !== undefined) return [other, path];
    }
    for (const text of begins) seen.set(text, path);
  }
  return null;
}

/** The first record of each file. What cannot be read is reported where it is read. */
async function findBegins(path: string): Promise<readonly string[]> {
  const begins: string[] = [];
  for (const { closed, active } of await findSegments(path).catch(() => [])) {
    const files = closed.map((segment) => segment.path);
    for (const file of active === null ? files : [...files, active]) {
      const text = await readBegin(file);
      if (text !== null) begins.push(text);
    }
  }
  return begins;
}

async function readBegin(path: string): Promise<string | null> {
  try {
    for await (const [line] of readSegment({ path, first: 1 })) if (line !== undefined) return line.text;
  } catch {
    return null;
  }
  return null;
}
