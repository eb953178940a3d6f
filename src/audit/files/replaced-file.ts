import { randomUUID } from "node:crypto";
import { link, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../../durable.ts";

/** Writes a small file that only its owner may read, whole at every moment, and on the disk by the end. */
export function replaceFile(path: string, text: string): Promise<void> {
  return put(path, text, rename);
}

/**
 * Makes such a file where there is none. Of two processes that make it at once one does.
 *
 * @returns whether it was made
 */
export async function makeFile(path: string, text: string): Promise<boolean> {
  try {
    await put(path, text, link);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** @param place gives the whole draft its name, in one step */
async function put(path: string, text: string, place: (draft: string, path: string) => Promise<void>): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, text, { flag: "wx", mode: 0o600, flush: true });
    await place(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(dirname(path));
}
