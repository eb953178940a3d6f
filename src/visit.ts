import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { readArrival } from "./arrival.ts";
import { openTrail, type Receipt, receiptForFailure, type Trail } from "./audit/trail.ts";
import { readAuthorization } from "./auth/bearer.ts";
import { isForPeople, renderRefusalPage } from "./authorization/pages/refusal-page.ts";
import { asDenial, Denial, type DenialCode, type RenderedDenial, renderDenial, renderRpcError } from "./denial.ts";
import type { Door } from "./doors/doors.ts";
import { createDoorReply } from "./doors/reply.ts";
import { type Ending, VisitEnding } from "./ending.ts";
import type { Arrival, Route } from "./facts.ts";
import type { Gateway } from "./gateway.ts";
import type { House } from "./house.ts";
import { isEndless } from "./mcp/methods.ts";
import { renderEvent } from "./mcp/sse.ts";
import { walk } from "./pipeline.ts";
import { createReply, type Reply } from "./reply.ts";
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
  const steps = refusal === null ? walk(gateway, arrival, reply, trail) : Promise.reject(refusal);
  return new HttpVisit(answerFor(), arrival, trail, gateway);

  async function answerFor(): Promise<void> {
    try {
      await steps;
      await conclude(null, arrival, reply, trail, house);
    } catch (error) {
      const denial = asDenial(error);
      refused ||= denial.code === "address_denied" || denial.code === "address_limited";
      await refuse(denial, arrival, reply, trail, house);
    } finally {
      trail.facts.session?.door?.done(arrival.requestId);
    }
  }
}

/**
 * A class, and no literal: V8 makes a hidden class for each literal with accessors, which lies in old space and keeps the whole
 * visit until the next full collection. Every visit survived until then, which took a quarter of all processor time.
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

/** Does for a client of 2024-11-05 what it would do itself if it knew of sessions (doors/doors.ts); its record is like the client's own. */
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
  const steps = walk(gateway, arrival, reply, trail);
  const concluded = steps.then(() => conclude(null, arrival, reply, trail, house));
  await concluded.catch((error: unknown) => refuse(asDenial(error), arrival, reply, trail, house));
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

/**
 * Answers a refusal, in the form that fits what has already been said. It never throws: whatever goes wrong here ends the
 * connection, and with it the wait of the client.
 */
async function refuse(denial: Denial, arrival: Arrival, reply: Reply, trail: Trail, house: House): Promise<void> {
  report(denial, arrival, trail, house);
  // An answer that was not delivered may be given again.
  const { message, session } = trail.facts;
  if (message?.kind === "response" && session !== undefined) house.answered.delete(String(message.id));
  if (trail.closed) {
    await conclude(denial, arrival, reply, trail, house);
    return endQuietly(reply, arrival);
  }
  try {
    const refusal = await record(denial, arrival, reply, trail, house);
    await tell(refusal.denial, refusal.receipt, arrival, reply, trail);
  } catch (error) {
    report(asDenial(error), arrival, trail, house);
    await endQuietly(reply, arrival);
  }
}

/** Puts the end of a stream on record. There is nobody left to refuse something to where that fails. */
async function conclude(
  reason: Denial | null,
  arrival: Arrival,
  { stream }: Reply,
  trail: Trail,
  house: House,
): Promise<void> {
  if (stream === null) return;
  await trail.end(reason, stream.spoken).catch((error) => report(asDenial(error), arrival, trail, house));
}

/** Puts a refusal on record. When that is what fails, this is what the caller hears of instead. */
async function record(
  denial: Denial,
  arrival: Arrival,
  reply: Reply,
  trail: Trail,
  house: House,
): Promise<{ denial: Denial; receipt: Receipt }> {
  const rendered = render(denial, arrival, trail);
  const http = reply.stream === null ? rendered.status : 200;
  const rpc = isMcpEndpoint(arrival) ? denial.rpc : null;
  const upstream = trail.facts.answer?.statusCode;
  try {
    return { denial, receipt: await trail.close({ http, rpc, upstream, denial, bytesOut: rendered.body.length }) };
  } catch (error) {
    const failure = asDenial(error);
    const receipt = receiptForFailure(failure);
    // It is told once that there is no record, whether the answer's or the refusal's failed first.
    if (failure.code !== denial.code) report(failure, arrival, trail, house);
    house.metrics.refused(failure.code);
    return { denial: failure, receipt };
  }
}

