import type { RequestMessage, Session } from "../facts.ts";
import { setMember } from "../mcp/splice.ts";
import { bodyOf } from "./body.ts";
import { cacheKey } from "./cache-key.ts";
import type { ServerAnswer } from "./dispatch.ts";
import { type ListKind, type ListMemory, listKinds, type Ticket } from "./lists.ts";

/** A request for a list, as the memory of lists knows it. */
export interface ListRequest {
  readonly kind: ListKind;
  /** Taken before the request leaves. */
  readonly ticket: Ticket;
  /** Undefined where the answer is for this request alone. */
  readonly key: string | undefined;
}

/** Undefined for what is no request for a list. */
export function readListRequest(lists: ListMemory, message: RequestMessage, session: Session): ListRequest | undefined {
  const kind = listKinds.get(message.method);
  if (kind === undefined) return undefined;
  const cursor = session.edits.find(({ path }) => path[1] === "cursor")?.value;
  const params = cursor === undefined ? message.params : { ...message.params, cursor: JSON.parse(cursor) };
  // Earlier revisions say nothing about keeping answers.
  const key = message.era === "modern" ? cacheKey(message.method, params) : undefined;
  return { kind, ticket: lists.begin(kind), key };
}

/** The answer that the server has let everybody have, if it is still fresh; as if the server had just given it to this request. */
export function recollect(
  lists: ListMemory,
  { key }: ListRequest,
  message: RequestMessage,
  nowMs: number,
): ServerAnswer | undefined {
  const kept = key === undefined ? undefined : lists.find(key, nowMs);
  if (kept === undefined) return undefined;
  const aged = setMember(kept.text, ["result", "ttlMs"], String(kept.leftMs));
  const text = setMember(aged, ["id"], JSON.stringify(message.id));
  return {
    statusCode: 200,
    headers: { "content-type": "application/json" },
    body: bodyOf(Buffer.from(text)),
  };
}

/** Learns from a list's answer. */
export function keepList(
  lists: ListMemory,
  { kind, ticket, key }: ListRequest,
  text: string,
  result: Readonly<Record<string, unknown>>,
  nowMs: number,
): void {
  if (kind === "tools") lists.learnTools(ticket, result, nowMs);
  if (key === undefined || result.resultType !== "complete") return;
  lists.keep(ticket, key, text, { ttlMs: result.ttlMs, cacheScope: result.cacheScope }, nowMs);
}
