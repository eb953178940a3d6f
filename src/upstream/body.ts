import { collectBytes } from "../bytes.ts";
import { Denial } from "../denial.ts";

/** What a server sends behind the head of its answer: read once, in order, by one reader. */
export interface Body extends AsyncIterable<Buffer> {
  /** All of it, where it has come whole by now; it is read by that. */
  takeWhole?(): Buffer | undefined;
  /** Gives up what was not read: the server is cut off, and a reader hears of the cause. */
  destroy(cause?: Error): unknown;
}

/** A body that is here already. */
export function bodyOf(...chunks: readonly Buffer[]): Body {
  return {
    async *[Symbol.asyncIterator]() {
      yield* chunks;
    },
    destroy() {},
  };
}

/**
 * Reads a body whole.
 *
 * @throws Denial `upstream_too_large`, or what breaks the body off
 */
export async function readWhole(body: Body, maxBytes: number): Promise<Buffer> {
  // Most answers are here with their head, and each step of an iterator takes a turn of promises.
  const whole = body.takeWhole?.();
  if (whole !== undefined && whole.length <= maxBytes) return whole;
  if (whole !== undefined) throw new Denial("upstream_too_large");
  const collected = collectBytes(maxBytes);
  for await (const chunk of body) {
    if (!collected.add(chunk)) throw new Denial("upstream_too_large");
  }
  return collected.bytes();
}

/** What may still come behind an answer that is not wanted. */
const discarded = { bytes: 16_384, timeoutMs: 5_000 };

/** Reads a little of what nobody wants, so that the connection can be used again; where more comes, it is closed. Never rejects. */
export async function discard(body: Body): Promise<void> {
  const timer = setTimeout(() => body.destroy(), discarded.timeoutMs).unref();
  try {
    let length = 0;
    for await (const chunk of body) {
      length += chunk.length;
      if (length > discarded.bytes) break;
    }
  } catch {
    // Nobody waits for it.
  } finally {
    clearTimeout(timer);
  }
}
