/** Directories that the gateway keeps things in. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a directory for nobody but this user, and what is missing above it. Not by Node's own `recursive`: where the system says ENOENT though
 * the parent is there, as below /proc, that one tries for ever (Node.js 26).
 *
 * @returns the topmost directory that was made; undefined where it was there
 * @throws Error of the file system
 */
export function makeDirectory(path: string): string | undefined {
  const above = dirname(path);
  const made = existsSync(above) ? undefined : makeDirectory(above);
  try {
    mkdirSync(path, { mode: 0o700 });
    return made ?? path;
  } catch (error) {
    const isThere = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    if (isThere) return made;
    throw error;
  }
}
