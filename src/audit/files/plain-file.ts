import { constants, type Stats } from "node:fs";
import { open } from "node:fs/promises";

/** A small file, and what the system says of it. */
export interface PlainFile {
  readonly text: string;
  readonly stats: Stats;
}

/**
 * Reads a small file that others may have had their hands on; null where there is none. A symbolic link is not followed, and a
 * FIFO holds nobody up.
 *
 * @throws Error when something else stands there, or more than `maxBytes`, or the file system does not let it be read
 */
export async function readPlainFile(path: string, maxBytes: number): Promise<PlainFile | null> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (handle === null) return null;
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size > maxBytes) throw new Error(`${path} is not the small file that belongs there`);
    return { text: await handle.readFile("utf8"), stats };
  } finally {
    await handle.close();
  }
}
