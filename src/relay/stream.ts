import type { Outcome } from "../audit/describe.ts";
import type { Receipt } from "../audit/trail.ts";
import { Denial } from "../denial.ts";
import type { Arrival, RpcId } from "../facts.ts";
import { judgeServerMessage } from "../mcp/answers.ts";
import { isEndless } from "../mcp/methods.ts";
import { type Conversation, sealEventId } from "../mcp/session.ts";
import { createStreamReader, renderEvent, type StreamEvent } from "../mcp/sse.ts";
import type { EventStream } from "../reply.ts";
import { refuseServerRequest } from "../upstream/refuse.ts";
import { limitAsks } from "./ask-limit.ts";
import { recordAsked } from "./asked.ts";
import { type Exchange, type Known, sessionHeader } from "./exchange.ts";
import { learnLists } from "./lists.ts";
import { type Position, readOn } from "./resumption.ts";
import { learnRevision } from "./revision.ts";
import { type Stand, stand } from "./standing.ts";

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
  // A client of 2024-11-05 does not know how.
  const isOver = end === "cut" || known.session.door !== null;
  if (isOver && message.kind === "request") throw new Denial("upstream_closed");
  await trail.close({ http: 200, upstream: answer.statusCode });
  await stream.end();
}

/** A stream that may last for days is on record from its beginning, not from its end. */
async function relaySubscription(exchange: Exchange, id: RpcId): Promise<void> {
  const { answer, trail, reply, known } = exchange;
  const receipt = await trail.open({ http: 200, upstream: answer.statusCode });
  const stream = reply.openStream({});
  using standing = stand(exchange, stream);
  try {
    const end = await relayEvents(exchange, stream, async () => receipt, standing);
    if (end !== "answered") await stream.end();
  } catch (cause) {
    if (!isEndedByUs(cause, known.arrival)) throw cause;
    await stream.answer(receipt, renderFarewell(id));
    throw cause;
  }
}

/** The gateway stops, the token has expired, or the policy has changed: anything but that the client went away. */
function isEndedByUs(cause: unknown, { ended }: Arrival): boolean {
  const reason = ended.aborted ? ended.reason : cause;
  return reason instanceof Denial && (reason.code === "draining" || reason.code === "token_expired");
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
  const receipt = await trail.open({ http: 200, upstream: answer.statusCode });
  const stream = reply.openStream({});
  using standing = stand(exchange, stream);
  await relayEvents(exchange, stream, async () => receipt, standing);
  await stream.end();
}

/** @returns `answered`, or how the stream ended without: `resumable` after a numbered event, else `cut` */
async function relayEvents(
  exchange: Exchange,
  stream: EventStream,
  settle: Settle,
  standing?: Stand,
): Promise<"answered" | "resumable" | "cut"> {
  const { answer, expected, known, conversation } = exchange;
  // A stream that is resumed may break before it says anything, and goes on from where its client had it begin.
  const position: Position = { eventId: known.session.resume?.eventId ?? null, retryMs: null };
  const owed = expected.pending !== null && expected.era === "legacy";
  const chunks = owed ? readOn(exchange, position, exchangeHeaders(known, conversation)) : answer.body;
  let reader = createStreamReader(exchange.upstream.maxResponseBytes);
  for await (const chunk of chunks) {
    // What the broken stream had begun to say is said again as a whole.
    if (chunk === null) reader = createStreamReader(exchange.upstream.maxResponseBytes);
    const events = reader.push(chunk ?? nothing);
    for (
      let said = await judgeNext(exchange, events, settle, position);
      said !== null;
      said = await judgeNext(exchange, events, settle, position)
    ) {
      const { block, receipt } = said;
      if (block !== null && receipt !== null) {
        await stream.answer(receipt, block);
        return "answered";
      }
      if (block !== null) await stream.write(block);
      if (said.isAcknowledgment) standing?.acknowledge();
    }
  }
  return position.eventId === null ? "cut" : "resumable";
}

const nothing = Buffer.alloc(0);

