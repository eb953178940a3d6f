import { collectBytes } from "../bytes.ts";
import { type Era, eraOf, type Revision } from "../mcp/era.ts";
import { readJson } from "../mcp/json.ts";
import { isObject } from "../mcp/object.ts";
import { createStreamReader } from "../mcp/sse.ts";
import type { ServerAnswer } from "./dispatch.ts";
import { mediaType } from "./media-type.ts";
import type { Transport } from "./transport.ts";

/** Something that the gateway itself wants to know of a server. */
export interface Inquiry {
  readonly id: string;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly revision: Revision;
  /** The server's own id of a session that was begun for it. */
  readonly sessionId?: string | undefined;
  readonly maxBytes: number;
  readonly timeoutMs: number;
  /** Ends the question before its own time. */
  readonly signal?: AbortSignal;
  /** Told of a session as soon as the head of the answer names one: what comes after may never arrive. */
  readonly onSession?: (sessionId: string) => void;
}

/** What a server says to the gateway itself. */
export interface Reported {
  readonly status: number;
  /** The JSON-RPC answer, whichever way it was sent; undefined where there is none. */
  readonly message: Readonly<Record<string, unknown>> | undefined;
  readonly sessionId: string | undefined;
  /** How many bytes of the answer were read. */
  readonly bytes: number;
}

/**
 * Asks a server on the gateway's own behalf.
 *
 * @param headers credentials and static headers of the server
 * @throws Error of undici or of the socket, or when the time is over or the signal says so
 */
export async function inquire(
  transport: Transport,
  headers: Readonly<Record<string, string>>,
  inquiry: Inquiry,
): Promise<Reported> {
  const { id, method, revision, sessionId } = inquiry;
  const era = eraOf(revision);
  const meta = era === "modern" ? { _meta: { ...describeClient(revision) } } : {};
  const answer = await transport.send({
    kind: "request",
    id,
    method,
    endless: false,
    headers: { ...headers, ...ownHeaders(era, inquiry) },
    body: JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...inquiry.params, ...meta } }),
    signal: AbortSignal.any([AbortSignal.timeout(inquiry.timeoutMs), ...(inquiry.signal ? [inquiry.signal] : [])]),
  });
  try {
    const given = answer.headers["mcp-session-id"];
    if (typeof given === "string") inquiry.onSession?.(given);
    const read = await readAnswer(answer, inquiry);
    return { status: answer.statusCode, ...read, sessionId: typeof given === "string" ? given : sessionId };
  } finally {
    answer.body.destroy();
  }
}

function ownHeaders(era: Era, { method, revision, sessionId }: Inquiry): Record<string, string> {
  return {
    accept: "application/json, text/event-stream",
    "accept-encoding": "identity",
    "content-type": "application/json",
    ...(method !== "initialize" && { "mcp-protocol-version": revision }),
    ...(era === "modern" && { "mcp-method": method }),
    ...(sessionId !== undefined && { "mcp-session-id": sessionId }),
  };
}

/** The gateway as a client; it can be asked for nothing. */
export const ownClient = { name: "sallyport", version: "1" } as const;

function describeClient(revision: Revision): Record<string, unknown> {
  return {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientInfo": ownClient,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
}

/** The first JSON-RPC answer in the body, whichever way it is sent. */
async function readAnswer(
  { headers, body }: ServerAnswer,
  { id, maxBytes }: Inquiry,
): Promise<Pick<Reported, "message" | "bytes">> {
  const isStream = mediaType({ headers }) === "text/event-stream";
  const reader = createStreamReader(maxBytes);
  const collected = collectBytes(maxBytes);
  for await (const chunk of body) {
    if (!collected.add(chunk)) return { message: undefined, bytes: maxBytes };
    if (!isStream) continue;
    const answered = reader
      .push(chunk)
      .map(({ data }) => parse(data ?? "", id))
      .find((message) => message !== undefined);
    if (answered !== undefined) return { message: answered, bytes: collected.length };
  }
  return { message: isStream ? undefined : parse(collected.bytes(), id), bytes: collected.length };
}

function parse(source: string | Uint8Array, id: string): Reported["message"] {
  try {
    const { value } = readJson(source, { maxDepth: 64, loneSurrogates: "pass" });
    return isAnswer(value, id) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isAnswer(message: unknown, id: string): message is Record<string, unknown> {
  if (!isObject(message) || message.jsonrpc !== "2.0") return false;
  const about = message.id === id || (message.id ?? null) === null;
  return about && (Object.hasOwn(message, "result") || Object.hasOwn(message, "error"));
}
