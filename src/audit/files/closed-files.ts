import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { openRecord, type SoundRecord } from "../chain.ts";
import { activeName } from "./layout.ts";
import { LineSplitter } from "./lines.ts";
import { openEither, streamOf } from "./opened.ts";
import { groupFiles } from "./segments.ts";

/** A closed file, as the one behind it tells. */
export interface ClosedFile {
  /** Without the `.gz` that it may have. */
  readonly path: string;
  /** Which chain it is of; null in trails that are older than names of chains. */
  readonly trail: string | null;
  /** Numbers of its first and last record, and the hash of that. */
  readonly from: number;
  readonly to: number;
  readonly hash: string;
  /** When the file behind it was begun: all its records are older. Milliseconds since the epoch. */
  readonly endedMs: number;
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
    const { trail, seq, prev: hash, time } = first;
    yield { path, trail, from, to: seq - 1, hash, endedMs: Date.parse(time) };
  }
}

async function readFirst(path: string): Promise<SoundRecord | null> {
  const splitter = new LineSplitter();
  const file = await openEither(path);
  if (file === null) return null;
  try {
    for await (const chunk of streamOf(file)) {
      for (const { bytes } of splitter.read(chunk)) {
        const record = openRecord(bytes);
        if (record.state === "sound") return record;
      }
    }
    return null;
  } finally {
    await file.handle.close();
  }
}
