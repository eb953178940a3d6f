import type { ServerResponse } from "node:http";
import type { Receipt, Spoken } from "./audit/trail.ts";

/** How a visit is answered in full. */
export interface WholeAnswer {
  readonly status: number;
  /** A header with several values has a line for each. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
}

/**
 * The client's side of a visit. An answer takes the receipt of its audit record, so that nothing is answered which is not
 * on record: leaving the record out does not compile.
 */
export interface Reply {
  /** Set once the head of an event stream is out. */
  readonly stream: EventStream | null;
  /** Resolves when the answer has left: until then the visit holds its places, however slowly the client reads. */
  send(receipt: Receipt, answer: WholeAnswer): Promise<void>;
  /** Sends the head of an event stream, in this turn or the next, whether or not there is anything to say. */
  openStream(headers: Readonly<Record<string, string>>): EventStream;
  /**
   * Accepts the request, and has everything said elsewhere from now on. That it was accepted is no answer, so it takes no
   * receipt (MCP 2024-11-05, HTTP with SSE).
   */
  divert(elsewhere: Reply): Promise<void>;
}

/** An event stream to the client, kept open by comments while it has nothing to say. */
export interface EventStream {
  /** What was said on it so far; comments do not count. */
  readonly spoken: Spoken;
  /** Sends what is no answer; resolves when the client keeps up. What is large is better given as bytes, which wait outside of the heap. */
  write(block: string | Uint8Array): Promise<void>;
  /** Sends the answer, which is the last event, and ends the stream; resolves when it has left. */
  answer(receipt: Receipt, block: string | Uint8Array): Promise<void>;
  /** Ends a stream that owes no answer. */
  end(): Promise<void>;
}

/** Buffering proxies would hold events back, caching or recompressing ones would change them. */
const streamHeaders = [
  ...["content-type", "text/event-stream"],
  ...["cache-control", "no-store, no-transform"],
  ...["x-accel-buffering", "no"],
];

/** How long a client may take no byte of what waits for it before it is cut off, in milliseconds. */
export const stallMs = 30_000;
/** How slowly it may take them, in bytes a millisecond: whoever takes one now and then holds its places as well as one who takes none. */
export const slowestPace = 16;

/** Resolves when the operating system has all of the answer, or the client is gone. */
function left(response: ServerResponse): Promise<void> {
  // Most answers go out with the first write; nothing is armed for those.
  return response.writableLength > 0 ? firstOf(response, "finish") : gone;
}

const gone = Promise.resolve();

/** Waits for the client to read, but not for ever: the timer of the socket starts anew with each byte that leaves, the other one does not. */
async function firstOf(response: ServerResponse, event: "drain" | "finish"): Promise<void> {
  if (response.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const cut = () => response.destroy();
  const late = setTimeout(cut, stallMs + response.writableLength / slowestPace);
  response.on(event, resolve).on("close", resolve).on("timeout", cut).setTimeout(stallMs);
  await promise;
  clearTimeout(late);
  response.off(event, resolve).off("close", resolve).off("timeout", cut);
  if (event === "drain") response.setTimeout(0);
}

/**
 * @param heartbeatMs interval of the comments that keep intermediaries from closing a silent stream
 * @param common headers that every answer of this visit carries, names and values in turn; asked for when the head goes out
 */
export function createReply(response: ServerResponse, heartbeatMs: number, common: () => string[]): Reply {
  return new HttpReply(response, heartbeatMs, common);
}

type Headers = NonNullable<WholeAnswer["headers"]>;

class HttpReply implements Reply {
  readonly #response: ServerResponse;
  readonly #heartbeatMs: number;
  readonly #common: () => string[];
  #stream: EventStream | null = null;
  #elsewhere: Reply | null = null;

  constructor(response: ServerResponse, heartbeatMs: number, common: () => string[]) {
    this.#response = response;
    this.#heartbeatMs = heartbeatMs;
    this.#common = common;
  }

  get stream(): EventStream | null {
    return this.#elsewhere === null ? this.#stream : this.#elsewhere.stream;
  }

  send(receipt: Receipt, answer: WholeAnswer): Promise<void> {
    if (this.#elsewhere !== null) return this.#elsewhere.send(receipt, answer);
    const { status, headers, body } = answer;
    const head = this.#common();
    // 204 carries no Content-Length (RFC 9110 section 8.6).
    if (status !== 204) head.push("content-length", String(body === undefined ? 0 : Buffer.byteLength(body)));
    this.#begin(status, head, headers);
    this.#response.end(body);
    return left(this.#response);
  }

  divert(elsewhere: Reply): Promise<void> {
    this.#elsewhere = elsewhere;
    this.#begin(202, [...this.#common(), "content-length", "0"]);
    this.#response.end();
    return left(this.#response);
  }

  openStream(headers: Readonly<Record<string, string>>): EventStream {
    if (this.#elsewhere !== null) return this.#elsewhere.openStream(headers);
    this.#begin(200, [...this.#common(), ...streamHeaders], headers);
    this.#stream = new ResponseStream(this.#response, this.#heartbeatMs);
    return this.#stream;
  }

  #begin(status: number, head: string[], headers: Headers = {}): void {
    for (const name in headers) {
      const value = headers[name] ?? "";
      if (typeof value === "string") head.push(name, value);
      else for (const each of value) head.push(name, each);
    }
    this.#response.writeHead(status, head);
  }
}

class ResponseStream implements EventStream {
  readonly #response: ServerResponse;
  readonly #heartbeatMs: number;
  #heartbeat: NodeJS.Timeout | undefined;
  /** Something was written, and the head with it. */
  #begun = false;
  #ended = false;
  readonly #spoken = { events: 0, bytes: 0 };

  constructor(response: ServerResponse, heartbeatMs: number) {
    this.#response = response;
    // Everybody who writes on a stream of 2024-11-05 waits for the same client to read.
    response.setMaxListeners(0);
    this.#heartbeatMs = heartbeatMs;
    // An answer that is here already leaves in one packet with the head, once its record is in the file: at the end of this
    // turn. A client must not wait for the head of a silent stream any longer than that.
    setImmediate(() => setImmediate(() => this.#stay()));
  }

  /** The stream is none that was over at once, as most are: only now it needs a heartbeat. */
  #stay(): void {
    const response = this.#response;
    if (this.#ended || response.destroyed) return;
    this.#heartbeat = setInterval(() => {
      // A client that does not read gets no heartbeats on top of what it has not read.
      if (!response.writableNeedDrain) response.write(": keep-alive\n\n");
    }, this.#heartbeatMs);
    response.once("close", () => clearInterval(this.#heartbeat));
    if (!this.#begun) response.flushHeaders();
  }

  get spoken(): Spoken {
    return this.#spoken;
  }

  async write(block: string | Uint8Array): Promise<void> {
    this.#begun = true;
    const response = this.#response;
    // A stream may end while somebody still waits to say something on it.
    if (response.writableEnded || response.destroyed) return;
    this.#count(block);
    if (response.write(block)) return;
    await firstOf(response, "drain");
  }

  answer(_receipt: Receipt, block: string | Uint8Array): Promise<void> {
    return this.#end(block);
  }

  end(): Promise<void> {
    return this.#end();
  }

  #count(block: string | Uint8Array): void {
    this.#spoken.events += 1;
    this.#spoken.bytes += Buffer.byteLength(block);
  }

  #end(block?: string | Uint8Array): Promise<void> {
    if (this.#ended) return left(this.#response);
    this.#ended = true;
    if (block !== undefined) this.#count(block);
    clearInterval(this.#heartbeat);
    this.#response.end(block);
    return left(this.#response);
  }
}
