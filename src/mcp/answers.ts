/**
 * What a server says, judged message by message: only the answer that is owed, notifications about what may be seen, and
 * requests that the client may be asked leave the gateway. Pure: text in, verdict out.
 */
import { Denial } from "../denial.ts";
import type { Pending } from "../facts.ts";
import { envelopeNames } from "./envelope.ts";
import { urlElicitationRequired } from "./errand.ts";
import { type Expectation, malformed, mayAsk, refuseTwins } from "./expectation.ts";
import { relatedTaskKey } from "./given.ts";
import { JsonFault, memberText, readJson } from "./json.ts";
import { judgeNotification } from "./notices.ts";
import { isObject, type JsonObject } from "./object.ts";
import { judgeResult } from "./results.ts";
import { setMember } from "./splice.ts";

/** What becomes of a message of the server. */
export type Judged =
  | {
      readonly kind: "answer";
      readonly text: string;
      /** Whether that is what the server sent. */
      readonly untouched: boolean;
      readonly rpc: number | null;
      readonly toolError: boolean | null;
      /** As the server sent it; null for an error. */
      readonly result: Readonly<JsonObject> | null;
    }
  | { readonly kind: "pass"; readonly text: string; readonly method: string }
  | { readonly kind: "ask"; readonly text: string; readonly method: string; readonly id: string }
  /** A request the client must not see; the server is told so, that it does not wait. */
  | { readonly kind: "refuse"; readonly method: string; readonly idText: string }
  /** `asked` is the method where it was a request, in whatever disguise: nobody is told, but it goes on record. */
  | { readonly kind: "drop"; readonly asked: string | null; readonly method: string | null };

const maxDepth = 1_000;
const errorNames = new Set(["code", "message", "data"]);
const metaNames = new Set([relatedTaskKey]);
const relatedNames = new Set(["taskId"]);

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
  const related = renameRelated(text, value, "params", expected);
  if (Object.hasOwn(value, "id")) return judgeAsk(method, text, related, expected);
  // A request without an id is no notification, though a lenient client might act on it.
  if (!method.startsWith("notifications/")) return { kind: "drop", asked: method, method };
  const passed = related === undefined ? undefined : judgeNotification(method, value.params, related, expected);
  return passed === undefined ? { kind: "drop", asked: null, method } : { kind: "pass", text: passed, method };
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
  if (pending === null) return { kind: "drop", asked: null, method: null };
  const { result } = value;
  if (!isObject(result)) return judgeError(value, text, pending, expected);
  if (value.id !== (pending.sentAs ?? pending.id)) throw malformed("an answer to another request");
  const judged = judgeResult(nameAsAsked(text, pending), result, pending, expected);
  // Last, for the result may have begun the task that it says it belongs to.
  const renamed = renameRelated(judged, value, "result", expected);
  if (renamed === undefined) throw malformed("an answer that belongs to a task of somebody else");
  const isCall = pending.method === "tools/call" || pending.method === "tasks/result";
  const toolError = isCall && (pending.task?.method ?? "tools/call") === "tools/call" ? result.isError === true : null;
  return { kind: "answer", text: renamed, untouched: renamed === text, rpc: null, toolError, result };
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
  const { id, sentAs = id } = pending;
  if (value.id !== sentAs && value.id !== undefined && value.id !== null)
    throw malformed("an answer to another request");
  const named = value.id === id ? text : setMember(text, ["id"], JSON.stringify(id));
  return { kind: "answer", text: named, untouched: named === text, rpc, toolError: null, result: null };
}

function nameAsAsked(text: string, { id, sentAs }: Pending): string {
  return sentAs === undefined ? text : setMember(text, ["id"], JSON.stringify(id));
}

function judgeAsk(method: string, text: string, related: string | undefined, expected: Expectation): Judged {
  const idText = memberText(text, "id") ?? "null";
  if (expected.era === "modern") return { kind: "drop", asked: method, method };
  if (related === undefined || !(mayAsk(method, expected) || method === "ping"))
    return { kind: "refuse", method, idText };
  const id = expected.handles.request(idText);
  return { kind: "ask", text: setMember(related, ["id"], JSON.stringify(id)), method, id };
}

/**
 * The message with the task that it belongs to named as the client knows it; undefined where that is a task of somebody
 * else, or of nobody that is known (2025-11-25, Associating Task-Related Messages).
 */
function renameRelated(
  text: string,
  value: JsonObject,
  member: "params" | "result",
  { handles }: Expectation,
): string | undefined {
  const owner = value[member];
  if (!isObject(owner) || !isObject(owner._meta)) return text;
  refuseTwins(owner._meta, metaNames);
  const related = owner._meta[relatedTaskKey];
  if (related === undefined) return text;
  if (!isObject(related) || typeof related.taskId !== "string") return undefined;
  refuseTwins(related, relatedNames);
  const handle = handles.task(related.taskId);
  const path = [member, "_meta", relatedTaskKey, "taskId"];
  return handle === undefined ? undefined : setMember(text, path, JSON.stringify(handle));
}
