import type { RpcId } from "../facts.ts";
import { isObject } from "../mcp/object.ts";
import { valueSpan } from "../mcp/splice.ts";

/** Whom a message of a server is for. */
export type Recipient =
  /** The request with this id: the message is its answer. */
  | { readonly kind: "request"; readonly id: RpcId }
  /** The request that asked for progress under this token. */
  | { readonly kind: "progress"; readonly token: RpcId }
  /** The session as a whole. */
  | { readonly kind: "session" }
  /** Nobody can tell: an answer without an id. */
  | { readonly kind: "nobody" };

/**
 * Finds out whom a message is for, from its envelope alone: what it says is judged by whoever hands it out.
 *
 * @param data the data of a `message` event
 * @returns undefined for what is no JSON-RPC message
 */
export function findRecipient(data: string): Recipient | undefined {
  const message = parse(data);
  if (!isObject(message)) return undefined;
  const { id, method, params } = message;
  if (typeof method === "string") {
    const token = method === "notifications/progress" && isObject(params) ? params.progressToken : undefined;
    return isRpcId(token) ? { kind: "progress", token } : { kind: "session" };
  }
  if (!Object.hasOwn(message, "result") && !Object.hasOwn(message, "error")) return undefined;
  return isRpcId(id) ? { kind: "request", id } : { kind: "nobody" };
}

/**
 * The token under which a request asks for progress (MCP 2024-11-05, Progress); undefined where it asks for none.
 *
 * @param body a request that was judged, so its text is JSON without repeated members
 */
export function findProgressToken(body: Buffer | string | null): RpcId | undefined {
  // Most requests ask for none, and need not be made into text to see it.
  if (body?.includes('"progressToken"') !== true) return undefined;
  const text = body.toString();
  const span = valueSpan(text, ["params", "_meta", "progressToken"]);
  const token = span && parse(text.slice(span.start, span.end));
  return isRpcId(token) ? token : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRpcId(value: unknown): value is RpcId {
  return typeof value === "string" || typeof value === "number";
}
