/** Puts the files of a backup into a directory: all of them or none. */
import { mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { checkpointSuffix, ledgerSuffix } from "../audit/files/layout.ts";
import { ConfigError } from "../config/diagnose.ts";
import { loadParts } from "../config/parts.ts";
import { makeDirectory } from "../directory.ts";
import { syncDirectory } from "../durable.ts";
import { storeName } from "../state/sqlite-store.ts";
import { BackupError, systemCode } from "./fault.ts";
import type { Manifest } from "./manifest.ts";
import { type UnpackOptions, unpackArchive } from "./unpack.ts";

/** A backup that was restored. */
export interface Restored {
  readonly manifest: Manifest;
  /** Absolute path of the configuration. */
  readonly config: string;
  /** Whether it has a store in it, which knows of nothing that came after the backup. */
  readonly hasStore: boolean;
  /** What does not lie where the configuration looks for it. */
  readonly moves: readonly Move[];
}

/** Absolute paths: where something is, and where the configuration looks for it. */
export interface Move {
  readonly from: string;
  readonly to: string;
}

/**
 * Restores an archive.
 *
 * @param to a directory that is empty, or not there yet
 * @throws BackupError, or the signal's reason when it was aborted; the directory is as it was then
 */
export async function restoreBackup(options: UnpackOptions, to: string): Promise<Restored> {
  const directory = resolve(to);
  const made = await claim(directory);
  const staging = join(directory, stagingName);
  const moved: string[] = [];
  let manifest: Manifest;
  try {
    manifest = await unpackArchive(options, staging);
    for (const name of await readdir(staging)) {
      await rename(join(staging, name), join(directory, name));
      moved.push(name);
    }
    await rmdir(staging);
    await syncDirectories(directory, made, manifest);
  } catch (error) {
    for (const name of [...moved, stagingName]) await rm(join(directory, name), { recursive: true, force: true });
    await removeMade(directory, made);
    throw error;
  }
  const config = join(directory, manifest.config);
  const hasStore = manifest.files.some(({ kind, path }) => kind === "state" && basename(path) === storeName);
  const named = await findDirectories(config);
  if (named === null) return { manifest, config, hasStore, moves: [] };
  await renameForPath(directory, manifest, named.audit);
  const moves = [
    { from: join(directory, manifest.state.path), to: named.state },
    { from: join(directory, manifest.audit.path), to: named.audit },
  ];
  return { manifest, config, hasStore, moves: moves.filter(({ from, to: wanted }) => from !== wanted) };
}

/** Where files are until all of them are there. Of two that restore into one directory, one makes it. */
const stagingName = ".restoring";

/**
 * Makes the directory, if need be, and {@link stagingName} in it.
 *
 * @returns the topmost directory that was made, if one was
 * @throws BackupError where anything else is in it
 */
async function claim(directory: string): Promise<string | undefined> {
  const staging = join(directory, stagingName);
  try {
    const made = makeDirectory(directory);
    if ((await readdir(directory)).length === 0) {
      await mkdir(staging, { mode: 0o700 });
      // Another one may have come and gone between the two.
      if ((await readdir(directory)).length === 1) return made;
      await rmdir(staging);
    }
  } catch (cause) {
    const code = systemCode(cause);
    if (code !== "EEXIST") throw new BackupError(`${directory}: it cannot be made or read (${code})`, { cause });
  }
  throw new BackupError(
    `${directory}: there is something in it; restore into a directory that is empty or not there yet`,
  );
}

/** @param made the topmost directory that was made */
async function removeMade(directory: string, made: string | undefined): Promise<void> {
  if (made === undefined) return;
  for (let at = directory; at.length >= made.length; at = dirname(at)) {
    // Somebody else may have put something there meanwhile, and keeps it.
    await rmdir(at).catch(() => {});
  }
}

/** Files are on the disk by now, and their names are to be as well. */
async function syncDirectories(directory: string, made: string | undefined, { files }: Manifest): Promise<void> {
  const found = new Set([directory]);
  for (let at = directory; made !== undefined && at.length >= made.length; at = dirname(at)) found.add(dirname(at));
  for (const { path } of files) {
    for (let at = dirname(join(directory, path)); !found.has(at); at = dirname(at)) found.add(at);
  }
  for (const each of found) await syncDirectory(each);
}

/** Null where the configuration cannot be read here, as when a variable that it names is not set. */
async function findDirectories(config: string): Promise<{ readonly audit: string; readonly state: string } | null> {
  try {
    const { audit, state } = await loadParts(config, ["audit", "state"]);
    return { audit: audit.directory, state: state.directory };
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

/**
 * Checkpoints and ledgers of thinned files have a digest of the path of the audit directory in their names: where that has another path
 * now, they would not be found.
 */
async function renameForPath(directory: string, { files, audit }: Manifest, path: string): Promise<void> {
  for (const suffixOf of [checkpointSuffix, ledgerSuffix]) {
    const [before, after] = [suffixOf(audit.from), suffixOf(path)];
    for (const file of files) {
      if (file.kind !== "state" || !file.path.endsWith(before)) continue;
      const found = join(directory, file.path);
      await rename(found, join(dirname(found), basename(found).replace(before, after)));
    }
  }
}
