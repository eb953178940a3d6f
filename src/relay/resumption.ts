import { setTimeout as wait } from "node:timers/promises";
import { Denial } from "../denial.ts";
import { asSignal } from "../ending.ts";
import { isEndless } from "../mcp/methods.ts";
import { type Body, discard } from "../upstream/body.ts";
import { explainFailure } from "../upstream/failure.ts";
import { mediaType } from "../upstream/media-type.ts";
import type { Exchange } from "./exchange.ts";

/** Where a stream goes on if it breaks now. */
export interface Position {
  /** The server's id of the last event that has one; null where there is none to go on from. */
  eventId: string | null;
  /** How long the server wants to be left alone first, in milliseconds; null where it does not say. */
  retryMs: number | null;
}

/** How long is waited where the server does not say, at least, and at most: a server that wants more than that is left to its fault. */
const [usualMs, leastMs, mostMs] = [1_000, 100, 30_000];
/** How often it is tried from the same event: as long as a server takes to start anew, or to notice that its connection broke. */
const maxAttempts = 3;

/**
 * Reads the stream of a request on behind a break. A server that numbers its events goes on behind the last of them, and with its call
 * (2025-11-25, Resumability and Redelivery): the stream of the client stands meanwhile, and its client need not know how. One of 2024-11-05
 * knows no way, so for that a stream goes on as well that its server closes to be asked again.
 *
 * @param position kept up to date by the reader
 * @param headers those of the exchange: session and revision
 * @returns chunks, and null where a new connection begins
 * @throws what broke the stream, where it does not go on
 */
export async function* readOn(
  exchange: Exchange,
  position: Readonly<Position>,
  headers: Readonly<Record<string, string>>,
): AsyncGenerator<Buffer | null, void> {
  const { upstream, known } = exchange;
  const { ended } = known.arrival;
  let { body } = exchange.answer;
  let from: string | null = null;
  let left = 0;
  let signal: AbortSignal | undefined;
  for (;;) {
    let broken: unknown = null;
    try {
      yield* body;
      if (known.session.door === null || position.eventId === null) return;
    } catch (cause) {
      if (position.eventId === null || explainFailure(upstream, cause, ended).code !== "upstream_reset") throw cause;
      broken = cause;
    }
    // Whoever closes a stream that is to be asked for again may do so as often as it likes.
    if (broken === null || position.eventId !== from) left = maxAttempts;
    from = position.eventId;
    const waitMs = Math.max(position.retryMs ?? usualMs, leastMs);
    let next: Body | null = null;
    while (next === null) {
      if (left === 0 || waitMs > mostMs) throw broken ?? new Denial("upstream_closed");
      left -= 1;
      signal ??= asSignal(ended);
      await wait(waitMs, undefined, { signal });
      next = await resume(exchange, { ...headers, "last-event-id": headerText(from) });
      if (ended.aborted) throw ended.reason;
    }
    body = next;
    yield null;
  }
}

/** @returns the rest of the stream; null where the server does not answer with it */
async function resume({ upstream, known }: Exchange, headers: Readonly<Record<string, string>>): Promise<Body | null> {
  const own = { ...upstream.headers, ...headers, accept: "text/event-stream", "accept-encoding": "identity" };
  const { ended: signal } = known.arrival;
  const outgoing = {
    kind: "listen",
    id: null,
    method: null,
    endless: isEndless(known.message),
    headers: own,
    body: null,
    signal,
  } as const;
  const answer = await upstream.send(outgoing, known).catch(() => null);
  if (answer?.statusCode === 200 && mediaType(answer) === "text/event-stream") return answer.body;
  if (answer !== null) void discard(answer.body);
  return null;
}

/** An event id as UTF-8, which servers send and expect, in a header that is written byte by byte. */
export function headerText(eventId: string): string {
  return Buffer.from(eventId).toString("latin1");
}
