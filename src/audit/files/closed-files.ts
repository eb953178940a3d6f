import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { openRecord, type SoundRecord } from "../chain.ts";
import { activeName } from "./layout.ts";
import { LineSplitter } from "./lines.ts";
import { openEither, streamOf } from "./opened.ts";
import { groupFiles } from "./segments.ts";

/** A closed file, as the one behind it tells. */
export interface ClosedFile {
  /** Without the `.gz` that it may have. */
  readonly path: string;
  /** Which chain it is of. */
  readonly trail: string;
  /** Numbers of its first and last record, and the hash of that. */
  readonly from: number;
  readonly to: number;
  readonly hash: string;
  /** When the file behind it was begun: all its records are older. Milliseconds since the epoch. */
  readonly endedMs: number;
  /** Whether the file behind it says that it follows this one. Where it does not, some between them may have been moved elsewhere. */
  readonly followed: boolean;
}

/** The closed files of one trail, the oldest first, up to one that nothing is known of. @param number of the trail */
export async function* readClosedFiles(directory: string, number: number): AsyncGenerator<ClosedFile> {
  // Before it is looked for what is closed: another file may be begun while the others are worked at.
  const active = await readFirst(join(directory, activeName(number)));
  const found = groupFiles(await readdir(directory), directory).find((trail) => trail.number === number);
  for (const [index, { path, first: from }] of (found?.closed ?? []).entries()) {
    const next = found?.closed[index + 1]?.path;
    const first = next === undefined ? active : await readFirst(next);
    // It may have been closed in between.
    if (first === null || first.seq <= from) return;
    const { trail, seq, prev: hash, time, note } = first;
    const { previous } = (note ?? {}) as { readonly previous?: unknown };
    const followed = previous === basename(path);
    yield { path, trail, from, to: seq - 1, hash, endedMs: Date.parse(time), followed };
  }
}

/** Number of the last record that is in the file itself; null where there is none. */
export async function readLastSeq({ path, to, followed }: ClosedFile): Promise<number | null> {
  if (followed) return to;
  let last: number | null = null;
  for await (const { seq } of readSound(path)) last = seq;
  return last;
}

async function readFirst(path: string): Promise<SoundRecord | null> {
  for await (const record of readSound(path)) return record;
  return null;
}

async function* readSound(path: string): AsyncGenerator<SoundRecord> {
  const splitter = new LineSplitter();
  const file = await openEither(path);
  if (file === null) return;
  try {
    for await (const chunk of streamOf(file)) {
      for (const { bytes } of splitter.read(chunk)) {
        const record = openRecord(bytes);
        if (record.state === "sound") yield record;
      }
    }
  } finally {
    await file.handle.close();
  }
}
