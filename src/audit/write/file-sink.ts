import { closeSync, fsync, openSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { syncDirectory } from "../../durable.ts";
import { AuditFault, UnforcedFault } from "../fault.ts";
import type { Keeper } from "../keep/keeping.ts";
import { type AuditEntry, type AuditIdentity, gatewayEntry } from "../record.ts";
import type { ChainFiles } from "./chain-files.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { DirectoryLock } from "./lock.ts";
import type { AuditSink, AuditSinkOptions } from "./sink.ts";
import { type BatchResult, throwFirst } from "./writer.ts";

const forceToDisk = promisify(fsync);

const healMs = 2_000;
const lookMs = 1_000;
/** Closed files age by the day. */
const looksOfKeeper = 600;

interface Waiting {
  readonly entry: AuditEntry;
  readonly again: boolean;
  readonly resolve: () => void;
  readonly reject: (error: AuditFault) => void;
}

/** A queue before the files: what comes in one turn is written at once, and nobody is told before it is there. */
export class FileSink implements AuditSink {
  readonly path: string;
  readonly #options: AuditSinkOptions;
  readonly #files: ChainFiles;
  readonly #keeper: Keeper;
  readonly #lock: DirectoryLock;
  readonly #checkpoints: Checkpoints | null;
  readonly #looking: NodeJS.Timeout;
  #waiting: Waiting[] = [];
  /** Resolves when the disk has what was written last; null while nothing is being forced to it. */
  #forcing: Promise<void> | null = null;
  #healthy = true;
  #healing: NodeJS.Timeout | undefined;
  /** The file is not where its name leads to, and no new one can be begun there. */
  #astray = false;
  /** Records that are missing since writing began to fail. */
  #missing = 0;
  #looks = 0;
  #closed = false;

  constructor(options: AuditSinkOptions, files: ChainFiles, keeper: Keeper, lock: DirectoryLock) {
    this.#options = options;
    this.path = files.path;
    this.#files = files;
    this.#keeper = keeper;
    this.#lock = lock;
    const { checkpoints, now } = options;
    this.#checkpoints = checkpoints === undefined ? null : new Checkpoints(checkpoints, files.end.seq, now().getTime());
    this.#looking = setInterval(() => this.#look(), options.lookMs ?? lookMs).unref();
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  get missing(): number {
    return this.#missing;
  }

  get queueLength(): number {
    return this.#waiting.length;
  }

  prepare(identity: AuditIdentity | null): Promise<void> | null {
    const { vault, encrypted } = this.#options;
    return identity === null || encrypted !== true || vault === undefined ? null : vault.meet(identity);
  }

  append(entry: AuditEntry, again = false): Promise<void> {
    const preparing = this.prepare(entry.identity);
    if (preparing === null) return this.#enqueue(entry, again);
    const missed = (fault: unknown) => {
      if (!again) this.#missing += 1;
      throw fault;
    };
    return preparing.then(() => this.#enqueue(entry, again), missed);
  }

  #enqueue(entry: AuditEntry, again: boolean): Promise<void> {
    if (this.#closed) return Promise.reject(new AuditFault("the audit trail is closed"));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ entry, again, resolve, reject });
    // Immediates run after all sockets that were ready in this turn had their say, so one write takes all their records; a
    // microtask would run after each socket's own callback and write a record at a time.
    if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    return promise;
  }

  async declare(entry: AuditEntry): Promise<void> {
    // What is forced to the disk at the moment keeps its file.
    while (this.#forcing !== null) await this.#forcing;
    if (this.#closed) throw new AuditFault("the audit trail is closed");
    const result = this.#files.write([entry]);
    throwFirst(result);
    this.#options.onWritten?.(result.lines);
    if (!this.#certify(true)) throw new AuditFault("a record that needs a checkpoint has none");
    // By a descriptor of its own: the file may be closed, and another one be begun, before the disk has it.
    const descriptor = openSync(this.path, "r");
    try {
      await forceToDisk(descriptor);
    } finally {
      closeSync(descriptor);
    }
    // It may have been begun just now, and without its name it would be gone with all that is in it.
    await syncDirectory(dirname(this.path));
  }

  #flush(): void {
    // What comes while the disk is busy waits together, and is forced to it together.
    if (this.#forcing !== null) return;
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length === 0) return;
    const result = this.#write(batch.map(({ entry }) => entry));
    if (this.#options.forced === true && result.failure === null) this.#forcing = this.#force(batch, result);
    else this.#settle(batch, result);
  }

  /** Behind what is written comes its checkpoint, when it is time for one. */
  #write(entries: readonly AuditEntry[]): BatchResult {
    const result = this.#files.write(entries);
    if (result.failure !== null) return result;
    this.#options.onWritten?.(result.lines);
    this.#certify();
    return result;
  }

  /** @returns false where there should be a checkpoint and is none */
  #certify(last = false): boolean {
    const nowMs = this.#options.now().getTime();
    const { end } = this.#files;
    if (this.#checkpoints === null || !(last || this.#checkpoints.isDue(end, nowMs))) return true;
    const checkpoint = this.#checkpoints.sign(end);
    const entry = { ...gatewayEntry("checkpoint", new Date(nowMs).toISOString()), checkpoint };
    const result = this.#files.writeBehind(entry);
    if (result?.failure !== null) return false;
    this.#options.onWritten?.(result.lines);
    try {
      this.#checkpoints.keep(checkpoint, this.#files.end.seq, nowMs);
    } catch (error) {
      this.#options.onTrouble?.(error);
    }
    return true;
  }

  async #force(batch: readonly Waiting[], result: BatchResult): Promise<void> {
    try {
      await this.#files.syncData();
      this.#settle(batch, result);
    } catch (cause) {
      // They are in the file, and nobody knows whether they will stay there: their calls are refused.
      const failure = new UnforcedFault(`${this.path} could not be forced to the disk`, { cause });
      this.#settle(batch, { faults: result.faults.map((fault) => fault ?? failure), failure, lines: [] });
    }
    this.#forcing = null;
    this.#flush();
  }

  #settle(batch: readonly Waiting[], { faults, failure }: BatchResult): void {
    const announced = !this.#healthy;
    if (failure !== undefined) this.#healthy = failure === null;
    if (this.#healthy) this.#stopHealing();
    else this.#healing ??= setInterval(() => this.#heal(), this.#options.healMs ?? healMs).unref();
    let missing = 0;
    for (const [index, { entry, again, resolve, reject }] of batch.entries()) {
      const fault = faults[index];
      if (fault == null && again) missing -= 1;
      if (isLost(fault) && !again && entry.event !== "recovered") missing += 1;
      if (fault == null) resolve();
      else reject(fault);
    }
    if (failure != null && !announced) this.#options.onFailure?.(failure);
    const told = failure === null && batch.some(({ entry }) => entry.event === "recovered");
    // What a record says that stands in for another one may have been told already.
    this.#missing = Math.max(0, missing + (told ? 0 : this.#missing));
    if (failure !== null) return;
    if (announced) this.#options.onRecovered?.();
    if (!told && this.#missing > 0) this.#recover();
  }

  /** Nobody is sent to a gateway that is not ready, so no request would find out that the disk has room again. */
  #heal(): void {
    this.#reclaim();
    this.#recover();
  }

  #recover(): void {
    const note = { missing: this.#missing };
    this.append(gatewayEntry("recovered", this.#options.now().toISOString(), note)).catch(() => {});
  }

  #stopHealing(): void {
    clearInterval(this.#healing);
    this.#healing = undefined;
  }

  #look(): void {
    this.#looks += 1;
    if (this.#looks % looksOfKeeper === 0) this.#keeper.look();
    this.#keeper.attend();
    if (this.#forcing !== null || !this.#healthy) return;
    this.#reclaim();
    this.#certify();
  }

  /** It is tried each second, and said once when it begins to fail and once when it works again. */
  #reclaim(): void {
    try {
      this.#files.checkKey();
      this.#files.reclaim();
      if (this.#astray) this.#options.onReclaimed?.();
      this.#astray = false;
    } catch (error) {
      if (!this.#astray) this.#options.onTrouble?.(error);
      this.#astray = true;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#looking);
    this.#stopHealing();
    this.#flush();
    while (this.#forcing !== null) await this.#forcing;
    await this.#keeper.stop();
    const { now, stopNote = {} } = this.#options;
    try {
      // Writing may work again, and no record have said yet what is missing.
      const note = this.#missing === 0 ? stopNote : { ...stopNote, missing: this.#missing };
      const result = this.#files.write([gatewayEntry("stop", now().toISOString(), note)]);
      throwFirst(result);
      this.#options.onWritten?.(result.lines);
      this.#certify(true);
      this.#files.sync();
    } finally {
      this.#files.close();
      this.#lock.release();
    }
  }
}

function isLost(fault: AuditFault | null | undefined): boolean {
  return fault != null && !(fault instanceof UnforcedFault);
}
