import { createParser } from "eventsource-parser";

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
   * @returns the events that this chunk completes, in order
   * @throws StreamFault when an event outgrows the cap or the bytes are not UTF-8
   */
  push(chunk: Uint8Array): readonly StreamEvent[];
}

/**
 * Makes a reader; what an unfinished stream leaves behind is discarded, as the standard says.
 *
 * @param maxEventChars most characters an unfinished event may hold
 */
export function createStreamReader(maxEventChars: number): StreamReader {
  // The parser takes care of the byte order mark; a decoder that did so too would let two of them pass.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let events: StreamEvent[] = [];
  let overflow = false;
  const parser = createParser({
    maxBufferSize: maxEventChars,
    // Called right before onEvent when the block has data, and alone when it has none.
    onId(id) {
      events.push({ id, type: null, data: null, retryMs: null });
    },
    onEvent({ id, event, data }) {
      if (id !== undefined) events.pop();
      events.push({ id: id ?? null, type: event ?? null, data, retryMs: null });
    },
    onRetry(retryMs) {
      events.push({ id: null, type: null, data: null, retryMs });
    },
    onError({ type }) {
      if (type === "max-buffer-size-exceeded") overflow = true;
    },
  });
  return {
    push(chunk) {
      events = [];
      parser.feed(decode(decoder, chunk));
      if (overflow) throw new StreamFault("too_large");
      return events;
    },
  };
}

function decode(decoder: TextDecoder, chunk: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: true });
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
  if (event.data !== null) block += `data: ${event.data.replaceAll("\n", "\ndata: ")}\n`;
  return `${block}\n`;
}