/** Says no: as the whole answer, or as the last event where a stream has begun. */
async function tell(denial: Denial, receipt: Receipt, arrival: Arrival, reply: Reply, trail: Trail): Promise<void> {
  // Who cancelled a request expects no answer to it (2025-11-25, Cancellation), only that the wait is over.
  if (denial.code === "client_cancelled") return (reply.stream ?? reply.openStream({})).end();
  const refusal = render(denial, arrival, trail);
  // Who resumes the stream of a request reads events alone, and after a body of another kind would wait for ever.
  const isResumed = trail.facts.message?.kind === "listen" && refusal.status === 200;
  if (reply.stream === null && !isResumed) return reply.send(receipt, refusal);
  const stream = reply.stream ?? reply.openStream({});
  const rpcId = rpcIdOf(denial, trail.facts);
  if (rpcId === undefined) return stream.end();
  const data = renderRpcError(denial, arrival.requestId, rpcId);
  return stream.answer(receipt, renderEvent({ id: null, type: "message", data, retryMs: null }));
}

function render(denial: Denial, arrival: Arrival, { facts }: Trail): RenderedDenial {
  const rendered = renderDenial(denial, {
    requestId: arrival.requestId,
    rpcId: rpcIdOf(denial, facts),
    mcp: isMcpEndpoint(arrival),
    unread: facts.route?.kind === "mcp" && typeof facts.route.door === "object" && facts.session === undefined,
    metadataUrl: facts.route?.kind === "mcp" ? facts.route.metadataUrl : undefined,
    scheme: readAuthorization(arrival.headers.get("authorization") ?? "")?.proved === true ? "DPoP" : "Bearer",
  });
  const forPeople = isForPeople(arrival.path, arrival.headers.get("accept"));
  return forPeople ? renderRefusalPage(denial, rendered, arrival.requestId) : rendered;
}

/** Whether JSON-RPC is spoken there, whatever the path leads to; the metadata's path ends in the endpoint's own. */
function isMcpEndpoint({ path }: Arrival): boolean {
  return /\/(?:mcp|sse)\/?$|\/messages\/[^/]+$/.test(path) && !path.startsWith("/.well-known/");
}

function rpcIdOf({ code, extra }: Denial, { message, session }: Trail["facts"]): string | number | undefined {
  if (extra.rpcId !== undefined) return extra.rpcId;
  if (message?.kind === "request") return message.id;
  // What the server itself says to a stream that is resumed decides nothing about its request: 409 stands for "not yet".
  // Nor does it that the stream is to be resumed once more, under other settings or at another replica: its request goes on at the server.
  const isUndecided = extra.http !== undefined || code === "draining";
  return isUndecided ? undefined : session?.resume?.pending?.id;
}

function report(denial: Denial, arrival: Arrival, { facts: { route } }: Trail, { log }: House): void {
  const { code, extra, cause } = denial;
  const server = route?.kind === "mcp" ? route.server : undefined;
  const facts = { requestId: arrival.requestId, server, reason: code, detail: extra.detail, error: cause };
  if (code === "internal_error" || code === "audit_unavailable") log.error(facts, "request failed");
  else if (code.startsWith("upstream_")) log.warn(facts, "server failed");
  else log.debug(facts, "request refused");
}

/** The answer can no longer be changed: a stream ends, anything else is cut. */
async function endQuietly(reply: Reply, arrival: Arrival): Promise<void> {
  if (reply.stream !== null) await reply.stream.end();
  else arrival.message.socket.destroy();
}
