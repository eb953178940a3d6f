import { AuditFault } from "../fault.ts";
import type { Keeper } from "../keep/keeping.ts";
import { type AuditEntry, type AuditIdentity, gatewayEntry } from "../record.ts";
import type { AuditFile, AuditFileOptions } from "./audit-file.ts";
import type { ChainFiles } from "./chain-files.ts";
import { Checkpoints, type WrittenCheckpoint } from "./checkpoints.ts";
import { syncFile } from "./file.ts";
import type { DirectoryLock } from "./lock.ts";
import { type BatchResult, throwFirst } from "./writer.ts";

const healMs = 2_000;
const lookMs = 1_000;
/** At so many looks the keeper looks once: closed files age by the day. */
const looksOfKeeper = 600;

interface Waiting {
  readonly entry: AuditEntry;
  readonly again: boolean;
  readonly resolve: () => void;
  readonly reject: (error: AuditFault) => void;
}

/** What became of a batch, and the checkpoint behind it. */
interface Written extends BatchResult {
  readonly checkpoint: WrittenCheckpoint | null;
}

/** A queue before the files: what comes in one turn is written at once, and nobody is told before it is there. */
export class QueuedFile implements AuditFile {
  readonly path: string;
  readonly #options: AuditFileOptions;
  readonly #files: ChainFiles;
  readonly #keeper: Keeper;
  readonly #lock: DirectoryLock;
  readonly #checkpoints: Checkpoints | null;
  readonly #looking: NodeJS.Timeout;
  #waiting: Waiting[] = [];
  /** Resolves when the disk has what was written last; null while nothing is being forced to it. */
  #forcing: Promise<void> | null = null;
  /** How many wait for the disk with something to declare. They come before records, of which there may always be more. */
  #declaring = 0;
  #healthy = true;
  #healing: NodeJS.Timeout | undefined;
  /** The file is not where its name leads to, and no new one can be begun there. */
  #astray = false;
  /** Records that are missing since writing began to fail. */
  #missing = 0;
  #looks = 0;
  #closed = false;

  constructor(options: AuditFileOptions, files: ChainFiles, keeper: Keeper, lock: DirectoryLock) {
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
    this.#declaring += 1;
    // This may begin another file, and what the disk refuses can be taken back only out of the one that is open.
    while (this.#forcing !== null) await this.#forcing;
    this.#declaring -= 1;
    try {
      await this.#declareNow(entry);
    } finally {
      this.#flush();
    }
  }

  async #declareNow(entry: AuditEntry): Promise<void> {
    if (this.#closed) throw new AuditFault("the audit trail is closed");
    const written = this.#write([entry], true);
    throwFirst(written);
    if (this.#checkpoints !== null && written.checkpoint === null) {
      this.#files.takeBack();
      throw new AuditFault("a record that needs a checkpoint has none");
    }
    if (this.#options.forced === true) {
      const failure = await this.#hold(this.#force(written));
      if (failure !== null) throw failure;
      return;
    }
    this.#publish(written);
    await syncFile(this.path);
  }

  #flush(): void {
    // What comes while the disk is busy waits together, and is forced to it together.
    if (this.#forcing !== null || this.#declaring > 0) return;
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length > 0) this.#finish(batch, this.#write(batch.map(({ entry }) => entry)));
  }

  /** Has what is written forced to the disk, where it is to be, and tells of it then. */
  #finish(batch: readonly Waiting[], written: Written): void {
    if (this.#options.forced === true && written.failure === null) {
      const settle = (failure: AuditFault | null) => {
        const faults = written.faults.map((fault) => fault ?? failure);
        this.#settle(batch, { ...written, faults, failure });
      };
      void this.#hold(this.#force(written).then(settle));
      return;
    }
    this.#publish(written);
    this.#settle(batch, written);
  }

  /** Lets nothing be written until the disk has answered; then what has come meanwhile is. */
  #hold<Answer>(forcing: Promise<Answer>): Promise<Answer> {
    this.#forcing = forcing.then(() => {
      this.#forcing = null;
      this.#flush();
    });
    return forcing;
  }

  /**
   * Writes records, and behind them a checkpoint where one is due.
   *
   * @param last whether a checkpoint is due in any case: something is about to happen that must not without it
   */
  #write(entries: readonly AuditEntry[], last = false): Written {
    const result = this.#files.write(entries);
    const checkpoint = result.failure === null ? this.#certify(last) : null;
    return { ...result, checkpoint };
  }

  #certify(last = false): WrittenCheckpoint | null {
    return this.#checkpoints?.write(this.#files, this.#options.now(), last) ?? null;
  }

  /** Hands lines to the sinks and keeps the checkpoint; only once they cannot be taken back, so that both speak of what is in the trail. */
  #publish({ lines, checkpoint }: Pick<Written, "lines" | "checkpoint">): void {
    const all = checkpoint === null ? lines : [...lines, ...checkpoint.lines];
    if (all.length > 0) this.#options.onWritten?.(all);
    if (checkpoint === null) return;
    try {
      this.#checkpoints?.keep(checkpoint, this.#options.now().getTime());
    } catch (error) {
      this.#options.onTrouble?.(error);
    }
  }

  /**
   * Of what the disk has refused nobody knows whether it will stay: the system may show it until it is read anew, and drop it (fsync(2), Linux
   * from 4.13 on). So the chain goes back to what the disk has, and what comes next is written there once more.
   *
   * @returns why it is not on the disk, or null
   */
  async #force(written: Written): Promise<AuditFault | null> {
    try {
      await this.#files.syncData();
    } catch (cause) {
      this.#files.takeBack();
      return new AuditFault(`${this.path} could not be forced to the disk`, { cause });
    }
    this.#publish(written);
    return null;
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
      if (fault != null && !again && entry.event !== "recovered") missing += 1;
      if (fault == null) resolve();
      else reject(fault);
    }
    if (failure != null && !announced) this.#options.onFailure?.(failure);
    const told = failure === null && batch.some(({ entry }) => entry.event === "recovered");
    // A record that was missing and is there now lowers the number, also where `recovered` has told of it already: never below 0.
    this.#missing = Math.max(0, missing + (told ? 0 : this.#missing));
    if (failure !== null) return;
    if (announced) this.#options.onRecovered?.();
    if (!told && this.#missing > 0) this.#recover();
  }

  /** Tries to write. Nobody is sent to a gateway that is not ready, so no request would find out that the disk has room again. */
  #heal(): void {
    if (this.#forcing !== null) return;
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
    const checkpoint = this.#certify();
    if (checkpoint !== null) this.#finish([], { faults: [], failure: null, lines: [], checkpoint });
  }

  /** Has another file begun where this one was moved or deleted, or its key is gone. Told once when that fails, and once when it works again. */
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
    await this.#keeper.stop();
    this.#flush();
    while (this.#forcing !== null) await this.#forcing;
    // What the disk has refused just now would be tried again in a file that is closed.
    this.#stopHealing();
    const { now, stopNote = {} } = this.#options;
    try {
      // Where no `recovered` has told yet what is missing, the last record does.
      const note = this.#missing === 0 ? stopNote : { ...stopNote, missing: this.#missing };
      const written = this.#write([gatewayEntry("stop", now().toISOString(), note)], true);
      throwFirst(written);
      this.#files.sync();
      this.#publish(written);
    } finally {
      this.#files.close();
      this.#lock.release();
    }
  }
}
