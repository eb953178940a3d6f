import { closeSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { AuditFault } from "../fault.ts";

/** Keeps a second process out of the directory. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Takes the lock file, which holds a process id. A lock of a process that is gone is taken over, and so is one with our own
 * id: in a container every run has the same one, and a run that was killed leaves its lock behind.
 *
 * @throws AuditFault naming the process and the file when another process holds it
 */
export function takeLock(path: string): DirectoryLock {
  if (!createLock(path)) {
    clearStale(path);
    if (!createLock(path))
      throw new AuditFault(`${path} was taken by another process just now; one gateway writes a trail.`);
  }
  return {
    release() {
      try {
        if (readHolder(path) === String(process.pid)) unlinkSync(path);
      } catch {
        // Where it cannot be removed any more, it will name a process that is gone, and keep nobody out.
      }
    },
  };
}

/** Whether another process holds the lock file. */
export function isLocked(path: string): boolean {
  const holder = readHolder(path);
  return holder !== null && /^\d{1,10}$/.test(holder) && Number(holder) !== process.pid && isAlive(Number(holder));
}

function createLock(path: string): boolean {
  try {
    const descriptor = openSync(path, "wx", 0o600);
    try {
      writeSync(descriptor, `${process.pid}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Moved aside before it is removed, so that of two processes that find the same stale lock only one removes it. */
function clearStale(path: string): void {
  const holder = readHolder(path);
  if (holder === null) return;
  refuseLive(holder, path);
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = readHolder(aside);
  if (moved !== holder) linkSync(aside, path);
  unlinkSync(aside);
}

function refuseLive(holder: string, path: string): void {
  if (!/^\d{1,10}$/.test(holder)) {
    throw new AuditFault(`${path} names no process; delete it if no gateway uses this directory.`);
  }
  const pid = Number(holder);
  if (pid === process.pid || !isAlive(pid)) return;
  throw new AuditFault(
    `process ${pid} writes this audit trail already (lock file ${path}); stop it, give this gateway another audit.directory, ` +
      "or delete the lock if that process is no gateway.",
  );
}

function readHolder(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isThread(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/**
 * A signal finds threads by their numbers as well, and in a container those of one run are the process ids of the next (proc(5),
 * Tgid in /proc/pid/status).
 */
function isThread(pid: number): boolean {
  try {
    const [, group] = /^Tgid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return group !== undefined && Number(group) !== pid;
  } catch {
    // Not Linux, or gone in this moment: the next start finds out.
    return false;
  }
}
