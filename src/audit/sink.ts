import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AuditFault } from "./fault.ts";
import { type AppendFile, openAppendFile } from "./file.ts";
import { type DirectoryLock, takeLock } from "./lock.ts";
import { type AuditEntry, gatewayEntry } from "./record.ts";
import { findTail } from "./tail.ts";
import { type BatchResult, ChainWriter } from "./writer.ts";

/** Name of a trail's file. Where several processes serve, each writes a trail of its own; the first has the name that one alone has. */
export function auditFileName(trail: number): string {
  return `${baseName(trail)}.jsonl`;
}

function baseName(trail: number): string {
  return trail === 1 ? "audit" : `audit-${trail}`;
}

/** The audit file of one gateway process. */
export interface AuditSink {
  /**
   * Resolves once the record is in the file, where the end of this process cannot undo it; with `forced` once it is on the
   * disk, where a loss of power cannot either.
   *
   * @throws AuditFault when it could not be written. The next call tries again, so does the sink itself, and records `recovered` when it works
   */
  append(entry: AuditEntry): Promise<void>;
  /** False after a failed write, until one succeeds. */
  readonly healthy: boolean;
  /** Records handed over and not yet written. */
  readonly queueLength: number;
  /** Path of the file. */
  readonly path: string;
  /** Writes what waits and the `stop` record, forces all to the disk, and lets go of the directory. */
  close(): Promise<void>;
}

export interface AuditSinkOptions {
  /** Made with mode 0700 if missing. */
  readonly directory: string;
  /** Which of the trails in the directory, from 1. Default: 1. */
  readonly trail?: number;
  /** Whether records are forced to the disk, all of a moment together. Default: only at the end. */
  readonly forced?: boolean;
  readonly now: () => Date;
  /** Called once when writing begins to fail, not for each record. */
  readonly onFailure?: (error: unknown) => void;
  /** Facts for the `start` record, such as version and hash of the configuration. */
  readonly startNote?: Readonly<Record<string, unknown>>;
  /** Facts for the `stop` record. */
  readonly stopNote?: Readonly<Record<string, unknown>>;
  /** How often it is tried whether writing works again, in milliseconds. Default: 2,000. */
  readonly healMs?: number;
  /** Opens the file; tests put one in its place that fails. */
  readonly openFile?: (path: string) => AppendFile;
}

/**
 * Opens the audit file, continues its chain, and writes the `start` record.
 *
 * A torn tail, left by a process or machine that died while writing, stays where it is: it is ended with a newline, and
 * the `start` record declares its length and digest in `note.torn`.
 *
 * @throws AuditFault when another process writes there, others could read or change the file, or its end does not verify
 */
export async function openAuditSink(options: AuditSinkOptions): Promise<AuditSink> {
  const { directory, trail = 1, now, startNote = {}, openFile = openAppendFile } = options;
  const path = join(directory, auditFileName(trail));
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = takeLock(join(directory, `${baseName(trail)}.lock`));
  let file: AppendFile | undefined;
  try {
    file = openFile(path);
    const { sizeBytes } = file.stat();
    const { seq, hash, torn, open } = findTail(file.descriptor, sizeBytes, path);
    const writer = new ChainWriter(file, path, { seq, hash, sizeBytes });
    const note = torn === null ? startNote : { ...startNote, torn };
    throwFirst(writer.write([gatewayEntry("start", now().toISOString(), note)], open ? "\n" : ""));
    return new FileSink(options, path, writer, file, lock);
  } catch (error) {
    file?.close();
    lock.release();
    throw error;
  }
}

const healMs = 2_000;

interface Waiting {
  readonly entry: AuditEntry;
  readonly resolve: () => void;
  readonly reject: (error: AuditFault) => void;
}

class FileSink implements AuditSink {
  readonly path: string;
  readonly #options: AuditSinkOptions;
  readonly #writer: ChainWriter;
  readonly #file: AppendFile;
  readonly #lock: DirectoryLock;
  #waiting: Waiting[] = [];
  /** Resolves when the disk has what was written last; null while nothing is being forced to it. */
  #forcing: Promise<void> | null = null;
  #healthy = true;
  #healing: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: AuditSinkOptions, path: string, writer: ChainWriter, file: AppendFile, lock: DirectoryLock) {
    this.#options = options;
    this.path = path;
    this.#writer = writer;
    this.#file = file;
    this.#lock = lock;
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  get queueLength(): number {
    return this.#waiting.length;
  }

  append(entry: AuditEntry): Promise<void> {
    if (this.#closed) return Promise.reject(new AuditFault("the audit trail is closed"));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ entry, resolve, reject });
    // Immediates run after all sockets that were ready in this turn had their say, so one write takes all their records; a
    // microtask would run after each socket's own callback and write a record at a time.
    if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    return promise;
  }

  #flush(): void {
    // What comes while the disk is busy waits together, and is forced to it together.
    if (this.#forcing !== null) return;
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length === 0) return;
    const result = this.#writer.write(batch.map(({ entry }) => entry));
    if (this.#options.forced === true && result.failure === null) this.#forcing = this.#force(batch, result);
    else this.#settle(batch, result);
  }

  async #force(batch: readonly Waiting[], result: BatchResult): Promise<void> {
    try {
      await this.#file.syncData();
      this.#settle(batch, result);
    } catch (cause) {
      // They are in the file, and nobody knows whether they will stay there: their calls are refused.
      const failure = new AuditFault(`${this.path} could not be forced to the disk`, { cause });
      this.#settle(batch, { faults: result.faults.map((fault) => fault ?? failure), failure });
    }
    this.#forcing = null;
    this.#flush();
  }

  #settle(batch: readonly Waiting[], { faults, failure }: BatchResult): void {
    const announced = !this.#healthy;
    if (failure !== undefined) this.#healthy = failure === null;
    if (this.#healthy) this.#stopHealing();
    else this.#healing ??= setInterval(() => this.#heal(), this.#options.healMs ?? healMs).unref();
    for (const [index, { resolve, reject }] of batch.entries()) {
      const fault = faults[index];
      if (fault == null) resolve();
      else reject(fault);
    }
    if (failure != null && !announced) this.#options.onFailure?.(failure);
  }

  /** Nobody is sent to a gateway that is not ready, so no request would find out that the disk has room again. */
  #heal(): void {
    this.append(gatewayEntry("recovered", this.#options.now().toISOString(), {})).catch(() => {});
  }

  #stopHealing(): void {
    clearInterval(this.#healing);
    this.#healing = undefined;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopHealing();
    this.#flush();
    while (this.#forcing !== null) await this.#forcing;
    const { now, stopNote = {} } = this.#options;
    try {
      throwFirst(this.#writer.write([gatewayEntry("stop", now().toISOString(), stopNote)]));
      this.#file.sync();
    } finally {
      this.#file.close();
      this.#lock.release();
    }
  }
}

function throwFirst({ faults: [fault] }: BatchResult): void {
  if (fault != null) throw fault;
}
