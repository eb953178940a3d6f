/** Files as they are read for a backup: opened once, so that renaming or deleting them changes nothing. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { BackupError, systemCode } from "./fault.ts";
import type { FileKind } from "./manifest.ts";

/** What a file is read from. */
export type Content = Pick<FileHandle, "close"> & {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
};

/** A file that is to be backed up. */
export interface Source {
  /** Absolute. */
  readonly path: string;
  readonly kind: FileKind;
  readonly handle: Content;
  /** How many bytes of it belong to the backup. */
  readonly bytes: number;
}

const chunkBytes = 262_144;

/**
 * Opens a file for a backup.
 *
 * @param follow whether a symbolic link is followed: Kubernetes mounts configurations as such, and the gateway's own files never are
 * @throws BackupError when it cannot be read or is no regular file
 */
export async function openSource(path: string, kind: FileKind, follow: boolean): Promise<Source> {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  let handle: FileHandle;
  try {
    // A FIFO would otherwise wait for somebody who writes to it.
    handle = await open(path, O_RDONLY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
  } catch (cause) {
    throw new BackupError(`${path}: it cannot be read (${systemCode(cause)})`, { cause });
  }
  const stats = await handle.stat();
  if (stats.isFile()) return { path, kind, handle, bytes: stats.size };
  await handle.close();
  throw new BackupError(`${path}: this is not a regular file`);
}

const smallBytes = 65_536;

/**
 * Reads a small file into memory and closes it; a large one stays as it is. There is a key for each person, and a process may not have as
 * many files open.
 *
 * @throws BackupError when it cannot be read
 */
export async function copySmall(source: Source): Promise<Source> {
  if (source.bytes > smallBytes) return source;
  const pieces: Uint8Array[] = [];
  for await (const piece of readBytes(source)) pieces.push(piece);
  await source.handle.close();
  const bytes = Buffer.concat(pieces);
  const read: Content["read"] = async (buffer, offset, length, position) => ({
    bytesRead: bytes.copy(buffer, offset, position, position + length),
  });
  return { ...source, handle: { read, close: async () => {} } };
}

/**
 * The first bytes of a file, each piece in memory of its own.
 *
 * @throws BackupError when there are fewer by now; the signal's reason when it was aborted
 */
export async function* readBytes(
  { path, handle, bytes }: Pick<Source, "path" | "handle" | "bytes">,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes; ) {
    signal?.throwIfAborted();
    const buffer = new Uint8Array(Math.min(chunkBytes, bytes - at));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at).catch((cause: unknown) => {
      throw new BackupError(`${path}: it cannot be read (${systemCode(cause)})`, { cause });
    });
    if (bytesRead === 0) throw new BackupError(`${path}: it became shorter while it was read; try again`);
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
