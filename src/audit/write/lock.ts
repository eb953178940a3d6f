import { closeSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { AuditFault } from "../fault.ts";

/** Keeps a second process out of the directory. */
export interface DirectoryLock {
  release(): void;
}

/** Who has a lock. */
interface Holder {
  readonly pid: number;
  /** When it began, in ticks since the machine did; null where the system does not say. */
  readonly began: string | null;
}

/**
 * Takes the lock file, which holds a process id and when that process began. A lock of a process that is gone is taken over, and so is one with
 * our own id: in a container every run has the same one, and a run that was killed leaves its lock behind. Of several workers one may have the id
 * there that another one had in the run before, which is told by when it began.
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
        if (parse(readHolder(path) ?? "")?.pid === process.pid) unlinkSync(path);
      } catch {
        // Where it cannot be removed any more, it will name a process that is gone, and keep nobody out.
      }
    },
  };
}

/** Whether another process holds the lock file. */
export function isLocked(path: string): boolean {
  const holder = parse(readHolder(path) ?? "");
  return holder !== null && isOther(holder);
}

function createLock(path: string): boolean {
  try {
    const descriptor = openSync(path, "wx", 0o600);
    try {
      const began = findBegin(process.pid);
      writeSync(descriptor, `${process.pid}${began === null ? "" : ` ${began}`}\n`);
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
  const found = parse(holder);
  if (found === null) throw new AuditFault(`${path} names no process; delete it if no gateway uses this directory.`);
  if (!isOther(found)) return;
  throw new AuditFault(
    `process ${found.pid} writes this audit trail already (lock file ${path}); stop it, give this gateway another audit.directory, ` +
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

function parse(text: string): Holder | null {
  const [, pid, began = null] = /^(\d{1,10})(?: (\d+))?$/.exec(text) ?? [];
  return pid === undefined ? null : { pid: Number(pid), began };
}

/** Whether it is another process that is still there. */
function isOther({ pid, began }: Holder): boolean {
  return pid !== process.pid && isAlive(pid) && (began === null || (findBegin(pid) ?? began) === began);
}

/** Field 22 of /proc/pid/stat (proc_pid_stat(5)), behind a name that may have anything in it. Null where it is not Linux, or gone. */
function findBegin(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
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
