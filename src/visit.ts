import type { IncomingMessage, ServerResponse } from "node:http";
import { readArrival } from "./arrival.ts";
import { openTrail, type Receipt, receiptForFailure, type Trail } from "./audit/trail.ts";
import { asDenial, Denial, type RenderedDenial, renderDenial, renderRpcError } from "./denial.ts";
import type { Arrival, Route } from "./facts.ts";
import type { Gateway } from "./gateway.ts";
import type { House } from "./house.ts";
import { renderEvent } from "./mcp/sse.ts";
import { walk } from "./pipeline.ts";
import { createReply, type Reply } from "./reply.ts";

/** A request on its way through the corridor, as the server sees it. */
export interface Visit {
  /** Resolves when the visit is over, however it ended; never rejects. */
  readonly over: Promise<void>;
  /** True for a stream that ends only when someone ends it. */
  readonly endless: boolean;
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
  const ended = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) ended.abort(new Denial("client_gone"));
  });
  const arrival = readArrival(message, ended.signal);
  const trail = openTrail(house.audit, arrival);
  const common = () => ({
    "x-request-id": arrival.requestId,
    ...corsHeaders(trail.facts.route),
    ...hangUp(message, refusal),
  });
  const reply = createReply(response, gateway.config.listen.heartbeat, common);
  const steps = refusal === null ? walk(gateway, arrival, reply, trail) : Promise.reject(refusal);
  return {
    over: steps
      .catch((error: unknown) => refuse(asDenial(error), arrival, reply, trail, house))
      .then(() => flushed(response)),
    get endless() {
      return reply.stream?.endless === true;
    },
    get arriving() {
      return !message.complete;
    },
    interrupt: (reason) => ended.abort(reason),
  };
}

/** An answer is over when the operating system has all of it, or the client is gone. */
function flushed(response: ServerResponse): Promise<void> | undefined {
  if (response.writableFinished || response.destroyed) return undefined;
  return new Promise((resolve) => response.once("finish", resolve).once("close", resolve));
}

/** Lets a page of an allowed origin read the answer (Fetch standard, CORS protocol). */
function corsHeaders(route: Route | undefined): Record<string, string> {
  if (route?.kind !== "mcp" || route.origin === null) return {};
  return {
    "access-control-allow-origin": route.origin,
    "access-control-expose-headers":
      "mcp-session-id, mcp-protocol-version, www-authenticate, x-request-id, retry-after",
    vary: "origin",
  };
}

/** A body that was refused unread must not be taken for the next request, nor be read to its end just to be thrown away. */
function hangUp(message: IncomingMessage, refusal: Denial | null): Record<string, string> {
  return refusal !== null || !message.complete ? { connection: "close" } : {};
}

/**
 * Answers a refusal, in the form that fits what has already been said. It never throws: whatever goes wrong here ends the
 * connection, and with it the wait of the client.
 */
async function refuse(denial: Denial, arrival: Arrival, reply: Reply, trail: Trail, house: House): Promise<void> {
  report(denial, arrival, house);
  if (trail.closed) return endQuietly(reply, arrival);
  try {
    const rendered = render(denial, arrival, trail);
    const http = reply.stream === null ? rendered.status : 200;
    const rpc = isMcpEndpoint(arrival) ? denial.row.rpc : null;
    const receipt = await trail.close({ http, rpc, denial, bytesOut: rendered.body.length });
    tell(denial, receipt, arrival, reply, trail);
  } catch (error) {
    const failure = asDenial(error);
    report(failure, arrival, house);
    if (failure.code !== "audit_unavailable") return endQuietly(reply, arrival);
    house.metrics.refused(failure.code);
    tell(failure, receiptForFailure(failure), arrival, reply, trail);
  }
}

/** Says no: as the whole answer, or as the last event where a stream has begun. */
function tell(denial: Denial, receipt: Receipt, arrival: Arrival, reply: Reply, trail: Trail): void {
  const { stream } = reply;
  const rpcId = rpcIdOf(denial, trail.facts);
  if (stream === null) {
    reply.send(receipt, render(denial, arrival, trail));
  } else if (rpcId === undefined) {
    stream.end();
  } else {
    const data = renderRpcError(denial, arrival.requestId, rpcId);
    stream.answer(receipt, renderEvent({ id: null, type: "message", data, retryMs: null }));
  }
}

function render(denial: Denial, arrival: Arrival, { facts }: Trail): RenderedDenial {
  return renderDenial(denial, {
    requestId: arrival.requestId,
    rpcId: rpcIdOf(denial, facts),
    mcp: isMcpEndpoint(arrival),
    metadataUrl: facts.route?.kind === "mcp" ? facts.route.metadataUrl : undefined,
  });
}

/** Whether JSON-RPC is spoken there, whatever the path leads to; the metadata's path ends in the endpoint's own. */
function isMcpEndpoint({ path }: Arrival): boolean {
  return /\/mcp\/?$/.test(path) && !path.startsWith("/.well-known/");
}

function rpcIdOf(denial: Denial, facts: Trail["facts"]): string | number | undefined {
  return (
    denial.extra.rpcId ?? (facts.message?.kind === "request" ? facts.message.id : facts.session?.resume?.pending?.id)
  );
}

function report(denial: Denial, arrival: Arrival, { log }: House): void {
  const { code, extra, cause } = denial;
  const facts = { requestId: arrival.requestId, reason: code, detail: extra.detail, error: cause };
  if (code === "internal_error" || code === "audit_unavailable") log.error(facts, "request failed");
  else log.debug(facts, "request refused");
}

/** The answer can no longer be changed: a stream ends, anything else is cut. */
function endQuietly(reply: Reply, arrival: Arrival): void {
  if (reply.stream !== null) reply.stream.end();
  else arrival.message.socket.destroy();
}
