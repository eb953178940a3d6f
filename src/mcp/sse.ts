import { type ByteCollector, collectBytes } from "../bytes.ts";

/** One block of an event stream (WHATWG HTML, Server-sent events). `data` is null where a block carries only an id. */
export interface StreamEvent {
  readonly id: string | null;
  readonly type: string | null;
  readonly data: string | null;
  readonly retryMs: number | null;
}

/** Why a stream cannot be read on. */
export class StreamFault extends Error {
  override readonly name = "StreamFault";
  readonly kind: "too_large" | "utf8";

  constructor(kind: "too_large" | "utf8") {
    super(`event stream: ${kind}`);
    this.kind = kind;
  }
}

/** Reads an event stream however it is cut into chunks. */
export interface StreamReader {
  /**
   * The events that a chunk completes, in order, each as soon as it is asked for: what came whole before a fault is not lost.
   *
   * @throws StreamFault when an event outgrows the cap or its bytes are not UTF-8
   */
  push(chunk: Uint8Array): Generator<StreamEvent, void, void>;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const colon = 0x3a;
const byteOrderMark = 0xfeff;
/** A time that no timer holds is none. */
const plainRetry = /^\d{1,9}$/;

/**
 * Makes a reader (WHATWG HTML, Server-sent events, Interpreting an event stream). What an unfinished stream leaves behind is
 * discarded, as the standard says.
 *
 * An event is kept as bytes until it is whole: as strings put together line by line it would take many times its size, which
 * is an attack when the lines are short.
 *
 * @param maxEventBytes most bytes an unfinished event may hold
 */
export function createStreamReader(maxEventBytes: number): StreamReader {
  return new BlockReader(maxEventBytes);
}

class BlockReader implements StreamReader {
  readonly #maxEventBytes: number;
  readonly #seen = createDecoder();
  #pending: ByteCollector;
  /** Nothing stands on the current line yet. */
  #lineEmpty = true;
  /** The last byte was a CR, whose LF may still come. */
  #afterReturn = false;
  #first = true;
  /** Within a comment before any field: there may be no end to it, and nothing of it is kept. */
  #skipping = false;
  /** Whole, and about to be handed out. */
  #event: StreamEvent | undefined;

  constructor(maxEventBytes: number) {
    this.#maxEventBytes = maxEventBytes;
    this.#pending = collectBytes(maxEventBytes);
  }

  *push(chunk: Uint8Array): Generator<StreamEvent, void, void> {
    let at = this.#afterReturn && chunk[0] === lineFeed ? 1 : 0;
    if (chunk.length > 0) this.#afterReturn = false;
    let from = at;
    const findEnd = seekLineEnds(chunk);
    for (let end = findEnd(at); end >= 0; end = findEnd(at)) {
      const isBlank = this.#lineEmpty && end === at;
      // A server that sends nothing but line ends should not cost more than to look at them.
      const isIdle = isBlank && from === end && this.#pending.length === 0;
      const isComment = this.#skipping || this.#beginsComment(chunk, from, at);
      const next = end + (chunk[end] === carriageReturn && chunk[end + 1] === lineFeed ? 2 : 1);
      this.#afterReturn = chunk[end] === carriageReturn && next === chunk.length && next === end + 1;
      if (isBlank && !isIdle) this.#keep(chunk.subarray(from, end));
      if (isBlank || isComment) from = next;
      if (isIdle || isComment) this.#first = false;
      at = next;
      this.#lineEmpty = true;
      this.#skipping = false;
      if (isBlank && !isIdle) this.#event = this.#finish();
      // As a variable of this generator it would be kept until somebody asks for the next one, who may wait for a client to read.
      if (this.#event !== undefined) yield this.#handOut(this.#event);
    }
    if (at < chunk.length) {
      this.#skipping ||= this.#beginsComment(chunk, from, at);
      this.#lineEmpty = false;
    }
    if (this.#skipping) this.#first = false;
    else this.#keep(chunk.subarray(from));
    // Whoever sends something else altogether need not be heard until a line happens to end.
    decode(chunk, this.#seen);
  }

  #beginsComment(chunk: Uint8Array, from: number, at: number): boolean {
    return this.#lineEmpty && from === at && chunk[at] === colon && this.#pending.length === 0;
  }

  #keep(bytes: Uint8Array): void {
    if (!this.#pending.add(bytes)) throw new StreamFault("too_large");
  }

  #handOut(event: StreamEvent): StreamEvent {
    this.#event = undefined;
    return event;
  }

  #finish(): StreamEvent | undefined {
    const bytes = this.#pending.bytes();
    this.#pending = collectBytes(this.#maxEventBytes);
    const text = decode(bytes);
    const event = readEvent(this.#first && text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text);
    this.#first = false;
    return event;
  }
}

/** Finds the first end of a line at or behind a place, which only ever moves on: no byte is looked at twice for the same end. */
function seekLineEnds(chunk: Uint8Array): (at: number) => number {
  const seek = (byte: number) => {
    let found = -2;
    return (at: number) => {
      if (found !== -1 && found < at) found = chunk.indexOf(byte, at);
      return found;
    };
  };
  const [feed, carriage] = [seek(lineFeed), seek(carriageReturn)];
  return (at) => {
    const [nextFeed, nextReturn] = [feed(at), carriage(at)];
    return nextFeed < 0 || nextReturn < 0 ? Math.max(nextFeed, nextReturn) : Math.min(nextFeed, nextReturn);
  };
}

/** The fields of one block of lines; undefined where it says nothing. */
function readEvent(block: string): StreamEvent | undefined {
  let id: string | null = null;
  let type: string | null = null;
  let retryMs: number | null = null;
  const data: string[] = [];
  for (const line of block.split(/\r\n|\r|\n/)) {
    const end = line.indexOf(":");
    const name = end < 0 ? line : line.slice(0, end);
    const value = end < 0 ? "" : line.slice(line[end + 1] === " " ? end + 2 : end + 1);
    if (name === "data") data.push(value);
    else if (name === "event") type = value === "" ? null : value;
    else if (name === "id" && !value.includes("\0")) id = value;
    else if (name === "retry" && plainRetry.test(value)) retryMs = Number(value);
  }
  if (data.length === 0 && id === null && retryMs === null) return undefined;
  return { id, type, data: data.length === 0 ? null : data.join("\n"), retryMs };
}

/** The byte order mark stays, for only the one at the beginning of the stream is none of its text. */
function createDecoder(): TextDecoder {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
}

const wholeEvents = createDecoder();

/** @param stream decodes what may be cut anywhere */
function decode(bytes: Uint8Array, stream?: TextDecoder): string {
  try {
    return stream === undefined ? wholeEvents.decode(bytes) : stream.decode(bytes, { stream: true });
  } catch {
    throw new StreamFault("utf8");
  }
}

/** Writes an event so that any reader of the standard gets the same fields back. */
export function renderEvent(event: StreamEvent): string {
  let block = "";
  if (event.type !== null) block += `event: ${event.type}\n`;
  if (event.id !== null) block += `id: ${event.id}\n`;
  if (event.retryMs !== null) block += `retry: ${event.retryMs}\n`;
  if (event.data !== null) block += `data: ${event.data.replaceAll(/\r\n|\r|\n/g, "\ndata: ")}\n`;
  return `${block}\n`;
}
