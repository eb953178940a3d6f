import { addAbortSignal } from "node:stream";
import { Denial } from "../denial.ts";
import { asSignal, type Ending } from "../ending.ts";
import type { RpcId } from "../facts.ts";
import type { StreamEvent } from "../mcp/sse.ts";
import { type Backlog, createBacklog } from "./sse-backlog.ts";
import { createOutlet, type Outlet } from "./sse-outlet.ts";
import { findRecipient } from "./sse-recipient.ts";
import type { SseSource } from "./sse-source.ts";

/** A request whose answer is owed. */
interface Waiter {
  readonly outlet: Outlet;
  readonly progressToken: RpcId | undefined;
}

/**
 * One session with a server that sends everything it says on one stream (MCP 2024-11-05, HTTP with SSE): takes that stream
 * apart into the streams that Streamable HTTP has, one for each request and one for the session.
 */
export class SseSession {
  readonly #source: SseSource;
  readonly #idleMs: number;
  readonly #onEnd: () => void;
  /** By id, in the order of their requests; 1 and "1" are two ids. */
  readonly #waiting = new Map<RpcId, Waiter>();
  readonly #backlog: Backlog = createBacklog();
  readonly #idle: NodeJS.Timeout;
  #standalone: Outlet | null = null;
  #established = false;
  #leaving = false;
  #ended = false;

  /**
   * @param idleMs how long a request may hear nothing, and how long the session lasts when nobody uses it
   * @param onEnd told once, however it ends
   */
  constructor(source: SseSource, idleMs: number, onEnd: () => void) {
    this.#source = source;
    this.#idleMs = idleMs;
    this.#onEnd = onEnd;
    this.#idle = setTimeout(() => this.#retire(), idleMs).unref();
    void this.#listenToServer();
  }

  /** Where the server takes messages of this session. */
  get endpoint(): URL {
    return this.#source.endpoint;
  }

  /** Begins the time anew after which an unused session is over. */
  touch(): void {
    if (!this.#ended) this.#idle.refresh();
  }

  /**
   * Opens the stream of a request that is about to be sent; it ends with the answer.
   *
   * @returns undefined while another request with this id waits, for their answers could not be told apart
   */
  expect(id: RpcId, progressToken: RpcId | undefined, signal: Ending): Outlet | undefined {
    if (this.#waiting.has(id)) return undefined;
    const outlet = createOutlet(this.#idleMs, () => {
      if (this.#waiting.get(id)?.outlet !== outlet) return;
      this.#waiting.delete(id);
      // Without the answer to its first request the client never learns of the session.
      if (!this.#established) this.end();
      this.#settle();
    });
    this.#waiting.set(id, { outlet, progressToken });
    addAbortSignal(asSignal(signal), outlet.body);
    return outlet;
  }

  /**
   * Opens the stream of the session.
   *
   * @returns undefined while there is one: what belongs to no request has one place to go
   */
  listen(signal: Ending): Outlet | undefined {
    if (this.#standalone !== null) return undefined;
    const outlet = createOutlet(null, () => {
      this.#standalone = null;
      this.#settle();
    });
    this.#standalone = outlet;
    addAbortSignal(asSignal(signal), outlet.body);
    this.flush();
    return outlet;
  }

  /** Hands out what the server said while nobody listened, if somebody does now. */
  flush(): void {
    const outlet = this.#listener;
    if (outlet !== undefined) for (const data of this.#backlog.take()) outlet.send(data);
  }

  /** Who hears what belongs to no request: the stream of the session, or the request that was made last. */
  get #listener(): Outlet | undefined {
    return this.#standalone ?? [...this.#waiting.values()].at(-1)?.outlet;
  }

  /** Ends the session as soon as no answer is owed. */
  leave(): void {
    this.#leaving = true;
    this.#settle();
  }

  /** Ends the session with all its streams; those that are owed an answer break off where there is a cause. */
  end(cause: Error | null = null): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#idle);
    this.#onEnd();
    this.#source.close();
    for (const { outlet } of this.#waiting.values()) outlet.end(cause);
    this.#standalone?.end(cause);
  }

  async #listenToServer(): Promise<void> {
    try {
      const events = this.#source.events[Symbol.asyncIterator]();
      while (await this.#takeNext(events)) await this.#room();
      this.end();
    } catch (cause) {
      this.end(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }

  /**
   * Takes the next event; false at the end of the stream. A function of its own, so that the text of the event is not kept in the heap while
   * {@link SseSession.#room} waits.
   */
  async #takeNext(events: AsyncIterator<StreamEvent>): Promise<boolean> {
    const { value, done } = await events.next();
    if (done !== true) this.#take(value);
    return done !== true;
  }

  /** Waits until each stream has room: one slow client holds up all of the session, which otherwise would fill the memory. */
  async #room(): Promise<void> {
    for (const { outlet } of this.#waiting.values()) await outlet.room();
    await this.#standalone?.room();
  }

  #take({ type, data }: StreamEvent): void {
    if (data === null || data === "" || (type !== null && type !== "message")) return;
    const recipient = findRecipient(data);
    if (recipient === undefined) {
      // It could have been anybody's answer, so nobody may go on waiting for one.
      this.end(new Denial("upstream_malformed", { detail: "not a JSON-RPC message" }));
    } else if (recipient.kind === "request") {
      this.#answer(recipient.id, data);
    } else if (recipient.kind === "progress") {
      const asking = this.#waiting.values().find(({ progressToken }) => progressToken === recipient.token);
      this.#announce(data, asking?.outlet);
    } else if (recipient.kind === "session") {
      this.#announce(data);
    }
  }

  /** An answer that nobody waits for comes too late, or was never asked for. */
  #answer(id: RpcId, data: string): void {
    const waiter = this.#waiting.get(id);
    if (waiter === undefined) return;
    this.#waiting.delete(id);
    this.#established = true;
    waiter.outlet.send(data);
    waiter.outlet.end();
    this.#settle();
  }

  /** @param to who hears it; by default whoever hears what belongs to no request */
  #announce(data: string, to?: Outlet): void {
    this.flush();
    const outlet = to ?? this.#listener;
    if (outlet === undefined) this.#backlog.add(data);
    else outlet.send(data);
  }

  /** After a stream has ended: ends a session that was waiting for just that. */
  #settle(): void {
    this.touch();
    if (this.#leaving && this.#waiting.size === 0) this.end();
  }

  /** Ends a session that nobody uses any more. */
  #retire(): void {
    if (this.#waiting.size === 0 && this.#standalone === null) this.end();
  }
}
