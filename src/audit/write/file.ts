import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { syncDirectory } from "../../durable.ts";
import { AuditFault } from "../fault.ts";

const forceToDisk = promisify(fsync);
const forceDataToDisk = promisify(fdatasync);

/** The few things the audit file does to the file under it. All but one block, and throw what the system says. */
export interface AppendFile {
  readonly descriptor: number;
  /** Appends in one system call, and returns how many bytes went in. */
  write(bytes: Uint8Array): number;
  truncate(sizeBytes: number): void;
  /** Size now, in how many directories the file stands (none once it was deleted), and what tells it from another one. */
  stat(): { sizeBytes: number; links: number; inode: number };
  sync(): void;
  /** Forces what was written to the disk without blocking (fdatasync(2)). */
  syncData(): Promise<void>;
  /** The same with the name that it has in its directory. */
  syncName(): Promise<void>;
  close(): void;
}

/**
 * Opens a file for appending, and makes it with mode 0600 if there is none. A symbolic link is not followed.
 *
 * @throws AuditFault when others may read or write it, or when it is no regular file
 */
export function openAppendFile(path: string): AppendFile {
  const { O_APPEND, O_CREAT, O_RDWR, O_NOFOLLOW } = constants;
  const descriptor = openSync(path, O_APPEND | O_CREAT | O_RDWR | O_NOFOLLOW, 0o600);
  try {
    const facts = fstatSync(descriptor);
    if (!facts.isFile()) throw new AuditFault(`${path} is not a regular file; the audit trail needs one of its own.`);
    if ((facts.mode & 0o077) !== 0) {
      const mode = (facts.mode & 0o777).toString(8).padStart(4, "0");
      throw new AuditFault(`${path} is open to other users (mode ${mode}); make it private: chmod 600 ${path}`);
    }
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return {
    descriptor,
    write: (bytes) => writeSync(descriptor, bytes),
    truncate: (sizeBytes) => ftruncateSync(descriptor, sizeBytes),
    stat: () => {
      const { size, nlink, ino } = fstatSync(descriptor);
      return { sizeBytes: size, links: nlink, inode: ino };
    },
    sync: () => fsyncSync(descriptor),
    syncData: () => forceDataToDisk(descriptor),
    syncName: () => syncDirectory(dirname(path)),
    close: () => closeSync(descriptor),
  };
}

/** Forces what a path leads to at the moment to the disk, with the name that it has in its directory. */
export async function syncFile(path: string): Promise<void> {
  // By a descriptor of its own, opened at once: the file may be closed, and another one take its name, before the disk has it.
  const descriptor = openSync(path, "r");
  try {
    await forceToDisk(descriptor);
  } finally {
    closeSync(descriptor);
  }
  // It may have been begun just now, and without its name it would be gone with all that is in it.
  await syncDirectory(dirname(path));
}
