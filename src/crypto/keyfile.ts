/**
 * The key ring on disk: one file that only its owner may read, whole at every moment, never overwritten unless it was
 * understood first.
 */

import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDirectory } from "../directory.ts";
import { syncDirectory } from "../durable.ts";
import { type Ring, ringSchema } from "./ring.ts";

/** A key file that cannot be used. The message names the file and never what is in it. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A ring as it was found. */
export interface RingFile {
  readonly ring: Ring;
  readonly owner: Owner;
}

const maxBytes = 1_048_576;

/**
 * Reads a key file; undefined when there is none.
 *
 * @throws KeyFileError when others may read it, someone else owns it, or it is not a key ring
 */
export async function readRing(path: string): Promise<RingFile | undefined> {
  const handle = await openFile(path);
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size > maxBytes) throw new KeyFileError(`${path} is not a key file`);
    checkOwner(path, stats, process.geteuid?.());
    return { ring: parseRing(path, await handle.readFile("utf8")), owner: { uid: stats.uid, gid: stats.gid } };
  } finally {
    await handle.close();
  }
}

/**
 * Puts a ring where no file is yet, and leaves alone what another process put there first: link(2) either makes the whole
 * file appear or fails, so both go on with the same ring.
 */
export async function createRing(path: string, ring: Ring): Promise<void> {
  prepareDirectory(dirname(path));
  const draft = await writeDraft(path, ring, undefined);
  try {
    await link(draft, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw new KeyFileError(`${path} cannot be created (${codeOf(error)})`);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Replaces a ring that was read before; the file keeps its owner when root does it. */
export async function replaceRing(path: string, ring: Ring, owner: Owner): Promise<void> {
  const draft = await writeDraft(path, ring, owner);
  try {
    await rename(draft, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(draft, { force: true });
    throw new KeyFileError(`${path} cannot be replaced (${codeOf(error)})`);
  }
}

function prepareDirectory(directory: string): void {
  try {
    makeDirectory(directory);
  } catch (error) {
    throw new KeyFileError(`${directory} cannot be created (${codeOf(error)})`);
  }
}

async function openFile(path: string): Promise<FileHandle | undefined> {
  try {
    // Without O_NONBLOCK a FIFO in the file's place would hold the start for ever.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return undefined;
    const hint = code === "EACCES" ? "; it is for the user that the gateway runs as" : "";
    throw new KeyFileError(`${path} cannot be read (${code})${hint}`);
  }
}

/**
 * Whether nobody but the owner can have read or made the file.
 *
 * @param user effective user id of the process; undefined where there are none, as on Windows
 * @throws KeyFileError
 */
export function checkOwner(path: string, stats: { mode: number; uid: number }, user: number | undefined): void {
  if (user === undefined) return;
  if ((stats.mode & 0o077) !== 0) {
    throw new KeyFileError(`${path} holds private keys and is open to other users; run: chmod 600 ${path}`);
  }
  // In a directory that others can write to, they could put a ring of their own in its place. Root reads for its owner.
  if (user !== 0 && stats.uid !== user) throw new KeyFileError(`${path} belongs to another user`);
}

/** Errors carry neither cause nor excerpt: a JSON parser quotes what it stumbles over, which here is key material. */
function parseRing(path: string, text: string): Ring {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new KeyFileError(`${path} is not a key ring: it is not JSON; restore it from a backup, or move it away`);
  }
  const result = ringSchema.safeParse(value);
  if (result.success) return result.data;
  const where = result.error.issues[0]?.path.join(".") || "the top level";
  throw new KeyFileError(`${path} is not a key ring: see ${where}; restore it from a backup, or move it away`);
}

async function writeDraft(path: string, ring: Ring, owner: Owner | undefined): Promise<string> {
  const draft = `${path}.${randomUUID()}`;
  try {
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(ring, null, 2)}\n`);
      if (owner !== undefined && process.geteuid?.() === 0) await handle.chown(owner.uid, owner.gid);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return draft;
  } catch (error) {
    await rm(draft, { force: true });
    throw new KeyFileError(`${path} cannot be written (${codeOf(error)})`);
  }
}

/** A rename is durable only once the directory is (fsync(2)). */

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
