import { Denial } from "../denial.ts";
import type { Identity } from "../facts.ts";
import { renderEvent } from "../mcp/sse.ts";
import { isWider, listChanges, narrowFilter, subscriptionKinds } from "../mcp/subscription.ts";
import type { View } from "../policy/evaluate.ts";
import { differs } from "../policy/sight.ts";
import type { EventStream } from "../reply.ts";
import type { Exchange } from "./exchange.ts";

/** What an identity may see of a server, by one policy. */
export type ViewOf = (identity: Identity, server: string) => View;

/** Judges a stream by another policy from now on. */
type Reconsider = (viewOf: ViewOf) => void;

/** Streams that last while policies come and go: their clients are told when what they may see has changed. */
export interface StandingStreams {
  /**
   * Until it is disposed of; it is reconsidered at once, too, where the policy has changed while it was being opened.
   *
   * @param session which session it belongs to (mcp/session.ts, sessionKey); null for none
   */
  add(session: string | null, reconsider: Reconsider, end: () => void): Disposable;
  /** The client has ended the session. */
  endSession(session: string): void;
  /** The policy has changed. */
  reconsider(viewOf: ViewOf): void;
  readonly size: number;
}

/** Nothing stands yet. */
export function createStandingStreams(): StandingStreams {
  const streams = new Set<{ session: string | null; reconsider: Reconsider; end: () => void }>();
  let current: ViewOf | null = null;
  return {
    get size() {
      return streams.size;
    },
    add(session, reconsider, end) {
      const stream = { session, reconsider, end };
      streams.add(stream);
      if (current !== null) reconsider(current);
      return { [Symbol.dispose]: () => void streams.delete(stream) };
    },
    endSession(session) {
      for (const stream of streams) if (stream.session === session) stream.end();
    },
    reconsider(viewOf) {
      current = viewOf;
      for (const { reconsider, end } of streams) {
        try {
          reconsider(viewOf);
        } catch {
          // One that cannot be judged must not go on, nor keep the others from being judged.
          end();
        }
      }
    },
  };
}

/** A stream that is being reconsidered, as its relay sees it. */
export interface Stand extends Disposable {
  /** The server has acknowledged the subscription; nothing may come before that (2026-07-28, Subscriptions, Acknowledgment). */
  acknowledge(): void;
}

/**
 * Puts a stream among those that are reconsidered at each reload, until it is disposed of.
 *
 * @param stream where its client listens
 */
export function stand(exchange: Exchange, stream: EventStream): Stand {
  const { kit, known, live } = exchange;
  let acknowledged = known.message.era === "legacy";
  const owed = new Set<string>();
  const tell = (method: string) => {
    if (acknowledged) void stream.write(renderChange(exchange, method));
    else owed.add(method);
  };
  const end = () => exchange.answer.body.destroy(new Denial("draining"));
  const reconsider: Reconsider = (viewOf) => {
    const before = live.sight.view;
    live.sight = live.sight.by(viewOf(known.identity, known.route.server));
    for (const [method, member] of listChanges) {
      const asked = exchange.expected.filter === null || exchange.expected.filter[member] === true;
      if (asked && differs(before, live.sight.view, subscriptionKinds[member])) tell(method);
    }
    // What may be heard of now and was not asked of the server can only be had by asking again.
    if (!live.sight.sees({ kind: "server" }) || asksTooLittle(exchange)) end();
  };
  const registration = kit.standing.add(known.session.key, reconsider, end);
  return {
    acknowledge() {
      acknowledged = true;
      for (const method of owed) tell(method);
      owed.clear();
    },
    [Symbol.dispose]: () => registration[Symbol.dispose](),
  };
}

function asksTooLittle({ known, live }: Exchange): boolean {
  const { message, session, decision } = known;
  if (message.kind !== "request" || decision.narrowed === null) return false;
  return isWider(narrowFilter(live.sight, message, session.tasks.values()), decision.narrowed);
}

function renderChange({ known }: Exchange, method: string): string {
  const { message } = known;
  const _meta = message.kind === "request" ? { "io.modelcontextprotocol/subscriptionId": message.id } : undefined;
  const data = JSON.stringify({ jsonrpc: "2.0", method, ...(_meta === undefined ? {} : { params: { _meta } }) });
  return renderEvent({ id: null, type: "message", data, retryMs: null });
}
