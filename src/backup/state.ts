/** The files of the state directory. */
import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { BackupError, systemCode } from "./fault.ts";
import { copySmall, openSource, readBytes, type Source } from "./sources.ts";

/**
 * What is of no use once restored: drafts of files that are not in their place yet, locks of a process that will be gone, and orders whose
 * answer nobody waits for any more.
 */
const passing = /\.(?:new|tmp|lock|order|order\.answer)$|\.key\.\d+$|\.[0-9a-f-]{36}$/;
/** What every archive of this kind begins with. */
const archiveMark = "age-encryption.org/v1\n";

/**
 * Opens whatever a gateway keeps in its state directory, at any depth; other backups, links, sockets and the like are passed over.
 *
 * @param without absolute paths that are left out: of the audit directory, which may lie below, and of files that were opened already
 * @param opened takes each file
 * @param isWanted by its name
 * @throws BackupError when one cannot be read
 */
export async function openState(
  directory: string,
  without: ReadonlySet<string>,
  opened: Source[],
  isWanted: (name: string) => boolean,
): Promise<void> {
  const entries = await list(directory);
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    if (without.has(path) || passing.test(entry.name)) continue;
    if (entry.isDirectory()) await openState(path, without, opened, isWanted);
    const source = entry.isFile() && isWanted(entry.name) ? await openIfThere(path) : null;
    if (source === null) continue;
    // Whoever closes what was opened closes this one too, if it cannot be read.
    const at = opened.push(source) - 1;
    if (await isArchive(source)) await opened.pop()?.handle.close();
    else opened[at] = await copySmall(source);
  }
}

async function list(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw new BackupError(`${directory}: it cannot be read (${systemCode(error)})`, { cause: error });
  }
}

/** A gateway that runs may take a file away again. */
export async function openIfThere(path: string): Promise<Source | null> {
  try {
    return await openSource(path, "state", false);
  } catch (error) {
    if (error instanceof BackupError && systemCode(error.cause) === "ENOENT") return null;
    throw error;
  }
}

async function isArchive(source: Source): Promise<boolean> {
  const bytes = Math.min(source.bytes, archiveMark.length);
  let head = "";
  for await (const chunk of readBytes({ ...source, bytes })) head += Buffer.from(chunk).toString("latin1");
  return head === archiveMark;
}
