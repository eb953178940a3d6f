import { open } from "node:fs/promises";

/** Forces the names in a directory to the disk: a file that was made, moved or deleted there stays so after a loss of power (fsync(2)). */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
