import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { readArrival } from "./arrival.ts";
import { openTrail, type Trail } from "./audit/trail.ts";
import { asDenial, Denial, type DenialCode } from "./denial.ts";
import type { Door } from "./doors/doors.ts";
import { createDoorReply } from "./doors/reply.ts";
import { type Ending, VisitEnding } from "./ending.ts";
import type { Arrival, Route } from "./facts.ts";
import type { Gateway } from "./gateway.ts";
import type { House } from "./house.ts";
import { isEndless } from "./mcp/methods.ts";
import { walk } from "./pipeline.ts";
import { conclude, refuse, type Walk } from "./refusal.ts";
import { createReply } from "./reply.ts";
import type { Placed } from "./roster.ts";

/** A request on its way through the corridor, as the server sees it. */
export interface Visit extends Placed {
  /** Resolves when the visit is over, however it ended; never rejects. */
  readonly over: Promise<void>;
  /** True for a stream that ends only when someone ends it, opened or still to be. */
  readonly endless: boolean;
  /** Hash of the settings it is served under; policies may change meanwhile. */
  readonly settings: string;
  /** What of it was revoked meanwhile: the token it was made with, or its session; null where nothing was. */
  readonly revoked: Extract<DenialCode, "token_revoked" | "session_revoked"> | null;
  /** Whether the token has expired. */
  isExpired(nowMs: number): boolean;
  /** The connection that it came by. */
  readonly socket: Socket;
  /** True while the request has not arrived as a whole. */
  readonly arriving: boolean;
  /** Breaks it off, for a reason that goes on record. */
  interrupt(reason: Denial): void;
}

/**
 * Lets a request walk the corridor, and answers for it when a room says no.
 *
 * @param refusal why it may not even enter, if so
 */
export function receive(
  gateway: Gateway,
  house: House,
  message: IncomingMessage,
  response: ServerResponse,
  refusal: Denial | null,
): Visit {
  const ended = new VisitEnding();
  response.once("close", () => {
    if (!response.writableFinished) ended.abort(new Denial("client_gone"));
  });
  const arrival = readArrival(message, ended);
  const trail = openTrail(house.audit, arrival, gateway.recording);
  let refused = refusal !== null;
  const common = () => [
    ...["x-request-id", arrival.requestId],
    ...corsHeaders(trail.facts.route),
    ...hangUp(message, refused),
  ];
  const reply = createReply(response, gateway.config.listen.heartbeat, common);
  const walked: Walk = { arrival, reply, trail, house };
  const steps = refusal === null ? walk(gateway, arrival, reply, trail) : Promise.reject(refusal);
  return new HttpVisit(answerFor(), arrival, trail, gateway);

  async function answerFor(): Promise<void> {
    try {
      await steps;
      await conclude(null, walked);
    } catch (error) {
      const denial = asDenial(error);
      refused ||= denial.code === "address_denied" || denial.code === "address_limited";
      await refuse(denial, walked);
    } finally {
      trail.facts.session?.door?.done(arrival.requestId);
    }
  }
}

/**
 * A class rather than an object literal: for each literal with accessors V8 makes a hidden class, which lies in old space and keeps
 * the whole visit alive until the next full collection. That cost a quarter of all processor time.
 */
class HttpVisit implements Visit {
  place = 0;
  readonly over: Promise<void>;
  readonly settings: string;
  readonly #arrival: Arrival;
  readonly #trail: Trail;
  readonly #isRevoked: (session: string | null) => boolean;

  constructor(over: Promise<void>, arrival: Arrival, trail: Trail, { settings, sessions }: Gateway) {
    this.over = over;
    this.#arrival = arrival;
    this.#trail = trail;
    this.settings = settings;
    this.#isRevoked = sessions.isRevoked;
  }

  get endless(): boolean {
    const { message } = this.#trail.facts;
    return message !== undefined && isEndless(message);
  }

  isExpired(nowMs: number): boolean {
    const { identity } = this.#trail.facts;
    return identity !== undefined && nowMs >= identity.expiresAtMs;
  }

  get revoked(): Visit["revoked"] {
    const { identity, session } = this.#trail.facts;
    if (identity?.standing.revoked === true) return "token_revoked";
    return this.#isRevoked(session?.fingerprint ?? null) ? "session_revoked" : null;
  }

  get socket(): Socket {
    return this.#arrival.message.socket;
  }

  get arriving(): boolean {
    return !this.#arrival.message.complete;
  }

  interrupt(reason: Denial): void {
    this.#arrival.interrupt(reason);
  }
}

/**
 * Walks the corridor on behalf of a client of 2024-11-05, which knows nothing of sessions (doors/doors.ts): GET listens on the
 * session's stream, DELETE ends the session. It is judged and recorded as if the client had sent it itself.
 *
 * @returns a promise that resolves when that is over, and never rejects
 */
export async function actFor(gateway: Gateway, house: House, door: Door, verb: "GET" | "DELETE"): Promise<void> {
  const headers = new Map(door.arrival.headers).set("mcp-session-id", door.sessionId ?? "");
  headers.delete("last-event-id");
  if (door.revision !== null) headers.set("mcp-protocol-version", door.revision);
  const arrival: Arrival = {
    ...door.arrival,
    requestId: randomUUID(),
    verb,
    path: `/${door.server}/mcp`,
    headers,
    leaving: verb === "DELETE" ? door.identity : null,
    ended: verb === "GET" ? door.finishing : endAfter(farewellMs),
  };
  const trail = openTrail(house.audit, arrival, gateway.recording);
  const reply = createDoorReply(door);
  const walked: Walk = { arrival, reply, trail, house };
  const steps = walk(gateway, arrival, reply, trail);
  const concluded = steps.then(() => conclude(null, walked));
  await concluded.catch((error: unknown) => refuse(asDenial(error), walked));
}

function endAfter(ms: number): Ending {
  const ended = new VisitEnding();
  setTimeout(() => ended.abort(new Denial("upstream_timeout")), ms).unref();
  return ended;
}

/** How long a server may take to end a session whose client has gone, in milliseconds. */
const farewellMs = 5_000;

/** Lets a page of an allowed origin read the answer (Fetch standard, CORS protocol). */
function corsHeaders(route: Route | undefined): readonly string[] {
  if (route?.kind !== "mcp" || route.origin === null) return none;
  return [
    ...["access-control-allow-origin", route.origin],
    ...["access-control-expose-headers", exposedHeaders],
    ...["vary", "origin"],
  ];
}

const exposedHeaders = "mcp-session-id, mcp-protocol-version, www-authenticate, dpop-nonce, x-request-id, retry-after";
const none: readonly string[] = [];

/**
 * A body that was refused unread must not be taken for the next request, nor be read to its end just to be thrown away. And
 * an address that may not enter gets no cheap second try on the same connection.
 */
function hangUp(message: IncomingMessage, refused: boolean): readonly string[] {
  return refused || !message.complete ? ["connection", "close"] : none;
}
