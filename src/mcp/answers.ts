/**
 * What a server says, judged message by message: only the answer that is owed, notifications about what may be seen, and
 * requests that the client may be asked leave the gateway. Pure: text in, verdict out.
 */
import { Denial } from "../denial.ts";
import type { Pending } from "../facts.ts";
import { judge, type View } from "../policy/evaluate.ts";
import type { Era } from "./era.ts";
import { findKeyTwin, JsonFault, memberText, readJson } from "./json.ts";
import { clientRequestMethods, type ListShape, requestMethods, type Target } from "./methods.ts";
import { canonicalTemplate, canonicalUri, isPlainName } from "./names.ts";
import { removeElements, setMember } from "./splice.ts";

/** What the exchange may bring back. */
export interface Expectation {
  /** The request whose answer is owed; null on a standalone stream. */
  readonly pending: Pending | null;
  readonly era: Era;
  readonly view: View;
  /** Kinds of requests that the server may send to the client. */
  readonly clientRequests: ReadonlySet<string>;
}

/** What becomes of a message of the server. */
export type Judged =
  | { readonly kind: "answer"; readonly text: string; readonly rpc: number | null; readonly toolError: boolean | null }
  | { readonly kind: "pass"; readonly text: string }
  | { readonly kind: "ask"; readonly text: string; readonly method: string; readonly idText: string }
  /** A request the client must not see; the server is told so, that it does not wait. */
  | { readonly kind: "refuse"; readonly method: string; readonly idText: string }
  /** `asked` is the method where it was a request, in whatever disguise: nobody is told, but it goes on record. */
  | { readonly kind: "drop"; readonly asked: string | null };

type JsonObject = Record<string, unknown>;

const maxDepth = 1_000;
/** An error that asks the client to open a URL (2025-11-25, Elicitation, URL Elicitation Required Error). */
const urlElicitationRequired = -32042;
const envelopeNames = new Set(["jsonrpc", "id", "method", "params", "result", "error"]);
const resultNames = new Set([
  ...["tools", "prompts", "resources", "resourceTemplates"],
  ...["resultType", "inputRequests", "cacheScope"],
]);
const errorNames = new Set(["code", "message", "data"]);
const elementNames = new Set(["name", "uri", "uriTemplate"]);

/**
 * Judges one message of a server.
 *
 * @param source the message as received: a body, or the data of an event
 * @throws Denial `upstream_malformed` for what is not a JSON-RPC message, or carries the answer to another request;
 *   `client_request_denied` for an answer that asks the client for what it may not be asked (2026-07-28, MRTR)
 */
export function judgeServerMessage(source: Uint8Array | string, expected: Expectation): Judged {
  const { text, value } = parse(source);
  if (!isObject(value) || value.jsonrpc !== "2.0") throw malformed("not a JSON-RPC message");
  refuseTwins(value, envelopeNames);
  const isCall = typeof value.method === "string";
  const isAnswer = Object.hasOwn(value, "result") !== Object.hasOwn(value, "error");
  if (isCall === isAnswer) throw malformed("neither a call nor an answer");
  if (isAnswer) return judgeAnswer(value, text, expected);
  const method = String(value.method);
  if (!Object.hasOwn(value, "id")) return judgeNotification(method, value, text, expected);
  return judgeAsk(method, text, expected);
}

function parse(source: Uint8Array | string): { text: string; value: unknown } {
  try {
    // Servers cut strings in the middle of a character more often than one thinks; that is theirs to send.
    return readJson(source, { maxDepth, loneSurrogates: "pass" });
  } catch (error) {
    if (error instanceof JsonFault) throw malformed(`JSON: ${error.kind}`);
    throw error;
  }
}

function judgeAnswer(value: JsonObject, text: string, expected: Expectation): Judged {
  const { pending } = expected;
  if (pending === null) return { kind: "drop", asked: null };
  const { result } = value;
  if (isObject(result)) refuseTwins(result, resultNames);
  if (!isObject(result)) return judgeError(value, text, pending, expected);
  if (value.id !== pending.id) throw malformed("an answer to another request");
  if (result.resultType === "input_required") checkInputRequests(result, expected);
  const list = requestMethods.get(pending.method)?.list;
  const filtered = list === undefined ? text : filterList(text, result, list, expected);
  const toolError = pending.method === "tools/call" ? result.isError === true : null;
  return { kind: "answer", text: filtered, rpc: null, toolError };
}

/**
 * An error without an id says that the server could not read the id (JSON-RPC 2.0 section 5). The exchange has only one
 * request it can be about, and a client finds its own only by the id.
 */
