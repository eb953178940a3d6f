import cluster, { type Worker } from "node:cluster";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../observe/log.ts";
import type { Notice } from "../state/notices.ts";
import type { Beginning, FromWorker, ToWorker, WorkerReport } from "./messages.ts";
import { createQuestions } from "./questions.ts";

/** What a worker says unasked. */
export type Unasked = Extract<FromWorker, { kind: "take" | "notice" }>;

/** What {@link Post} needs. */
export interface PostOptions {
  /** What every worker of it begins with. */
  readonly beginning: Omit<Beginning, "after" | "notices">;
  readonly log: Log;
  hear(message: Unasked): void;
  /** What a new worker has to know. */
  notices(): readonly Notice[];
  /** A worker has ended though nobody told it to, and another one is started. */
  replaced(): void;
}

/** A place that a worker fills, and after its end another one. */
export class Post {
  readonly number: number;
  readonly #options: PostOptions;
  readonly #reports = createQuestions<WorkerReport>();
  readonly #reloads = createQuestions<void>();
  #worker: Worker | null = null;
  /** Resolves when its worker has ended; null where there is none. */
  #ended: Promise<void> | null = null;
  /** Workers in a row that ended soon after their start. */
  #failures = 0;
  /** A worker has served here: from now on there is to be one. */
  #served = false;
  #stopping = false;
  #serving = false;
  /** Ends the wait before the next start, where there is one. */
  #retry: (() => void) | null = null;

  constructor(options: PostOptions) {
    this.#options = options;
    this.number = options.beginning.number;
  }

  /** Whether its worker takes connections. */
  get serving(): boolean {
    return this.#serving;
  }

  get pid(): number | null {
    return this.#worker?.process.pid ?? null;
  }

  /**
   * Starts a worker.
   *
   * @param after how the one before it ended
   * @returns its public URL, once it serves
   * @throws Error with what it said, when it cannot
   */
  fill(after: string | null): Promise<string> {
    const serving = Promise.withResolvers<string>();
    const ended = Promise.withResolvers<void>();
    const startedMs = performance.now();
    const gone = (how: string) => {
      if (this.#ended === null) return;
      const served = this.#serving;
      this.#worker = null;
      this.#serving = false;
      this.#ended = null;
      ended.resolve();
      serving.reject(new Error(`worker ${this.number} ended before it served: ${how}`));
      this.#reports.fail();
      this.#reloads.fail();
      void this.#replace(how, served, performance.now() - startedMs);
    };
    this.#ended = ended.promise;
    // A process that cannot be made is either thrown or, without a pid, an error that no exit follows.
    let worker: Worker;
    try {
      worker = cluster.fork();
    } catch (error) {
      gone(String(error));
      return serving.promise;
    }
    this.#worker = worker;
    worker.on("error", (error) => worker.process.pid === undefined && gone(String(error)));
    worker.once("exit", (code, signal) => gone(signal ?? `exit code ${code}`));
    worker.on("message", (message: FromWorker) => {
      if (message.kind === "ready") {
        this.#served = true;
        this.#serving = true;
        void this.#watch(worker);
        serving.resolve(message.publicUrl);
      } else if (message.kind === "failed") serving.reject(new Error(message.text));
      else if (message.kind === "reported") this.#reports.answer(message.id, message.report);
      else if (message.kind === "reloaded") this.#reloads.answer(message.id, undefined);
      else this.#options.hear(message);
    });
    const { beginning, notices } = this.#options;
    this.tell({ kind: "begin", beginning: { ...beginning, after, notices: notices() } });
    return serving.promise;
  }

  tell(message: ToWorker): void {
    if (this.#worker?.isConnected() === true) this.#worker.send(message);
  }

  /** @throws Error when it does not answer in time */
  report(): Promise<WorkerReport> {
    return this.#reports.ask((id) => this.tell({ kind: "report", id }), reportMs);
  }

  /** @throws Error when it ends, or does not answer in time */
  async reload(cause: string): Promise<void> {
    // The files may be better now than when one could not be started with them.
    this.#retry?.();
    if (this.#worker !== null) await this.#reloads.ask((id) => this.tell({ kind: "reload", id, cause }), reloadMs);
  }

  /** @param withinMs after which it is killed, in milliseconds */
  async stop(withinMs: number): Promise<void> {
    this.#stopping = true;
    this.#retry?.();
    const worker = this.#worker;
    this.tell({ kind: "stop" });
    const late = setTimeout(() => worker?.process.kill("SIGKILL"), withinMs);
    await this.#ended;
    clearTimeout(late);
  }

  async #replace(how: string, served: boolean, livedMs: number): Promise<void> {
    if (this.#stopping || !this.#served) return;
    const { log, replaced } = this.#options;
    this.#failures = livedMs < settledMs ? this.#failures + 1 : 0;
    const waitMs = this.#failures === 0 ? 0 : Math.min(firstWaitMs * 2 ** this.#failures, longestWaitMs);
    if (served) {
      log.error({ worker: this.number, how, waitMs }, "a worker has ended and is replaced");
      replaced();
    }
    await this.#rest(waitMs);
    if (this.#stopping) return;
    await this.fill(how).then(
      () => log.info({ worker: this.number }, "a new worker serves"),
      ({ message }: Error) =>
        log.error(
          { worker: this.number, problems: message.split("\n") },
          "a worker could not be started; trying again",
        ),
    );
  }

  /** Waits so long, or until there is a reason to try sooner. */
  async #rest(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#retry = resolve;
    await promise;
    this.#retry = null;
    clearTimeout(timer);
  }

  /** Kills a worker that has not answered for a while: it takes its turn at connections and does nothing with them. */
  async #watch(worker: Worker): Promise<void> {
    let missed = 0;
    while (worker === this.#worker && !this.#stopping && missed < mostMissed) {
      await delay(watchMs, undefined, { ref: false });
      const answered = await this.report().then(
        () => true,
        () => false,
      );
      missed = answered ? 0 : missed + 1;
    }
    if (missed < mostMissed || worker !== this.#worker) return;
    this.#options.log.error({ worker: this.number }, "a worker does not answer and is killed");
    worker.process.kill("SIGKILL");
  }
}

const reportMs = 2_000;
const reloadMs = 60_000;
/** A worker that misses three questions in a row, ten seconds apart, is no use. */
const watchMs = 10_000;
const mostMissed = 3;
/** A worker that lives this long was not ended by its own start. */
const settledMs = 5_000;
const firstWaitMs = 250;
const longestWaitMs = 30_000;
