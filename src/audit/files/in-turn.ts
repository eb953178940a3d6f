import { stat } from "node:fs/promises";
import { type OpenFile, openEither, openIfThere } from "./opened.ts";
import { findSegments, type Segment } from "./segments.ts";

/**
 * The files of one trail, each opened when it is asked for, in the order of their records, and closed when the next one is. What is
 * closed, compressed or deleted by its age meanwhile is neither missed nor opened twice.
 *
 * @param path a file, or a directory of trails
 * @param number which of the trails in the path
 * @param isPassedOver of which closed files nobody wants to know
 * @throws Error of the file system when one cannot be opened
 */
export async function* openInTurn(
  path: string,
  number: number,
  isPassedOver: (segment: Segment) => Promise<boolean> = async () => false,
): AsyncGenerator<OpenFile> {
  for (let opened = -1; ; ) {
    // Opened before it is looked for what is closed: it may be closed itself while the others are read.
    const active = await openActive(path, number);
    try {
      const next = await findClosed(path, number, opened, active);
      if (next.length === 0) {
        if (active !== null) yield active;
        return;
      }
      for (const segment of next) {
        opened = segment.first;
        if (!(await isPassedOver(segment))) yield* openOne(segment);
      }
    } finally {
      await active?.handle.close();
    }
  }
}

/** A closed file, in whichever form it is there; nothing where it is gone. */
export async function* openOne({ path }: Segment): AsyncGenerator<OpenFile> {
  const file = await openEither(path);
  if (file === null) return;
  try {
    yield file;
  } finally {
    await file.handle.close();
  }
}

async function openActive(path: string, number: number): Promise<OpenFile | null> {
  const active = (await findSegments(path)).find((one) => one.number === number)?.active ?? null;
  return active === null ? null : openIfThere(active);
}

/** In the moment of its closing a file has both names, and a crash may leave it so. */
async function findClosed(path: string, number: number, behind: number, active: OpenFile | null): Promise<Segment[]> {
  const inode = active === null ? null : (await active.handle.stat()).ino;
  const found = (await findSegments(path)).find((one) => one.number === number)?.closed ?? [];
  const closed: Segment[] = [];
  for (const segment of found.filter(({ first }) => first > behind)) {
    if (inode === null || (await inodeOf(segment.path)) !== inode) closed.push(segment);
  }
  return closed;
}

function inodeOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ ino }) => ino,
    () => null,
  );
}