function judgeError(value: JsonObject, text: string, pending: Pending, expected: Expectation): Judged {
  if (isObject(value.error)) refuseTwins(value.error, errorNames);
  const rpc = isObject(value.error) && Number.isInteger(value.error.code) ? Number(value.error.code) : null;
  if (rpc === null) throw malformed("an error without a code, or a result that is no object");
  if (rpc === urlElicitationRequired && !mayAsk("elicitation/create", expected)) {
    throw new Denial("client_request_denied", { detail: "URL elicitation" });
  }
  if (value.id === pending.id) return { kind: "answer", text, rpc, toolError: null };
  if (value.id !== undefined && value.id !== null) throw malformed("an answer to another request");
  return { kind: "answer", text: setMember(text, ["id"], JSON.stringify(pending.id)), rpc, toolError: null };
}

/**
 * Cuts out of a list what the identity could not call. Everything else keeps its bytes: unknown members, the spelling of
 * numbers, the cursor of the next page. A list that depends on who asks must not be kept for another (2026-07-28, Caching),
 * even when this one lost nothing.
 */
function filterList(text: string, result: JsonObject, list: ListShape, expected: Expectation): string {
  const elements = result[list.member];
  if (!Array.isArray(elements)) throw malformed(`result.${list.member} is not an array`);
  const keep = elements.map((element) => isVisible(element, list, expected.view));
  if (keep.every(Boolean) && expected.era === "legacy") return text;
  const cut = keep.every(Boolean) ? text : removeElements(text, ["result", list.member], keep);
  return expected.era === "modern" ? setMember(cut, ["result", "cacheScope"], '"private"') : cut;
}

function isVisible(element: unknown, list: ListShape, view: View): boolean {
  if (!isObject(element) || findKeyTwin(element, elementNames) !== undefined) return false;
  const name = element[list.key];
  if (typeof name !== "string") return false;
  const target = findTarget(list.kind, name);
  return target !== undefined && judge(view, target).effect === "allow";
}

function findTarget(kind: ListShape["kind"], name: string): Target | undefined {
  if (kind === "template") return { kind, name: canonicalTemplate(name) };
  // What could not be called because of its name is not shown either.
  if (kind !== "resource") return isPlainName(name) ? { kind, name } : undefined;
  const canonical = canonicalUri(name);
  return canonical === undefined ? undefined : { kind, name: canonical };
}

/** In the stateless revision requests to the client travel inside a result (2026-07-28, Multi Round-Trip Requests). */
function checkInputRequests(result: JsonObject, expected: Expectation): void {
  const requests = result.inputRequests ?? {};
  if (!isObject(requests)) throw malformed("inputRequests is not an object");
  for (const request of Object.values(requests)) {
    const method = isObject(request) ? String(request.method) : "";
    if (!mayAsk(method, expected)) throw new Denial("client_request_denied", { detail: `inputRequests: ${method}` });
  }
}

/** A request without an id is no notification, though a lenient client might act on it. */
function judgeNotification(method: string, value: JsonObject, text: string, expected: Expectation): Judged {
  if (!method.startsWith("notifications/")) return { kind: "drop", asked: method };
  if (method !== "notifications/resources/updated") return { kind: "pass", text };
  if (isObject(value.params)) refuseTwins(value.params, elementNames);
  const uri = isObject(value.params) ? value.params.uri : undefined;
  const target = typeof uri === "string" ? findTarget("resource", uri) : undefined;
  if (target === undefined || judge(expected.view, target).effect === "deny") {
    return { kind: "drop", asked: null };
  }
  return { kind: "pass", text };
}

function judgeAsk(method: string, text: string, expected: Expectation): Judged {
  const idText = memberText(text, "id") ?? "null";
  if (expected.era === "modern") return { kind: "drop", asked: method };
  return mayAsk(method, expected) || method === "ping"
    ? { kind: "ask", text, method, idText }
    : { kind: "refuse", method, idText };
}

function mayAsk(method: string, expected: Expectation): boolean {
  const kind = clientRequestMethods.get(method);
  return kind !== undefined && expected.clientRequests.has(kind);
}

/** Parsers that ignore case would find another member than the one that was judged, and show what was cut out. */
function refuseTwins(object: JsonObject, names: ReadonlySet<string>): void {
  if (findKeyTwin(object, names) !== undefined) throw malformed("a member that looks like another");
}

function malformed(detail: string): Denial {
  return new Denial("upstream_malformed", { detail });
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
