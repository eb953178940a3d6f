import type { Outcome } from "../audit/describe.ts";
import type { Receipt } from "../audit/trail.ts";
import { asDenial, Denial } from "../denial.ts";
import type { Arrival, Pending, RpcId } from "../facts.ts";
import { type Expectation, judgeServerMessage } from "../mcp/answers.ts";
import { isEndless } from "../mcp/methods.ts";
import { sealEventId, signRequestId } from "../mcp/session.ts";
import { setMember } from "../mcp/splice.ts";
import { createStreamReader, renderEvent, type StreamEvent } from "../mcp/sse.ts";
import type { EventStream } from "../reply.ts";
import { refuseServerRequest } from "../upstream/refuse.ts";
import { type Exchange, type Known, sessionHeader } from "./exchange.ts";

/** Gives the receipt that the answer needs: by closing the record, or the one of a record that is closed already. */
type Settle = (outcome: Outcome) => Promise<Receipt>;

/** The stream of one request: whatever comes before its answer, then the answer, then the end. */
export async function relayStream(exchange: Exchange): Promise<void> {
  const { answer, trail, reply, known } = exchange;
  const { message } = known;
  if (message.kind === "request" && isEndless(message)) return relaySubscription(exchange, message.id);
  const stream = reply.openStream(sessionHeader(exchange));
  const end = await relayEvents(exchange, stream, (outcome) => trail.close(outcome));
  if (end === "answered") return;
  // A server that numbered its events may close the connection and be asked again for the rest (2025-11-25, Streams).
  if (end === "cut" && message.kind === "request") throw new Denial("upstream_closed");
  await trail.close({ http: 200, upstream: answer.statusCode });
  await stream.end();
}

/** A stream that may last for days is on record from its beginning, not from its end. */
async function relaySubscription(exchange: Exchange, id: RpcId): Promise<void> {
  const { answer, trail, reply, known } = exchange;
  const receipt = await trail.close({ http: 200, upstream: answer.statusCode });
  const stream = reply.openStream({});
  try {
    const end = await relayEvents(exchange, stream, async () => receipt);
    if (end !== "answered") await stream.end();
  } catch (cause) {
    if (!isEndedByUs(known.arrival)) throw cause;
    await stream.answer(receipt, renderFarewell(id));
  }
}

/** The gateway stops, the token has expired, or the policy has changed: anything but that the client went away. */
function isEndedByUs(arrival: Arrival): boolean {
  return arrival.ended.aborted && asDenial(arrival.ended.reason).code !== "client_gone";
}

/** Tells a subscriber that its stream ends on purpose (2026-07-28, Subscriptions, Graceful Closure). */
function renderFarewell(id: RpcId): string {
  const result = { resultType: "complete", _meta: { "io.modelcontextprotocol/subscriptionId": id } };
  return renderEvent({
    id: null,
    type: "message",
    data: JSON.stringify({ jsonrpc: "2.0", id, result }),
    retryMs: null,
  });
}

/** The stream of a session: the record is in the file before it opens, for it owes no answer that could wait for one. */
export async function relayStandaloneStream(exchange: Exchange): Promise<void> {
  const { answer, trail, reply, known } = exchange;
  if (known.session.resume?.pending != null) return relayStream(exchange);
  const receipt = await trail.close({ http: 200, upstream: answer.statusCode });
  const stream = reply.openStream({});
  await relayEvents(exchange, stream, async () => receipt);
  await stream.end();
}

/** @returns `answered`, or how the stream ended without: `resumable` after a numbered event, else `cut` */
async function relayEvents(
  exchange: Exchange,
  stream: EventStream,
  settle: Settle,
): Promise<"answered" | "resumable" | "cut"> {
  const reader = createStreamReader(exchange.upstream.maxResponseBytes);
  let end: "resumable" | "cut" = "cut";
  for await (const chunk of exchange.answer.body as AsyncIterable<Buffer>) {
    for (const event of reader.push(chunk)) {
      if (event.id !== null) end = "resumable";
      if (await relayEvent(exchange, stream, event, settle)) return "answered";
    }
  }
  return end;
}

/** @returns true when the event was the answer, and the stream is over */
async function relayEvent(
  exchange: Exchange,
  stream: EventStream,
  event: StreamEvent,
  settle: Settle,
): Promise<boolean> {
  const { answer, trail, kit, known, upstream, expected, place } = exchange;
  // Streams of the stateless revision are not resumable, so an event id has no use there (2026-07-28, Receiving Messages).
  const resumable = event.id !== null && known.message.era === "legacy";
  const id = resumable ? sealEventId(kit.sealer, place, { eventId: event.id, pending: pendingOf(expected) }) : null;
  if (event.data === null || event.data === "") {
    await stream.write(renderEvent({ ...event, id }));
    return false;
  }
  const judged = judgeServerMessage(event.data, expected);
  switch (judged.kind) {
    case "answer": {
      const block = renderEvent({ ...event, id, data: judged.text });
      const { rpc, toolError } = judged;
      const bytesOut = Buffer.byteLength(block);
      await stream.answer(await settle({ http: 200, rpc, toolError, upstream: answer.statusCode, bytesOut }), block);
      return true;
    }
    case "pass":
      await stream.write(renderEvent({ ...event, id, data: judged.text }));
      return false;
    case "ask": {
      const signed = signRequestId(kit.fingerprint, place, judged.idText);
      await trail.ask(judged.method, true);
      await stream.write(renderEvent({ ...event, id, data: setMember(judged.text, ["id"], JSON.stringify(signed)) }));
      return false;
    }
    case "refuse":
      await trail.ask(judged.method, false);
      void refuseServerRequest(upstream, judged.idText, exchangeHeaders(known));
      return false;
    case "drop":
      if (judged.asked !== null) await trail.ask(judged.asked, false);
      return false;
  }
}

/** The part of a pending request that an event id must carry to go on with it later. */
function pendingOf({ pending }: Expectation): Pending | null {
  return pending === null ? null : { id: pending.id, method: pending.method, targets: pending.targets };
}

function exchangeHeaders({ arrival, session }: Known): Record<string, string> {
  const version = arrival.headers.get("mcp-protocol-version");
  return {
    ...(version === undefined ? {} : { "mcp-protocol-version": version }),
    ...(session.upstreamId === null ? {} : { "mcp-session-id": session.upstreamId }),
  };
}
