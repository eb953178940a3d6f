/** The state store, as it is at one moment while gateways write to it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { BackupError } from "./fault.ts";
import { openSource, type Source } from "./sources.ts";
import { openIfThere } from "./state.ts";

/** Files of the store and beside it: copied one by one they would not belong together. */
export function isStoreFile(name: string): boolean {
  return /^state\.db(?:-wal|-shm|-journal)?$/.test(name);
}

/** How long to wait for somebody who is writing, in milliseconds. */
const busyMs = 5_000;

/**
 * Opens a copy that SQLite makes of a store (https://sqlite.org/lang_vacuum.html#vacuum_with_an_into_clause); null where there is none.
 * Its name is gone by then, so that it is gone with the process.
 *
 * @throws BackupError when it cannot be copied
 */
export async function openStore(path: string): Promise<Source | null> {
  const found = await openIfThere(path);
  if (found === null) return null;
  await found.handle.close();
  const directory = await mkdtemp(join(tmpdir(), "sallyport-backup-"));
  try {
    const copy = join(directory, "state.db");
    snapshot(path, copy);
    return { ...(await openSource(copy, "state", false)), path };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function snapshot(path: string, copy: string): void {
  try {
    const database = new DatabaseSync(path, { timeout: busyMs });
    try {
      database.prepare("VACUUM INTO ?").run(copy);
    } finally {
      database.close();
    }
  } catch (cause) {
    throw new BackupError(`${path}: it cannot be copied (${(cause as Error).message})`, { cause });
  }
}
