import { type Receipt, receiptForFailure, type Trail } from "./audit/trail.ts";
import { readAuthorization } from "./auth/bearer.ts";
import { isForPeople, renderRefusalPage } from "./authorization/pages/refusal-page.ts";
import { asDenial, type Denial, type RenderedDenial, renderDenial, renderRpcError } from "./denial.ts";
import type { Arrival } from "./facts.ts";
import type { House } from "./house.ts";
import { renderEvent } from "./mcp/sse.ts";
import type { Reply } from "./reply.ts";

/** A walk of the corridor: what came in, how it is answered, and what is known and recorded of it. */
export interface Walk {
  readonly arrival: Arrival;
  readonly reply: Reply;
  readonly trail: Trail;
  readonly house: House;
}

/**
 * Answers a refusal, in the form that fits what has already been said. It never throws: whatever goes wrong here ends the
 * connection, and with it the wait of the client.
 */
export async function refuse(denial: Denial, walk: Walk): Promise<void> {
  const { trail, house } = walk;
  report(denial, walk);
  // An answer that was not delivered may be given again.
  const { message, session } = trail.facts;
  if (message?.kind === "response" && session !== undefined) house.answered.delete(String(message.id));
  if (trail.closed) {
    await conclude(denial, walk);
    return endQuietly(walk);
  }
  try {
    const refusal = await record(denial, walk);
    await tell(refusal.denial, refusal.receipt, walk);
  } catch (error) {
    report(asDenial(error), walk);
    await endQuietly(walk);
  }
}

/**
 * Puts the end of a stream on record; does nothing where there is no stream. It never rejects: where the record fails, there is
 * nobody left to refuse something to.
 *
 * @param reason why the stream was broken off; null where it came to its end
 */
export async function conclude(reason: Denial | null, walk: Walk): Promise<void> {
  const { trail, reply } = walk;
  if (reply.stream === null) return;
  await trail.end(reason, reply.stream.spoken).catch((error) => report(asDenial(error), walk));
}

/**
 * Puts a refusal on record.
 *
 * @returns what to tell the client, with the receipt for it: `audit_unavailable` instead, where the record is what fails
 */
async function record(denial: Denial, walk: Walk): Promise<{ denial: Denial; receipt: Receipt }> {
  const { arrival, reply, trail, house } = walk;
  const rendered = render(denial, walk);
  const http = reply.stream === null ? rendered.status : 200;
  const rpc = isMcpEndpoint(arrival) ? denial.rpc : null;
  const upstream = trail.facts.answer?.statusCode;
  try {
    return { denial, receipt: await trail.close({ http, rpc, upstream, denial, bytesOut: rendered.body.length }) };
  } catch (error) {
    const failure = asDenial(error);
    const receipt = receiptForFailure(failure);
    // It is told once that there is no record, whether the answer's or the refusal's failed first.
    if (failure.code !== denial.code) report(failure, walk);
    house.metrics.refused(failure.code);
    return { denial: failure, receipt };
  }
}

/** Tells the client: by the whole answer, or by the last event where a stream has begun. */
async function tell(denial: Denial, receipt: Receipt, walk: Walk): Promise<void> {
  const { arrival, reply, trail } = walk;
  // A client that has cancelled a request expects no answer to it (2025-11-25, Cancellation), only that the wait is over.
  if (denial.code === "client_cancelled") return (reply.stream ?? reply.openStream({})).end();
  const refusal = render(denial, walk);
  // A client that resumes the stream of a request reads nothing but events: after any other body it would wait for ever.
  const isResumed = trail.facts.message?.kind === "listen" && refusal.status === 200;
  if (reply.stream === null && !isResumed) return reply.send(receipt, refusal);
  const stream = reply.stream ?? reply.openStream({});
  const rpcId = rpcIdOf(denial, trail.facts);
  if (rpcId === undefined) return stream.end();
  const data = renderRpcError(denial, arrival.requestId, rpcId);
  return stream.answer(receipt, renderEvent({ id: null, type: "message", data, retryMs: null }));
}

function render(denial: Denial, { arrival, trail: { facts } }: Walk): RenderedDenial {
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
  // A stream that is resumed belongs to a request that may still be answered, and what is said under its id would be taken for the
  // answer. Two refusals settle nothing about it: the server's own, whose 409 means "not yet", and `draining`, after which the client
  // resumes once more, under other settings or at another replica, while the request goes on at the server.
  const isUndecided = extra.http !== undefined || code === "draining";
  return isUndecided ? undefined : session?.resume?.pending?.id;
}

function report(denial: Denial, { arrival, trail, house: { log } }: Walk): void {
  const { route } = trail.facts;
  const { code, extra, cause } = denial;
  const server = route?.kind === "mcp" ? route.server : undefined;
  const facts = { requestId: arrival.requestId, server, reason: code, detail: extra.detail, error: cause };
  if (code === "internal_error" || code === "audit_unavailable") log.error(facts, "request failed");
  else if (code.startsWith("upstream_")) log.warn(facts, "server failed");
  else log.debug(facts, "request refused");
}

/** The answer can no longer be changed: a stream ends, anything else is cut. */
async function endQuietly({ reply, arrival }: Walk): Promise<void> {
  if (reply.stream !== null) await reply.stream.end();
  else arrival.message.socket.destroy();
}
