import type { IncomingHttpHeaders } from "node:http";
import { type Agent, type Dispatcher, errors } from "undici";
import { Denial } from "../denial.ts";
import type { Ending } from "../ending.ts";
import type { Body } from "./body.ts";

/** The head of a server's answer; its body is still on the way. */
export interface ServerAnswer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Body;
}

/** No connection came about, or none that could be trusted: nothing of the request has left. */
export class Unconnected extends Error {
  override readonly name = "Unconnected";

  constructor(cause: Error) {
    super("no connection", { cause });
  }
}

/** Answers of status 1xx before the one that counts (RFC 9110 section 15.2). */
const maxInterim = 16;
/** Once so much waits for its reader, the server has to wait too, in bytes. */
const highWaterMark = 65_536;

/**
 * Sends a request, and resolves when the head of its answer has arrived.
 *
 * Between undici's parser and the reader stands nothing but a list of chunks: the stream that undici's `request` puts there
 * takes 5 KB of JavaScript for each open event stream (bench/streams.ts).
 *
 * @param signal breaks it off, whether the head has arrived or not; its reason is what reader or caller hear
 * @throws Unconnected, an error of undici or of the socket, or the reason of the signal
 */
export function dispatch(agent: Agent, options: Dispatcher.DispatchOptions, signal: Ending): Promise<ServerAnswer> {
  if (signal.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<ServerAnswer>();
  const begin = (transfer: Transfer) => void agent.dispatch(options, transfer);
  begin(new Transfer(signal, resolve, reject, begin));
  return promise;
}

/** A connection that stood idle and was reset by its server in the meantime: there may be several of those. */
const maxAttempts = 3;
const resetIdle: ReadonlySet<unknown> = new Set(["ECONNRESET", "EPIPE"]);

type Read = PromiseWithResolvers<IteratorResult<Buffer, undefined>>;
const over: IteratorResult<Buffer, undefined> = { value: undefined, done: true };

/** One exchange, as undici tells it and as its reader hears it. */
class Transfer implements Dispatcher.DispatchHandler, Body, AsyncIterator<Buffer, undefined> {
  readonly #signal: Ending;
  #settle: { readonly resolve: (answer: ServerAnswer) => void; readonly reject: (cause: Error) => void } | null;
  #controller: Dispatcher.DispatchController | null = null;
  /** Null once something may have left. */
  #begin: ((transfer: Transfer) => void) | null;
  #attempts = 1;
  #interim = 0;
  readonly #chunks: Buffer[] = [];
  #waiting = 0;
  #read: Read | null = null;
  /** Null while it goes on. */
  #end: { readonly cause: Error | null } | null = null;

  constructor(
    signal: Ending,
    resolve: (answer: ServerAnswer) => void,
    reject: (cause: Error) => void,
    begin: (transfer: Transfer) => void,
  ) {
    this.#begin = begin;
    this.#signal = signal;
    this.#settle = { resolve, reject };
    signal.addEventListener("abort", this);
  }

  /** The signal was aborted (EndingListener). */
  handleEvent(): void {
    this.destroy(this.#signal.reason as Error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#begin = null;
    // It may have waited for its connection longer than anybody waited for it.
    if (this.#end !== null) controller.abort(this.#end.cause ?? new errors.RequestAbortedError());
  }

  onResponseStart(controller: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    // Would last as long as the answer, which may be days.
    controller.rawHeaders = null;
    if (statusCode >= 200) {
      this.#settle?.resolve({ statusCode, headers, body: this });
      this.#settle = null;
      return;
    }
    // Each of them starts the time for a first byte anew.
    this.#interim += 1;
    if (this.#interim > maxInterim) throw new Denial("upstream_malformed", { detail: "interim answers without end" });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#end !== null) return;
    if (this.#read !== null) {
      this.#read.resolve({ value: chunk, done: false });
      this.#read = null;
    } else {
      this.#chunks.push(chunk);
      this.#waiting += chunk.length;
      if (this.#waiting >= highWaterMark) controller.pause();
    }
  }

  onResponseEnd(): void {
    this.#finish(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    // undici's own say what they are: that it took too long, that the gateway has closed its connections.
    const isUnsent = this.#begin !== null && !(cause instanceof errors.UndiciError);
    const { code } = cause as NodeJS.ErrnoException;
    if (isUnsent && this.#attempts < maxAttempts && resetIdle.has(code)) {
      // Nothing has left, so this sends nothing twice. Not here and now, where undici is taking the connection apart.
      queueMicrotask(() => this.#beginAgain());
    } else this.#finish(isUnsent ? new Unconnected(cause) : cause);
  }

  #beginAgain(): void {
    this.#attempts += 1;
    if (this.#end === null) this.#begin?.(this);
  }

  destroy(given?: Error): void {
    // Every answer is let go of in the end, and most are through by then: an error costs as much as a hash.
    if (this.#end !== null && this.#chunks.length === 0) return;
    const cause = given ?? new errors.RequestAbortedError();
    this.#chunks.length = 0;
    if (this.#end !== null) {
      // What came whole and was not read is no whole answer any more.
      this.#end = { cause: this.#end.cause ?? cause };
      return;
    }
    this.#finish(cause);
    this.#controller?.abort(cause);
  }

  takeWhole(): Buffer | undefined {
    return this.#end !== null && this.#end.cause === null && this.#chunks.length > 0 ? this.#takeChunks() : undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined> {
    return this;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#chunks.length > 0) {
      // All that waits at once: a server that cuts its answer into single bytes must not cost a turn for each.
      const value = this.#takeChunks();
      this.#controller?.resume();
      return Promise.resolve({ value, done: false });
    }
    if (this.#end !== null) return this.#end.cause === null ? Promise.resolve(over) : Promise.reject(this.#end.cause);
    this.#read = Promise.withResolvers();
    return this.#read.promise;
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.destroy();
    return over;
  }

  #takeChunks(): Buffer {
    const [first = Buffer.alloc(0)] = this.#chunks;
    const bytes = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks, this.#waiting);
    this.#chunks.length = 0;
    this.#waiting = 0;
    return bytes;
  }

  #finish(cause: Error | null): void {
    if (this.#end !== null) return;
    this.#end = { cause };
    this.#signal.removeEventListener("abort", this);
    if (cause === null) this.#read?.resolve(over);
    else (this.#read ?? this.#settle)?.reject(cause);
  }
}