/** What becomes of an event. */
interface Said {
  /** What the client gets of it. */
  readonly block: Buffer | null;
  /** Of the answer, which is the end of the stream. */
  readonly receipt: Receipt | null;
  readonly isAcknowledgment: boolean;
}

const unsaid = { block: null, receipt: null, isAcknowledgment: false } as const;

/**
 * A function of its own, so that what was parsed, many times as large as the event and in the heap, is let go of before the event is
 * written, which may wait for the client to read.
 *
 * @returns null where no event is left
 */
async function judgeNext(
  exchange: Exchange,
  events: Iterator<StreamEvent, void>,
  settle: Settle,
  position: Position,
): Promise<Said | null> {
  const { value: event } = events.next();
  if (event === undefined) return null;
  const said = { ...unsaid, ...(await judgeEvent(exchange, event, settle)) };
  if (event.id === "") position.eventId = null;
  else if (isResumable(exchange, event)) position.eventId = event.id;
  position.retryMs = event.retryMs ?? position.retryMs;
  return said;
}

async function judgeEvent(exchange: Exchange, event: StreamEvent, settle: Settle): Promise<Partial<Said>> {
  const { answer, trail, kit, known, upstream, expected, conversation } = exchange;
  const id = sealId(exchange, event);
  const { data } = event;
  const say = (text: string) => Buffer.from(renderEvent({ ...event, id, data: text }));
  // Clients read no messages from events of another type, so a server cannot mean one.
  if (data === null || data === "" || (event.type !== null && event.type !== "message")) {
    const empty = { ...event, id, type: null, data: data === null ? null : "" };
    return { block: Buffer.from(renderEvent(empty)) };
  }
  const judged = judgeServerMessage(data, expected);
  learnLists(exchange, judged, () => data);
  learnRevision(exchange, judged);
  switch (judged.kind) {
    case "answer": {
      const block = say(judged.text);
      const { rpc, toolError } = judged;
      await recordAsked(exchange, judged);
      const outcome = { http: 200, rpc, toolError, upstream: answer.statusCode, bytesOut: block.length };
      return { block, receipt: await settle(outcome) };
    }
    case "pass":
      return {
        block: say(judged.text),
        isAcknowledgment: judged.method === "notifications/subscriptions/acknowledged",
      };
    case "ask":
      limitAsks(exchange.live, exchange.kit.now());
      await trail.ask(judged.method, true);
      // Asked once more, it may be answered once more: servers repeat what a cut may have swallowed.
      kit.answered.delete(judged.id);
      return { block: say(judged.text) };
    case "refuse":
      limitAsks(exchange.live, exchange.kit.now());
      await trail.ask(judged.method, false);
      void refuseServerRequest(upstream, known, judged.idText, exchangeHeaders(known, conversation));
      return unsaid;
    case "drop":
      if (judged.asked === null) return unsaid;
      limitAsks(exchange.live, exchange.kit.now());
      await trail.ask(judged.asked, false);
      return unsaid;
  }
}

/** What a header can bring back, unchanged. */
const plainEventId = /^(?! )[^\p{Cc}]{1,1024}(?<! )$/u;

function isResumable({ known }: Exchange, { id }: StreamEvent): boolean {
  // Streams of the stateless revision are not resumable, so an event id has no use there (2026-07-28, Receiving Messages).
  return known.message.era === "legacy" && id !== null && plainEventId.test(id);
}

/** An empty id makes a client forget the last one (WHATWG HTML, Server-sent events), and stays. */
function sealId(exchange: Exchange, event: StreamEvent): string | null {
  const { kit, conversation, expected, known } = exchange;
  if (event.id === "" && known.message.era === "legacy") return "";
  if (event.id === null || !isResumable(exchange, event)) return null;
  return sealEventId(kit.sealer, conversation, { eventId: event.id, pending: expected.pending });
}

function exchangeHeaders({ arrival, session }: Known, { upstreamId }: Conversation): Record<string, string> {
  const version = arrival.headers.get("mcp-protocol-version") ?? session.door?.revision ?? undefined;
  return {
    ...(version === undefined ? {} : { "mcp-protocol-version": version }),
    ...(upstreamId === null ? {} : { "mcp-session-id": upstreamId }),
  };
}
