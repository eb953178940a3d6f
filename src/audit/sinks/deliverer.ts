import { setImmediate as turn } from "node:timers/promises";
import { backoffMs } from "../../network/backoff.ts";
import { type Channel, Undelivered } from "./channel.ts";
import { type BufferLimits, LineBuffer } from "./line-buffer.ts";

export type DropReason = "full" | "refused" | "stopped";

/** What became of the lines of one sink, since the start. */
export interface SinkAccount {
  readonly name: string;
  readonly delivered: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Tries that failed. */
  readonly failures: number;
  readonly queueLength: number;
  /** Milliseconds since the epoch; null before the first. */
  readonly lastSuccessMs: number | null;
}

/** Time and chance. */
export interface Pace {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly chance: () => number;
  /** Resolves after so many milliseconds, or when the signal is aborted. Keeps no process alive. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface DelivererOptions {
  readonly name: string;
  readonly buffer: BufferLimits;
  readonly channel: Channel;
  readonly pace: Pace;
  /** Called when it begins to fail, not for each try, and not within a minute after `onWorking`. */
  readonly onFailing: (error: unknown) => void;
  /** Called when it works again, where `onFailing` was. */
  readonly onWorking: () => void;
  /**
   * Called when lines are dropped, once until nothing waits any more and the last batch was taken whole, and not twice within a
   * minute.
   */
  readonly onDropping: (reason: "full" | "refused") => void;
}

/** A peer that fails and works by turns would fill the log otherwise, in milliseconds. */
const calmMs = 60_000;

/** Brings lines to one peer, in order, one batch at a time; whoever offers them waits for nothing. */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #buffer: LineBuffer;
  /** Ends a pause between tries. */
  readonly #hurry = new AbortController();
  /** Breaks off a try. */
  readonly #leave = new AbortController();
  #started = false;
  /** Null while there is nothing to do. */
  #running: Promise<void> | null = null;
  #failuresInRow = 0;
  #isFailing = false;
  #saidWorkingMs = Number.NEGATIVE_INFINITY;
  #isDropping = false;
  #saidDroppingMs = Number.NEGATIVE_INFINITY;
  #delivered = 0;
  #failures = 0;
  #lastSuccessMs: number | null = null;
  readonly #dropped: Record<DropReason, number> = { full: 0, refused: 0, stopped: 0 };

  constructor(options: DelivererOptions) {
    this.#options = options;
    this.#buffer = new LineBuffer(options.buffer);
  }

  get account(): SinkAccount {
    return {
      name: this.#options.name,
      delivered: this.#delivered,
      dropped: this.#dropped,
      failures: this.#failures,
      queueLength: this.#buffer.length,
      lastSuccessMs: this.#lastSuccessMs,
    };
  }

  /** Never throws, never waits, does no I/O. */
  offer(line: string): void {
    this.#drop("full", this.#buffer.push(line));
    this.#wake();
  }

  /** Lines that were offered before wait until then. */
  start(): void {
    this.#started = true;
    this.#wake();
  }

  /**
   * Delivers what waits, with one more try where the last one failed.
   *
   * @param mostMs after this time the rest is dropped
   * @returns how many lines were
   */
  async close(mostMs: number): Promise<number> {
    this.#hurry.abort();
    this.start();
    const enough = new AbortController();
    await Promise.race([this.#running, this.#options.pace.pause(mostMs, enough.signal)]);
    enough.abort();
    this.#leave.abort();
    this.#options.channel.close();
    const left = this.#buffer.length;
    this.#dropped.stopped += left;
    return left;
  }

  #wake(): void {
    if (!this.#started || this.#running !== null || this.#buffer.length === 0 || this.#leave.signal.aborted) return;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    // Whoever offered the lines has calls to answer first, and has more lines in a moment.
    await turn();
    for (;;) {
      const batch = this.#buffer.take(this.#options.channel.most);
      if (batch.length === 0 || this.#leave.signal.aborted || !(await this.#try(batch))) break;
    }
    this.#running = null;
  }

  /** @returns whether to go on */
  async #try(batch: readonly string[]): Promise<boolean> {
    const { channel, pace } = this.#options;
    try {
      const refused = Math.min(await channel.send(batch, this.#leave.signal), batch.length);
      this.#settle(batch.length - refused, refused);
      return true;
    } catch (error) {
      if (this.#leave.signal.aborted) return false;
      this.#failures += 1;
      this.#failuresInRow += 1;
      this.#noteFailing(error);
      const undelivered = error instanceof Undelivered ? error : null;
      if (undelivered?.isFinal === true) {
        this.#buffer.settle();
        this.#drop("refused", batch.length);
        return true;
      }
      if (this.#hurry.signal.aborted) return false;
      const ms = backoffMs(this.#failuresInRow, pace.chance(), undelivered?.retryAfterMs);
      await pace.pause(ms, this.#hurry.signal);
      return true;
    }
  }

  #settle(delivered: number, refused: number): void {
    this.#buffer.settle();
    this.#delivered += delivered;
    this.#failuresInRow = 0;
    if (refused === 0 && this.#buffer.length === 0) this.#isDropping = false;
    this.#lastSuccessMs = this.#options.pace.now();
    this.#noteWorking(this.#lastSuccessMs);
    this.#drop("refused", refused);
  }

  #noteFailing(error: unknown): void {
    if (this.#isFailing || !this.#isLongSince(this.#saidWorkingMs)) return;
    this.#isFailing = true;
    this.#options.onFailing(error);
  }

  #noteWorking(nowMs: number): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#saidWorkingMs = nowMs;
    this.#options.onWorking();
  }

  /** A clock that was set back silences nothing. */
  #isLongSince(ms: number): boolean {
    return Math.abs(this.#options.pace.now() - ms) >= calmMs;
  }

  #drop(reason: "full" | "refused", count: number): void {
    if (count === 0) return;
    this.#dropped[reason] += count;
    if (this.#isDropping || !this.#isLongSince(this.#saidDroppingMs)) return;
    this.#isDropping = true;
    this.#saidDroppingMs = this.#options.pace.now();
    this.#options.onDropping(reason);
  }
}
