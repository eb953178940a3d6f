import { asDenial, Denial } from "../denial.ts";
import type { Arrival, Identity, Message } from "../facts.ts";
import type { HeldPlace } from "../limits/counters.ts";
import { Displaced } from "../limits/turns.ts";
import { isEndless } from "../mcp/methods.ts";
import type { Upstream } from "../upstream/upstream.ts";

/**
 * Waits for a place at the server, so that one which is slow holds up its own callers and nobody else, and of those each as long
 * as the others.
 *
 * @returns the place, to be given back when the answer has gone out
 * @throws Denial `upstream_busy`, or why the request was given up
 */
export function awaitTurn(
  upstream: Upstream,
  arrival: Arrival,
  identity: Identity,
  message: Message,
): HeldPlace | Promise<HeldPlace> {
  // A call may be waiting for the answer to its own question, and a stream never ends: neither takes a place.
  if (message.kind !== "request" || isEndless(message)) return noPlace;
  const place = upstream.turns.take(identity.key, arrival.ended);
  if (place instanceof Promise) return waitFor(place, upstream, arrival);
  if (place !== null) return place;
  throw busy(upstream.name, "too many are waiting");
}

async function waitFor(
  place: Promise<HeldPlace>,
  { name, turnTimeoutMs }: Upstream,
  arrival: Arrival,
): Promise<HeldPlace> {
  const late = setTimeout(() => arrival.interrupt(busy(name, "waited too long")), turnTimeoutMs);
  try {
    return await place;
  } catch (error) {
    throw error instanceof Displaced ? busy(name, error.message) : asDenial(error);
  } finally {
    clearTimeout(late);
  }
}

function busy(name: string, why: string): Denial {
  return new Denial("upstream_busy", { detail: `${name}: ${why}`, retryAfterMs: tryAgainMs });
}

const noPlace: HeldPlace = { [Symbol.dispose]() {} };

/** What a caller is told to wait, in milliseconds. */
const tryAgainMs = 1_000;
