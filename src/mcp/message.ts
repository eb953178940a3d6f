/**
 * What a client's body says, read strictly: one JSON-RPC 2.0 message, no member that two parsers could read differently,
 * and every name a decision rests on in one place and one spelling.
 */

import { Denial } from "../denial.ts";
import type { About, Message, NotificationMessage, RequestMessage, RpcId } from "../facts.ts";
import { readCompletionAsk } from "./completion.ts";
import { envelopeNames } from "./envelope.ts";
import { eraOf, isRevision, type Revision, statelessRevisions, unversioned } from "./era.ts";
import { readGiven, readRelatedOnly, relatedTaskKey } from "./given.ts";
import { findKeyTwin, isPlainId, JsonFault, maxIdLength, memberText, readJson } from "./json.ts";
import { findMethod, type MethodRule, notificationMethods, type Target } from "./methods.ts";
import { decodeMirror } from "./mirrors.ts";
import { canonicalTemplate, canonicalUri, isPlainName } from "./names.ts";
import { isObject, type JsonObject } from "./object.ts";
import { subscriptionKinds } from "./subscription.ts";

const versionKey = "io.modelcontextprotocol/protocolVersion";
/** Every one of them is judged, and on record; who needs more opens another stream. */
const maxSubscriptions = 256;
/** Of all their URIs: each is compared with every pattern. */
const maxSubscriptionChars = 65_536;
const paramNames = new Set([
  ...["name", "uri", "ref", "arguments", "notifications", "protocolVersion", "_meta"],
  ...["cursor", "requestState", "taskId"],
]);
const metaNames = new Set([versionKey, relatedTaskKey]);
const referenceNames = new Set(["type", "name", "uri"]);
const filterNames = new Set([...Object.keys(subscriptionKinds), "resourceSubscriptions", "taskIds"]);

/**
 * Reads the body of a POST against the headers that came with it.
 *
 * @param bytes the whole body, as received
 * @param headers request headers, lower-case names
 * @param maxDepth deepest nesting accepted
 * @throws Denial the refusals of form `protocol`; once the id is known it is in `extra.rpcId`
 */
export function readMessage(bytes: Buffer, headers: ReadonlyMap<string, string>, maxDepth: number): Message {
  const { text, value } = parse(bytes, maxDepth);
  if (Array.isArray(value)) throw new Denial("batch_refused");
  const envelope = readEnvelope(value);
  const rpcId = readId(envelope, text);
  try {
    return readKind(envelope, rpcId, bytes, headers);
  } catch (error) {
    if (error instanceof Denial && rpcId !== undefined) throw error.about(rpcId);
    throw error;
  }
}

function parse(bytes: Buffer, maxDepth: number): { text: string; value: unknown } {
  try {
    return readJson(bytes, { maxDepth, loneSurrogates: "refuse" });
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    const code = (
      {
        utf8: "utf8_invalid",
        lone_surrogate: "utf8_invalid",
        syntax: "json_invalid",
        duplicate_key: "json_duplicate_key",
        depth: "json_too_deep",
      } as const
    )[error.kind];
    throw new Denial(code, error.at < 0 ? {} : { detail: `at character ${error.at}` });
  }
}

function readEnvelope(value: unknown): JsonObject {
  if (!isObject(value)) throw new Denial("message_invalid", { detail: "not an object" });
  refuseTwins(value, envelopeNames);
  if (value.jsonrpc !== "2.0") throw new Denial("message_invalid", { detail: "jsonrpc is not 2.0" });
  return value;
}

/** MCP forbids null ids; a number that two parsers may print differently (1.0, 2^53+1) cannot be echoed faithfully. */
function readId(envelope: JsonObject, text: string): RpcId | undefined {
  if (!Object.hasOwn(envelope, "id")) return undefined;
  const { id } = envelope;
  if (!isPlainId(id, memberText(text, "id") ?? "")) throw new Denial("message_invalid", { detail: "id" });
  return id as RpcId;
}

function readKind(
  envelope: JsonObject,
  rpcId: RpcId | undefined,
  bytes: Buffer,
  headers: ReadonlyMap<string, string>,
): Message {
  const { method } = envelope;
  const answers = Object.hasOwn(envelope, "result") || Object.hasOwn(envelope, "error");
  if (method === undefined && answers && rpcId !== undefined) return readAnswer(envelope, rpcId, bytes, headers);
  if (typeof method !== "string" || answers)
    throw new Denial("message_invalid", { detail: "neither request nor answer" });
  return rpcId === undefined
    ? readNotification(method, envelope, bytes, headers)
    : readRequest(method, rpcId, envelope, bytes, headers);
}

function readRequest(
  method: string,
  rpcId: RpcId,
  envelope: JsonObject,
  bytes: Buffer,
  headers: ReadonlyMap<string, string>,
): RequestMessage {
  const params = readParams(envelope);
  const revision = readRevision(params, true, headers);
  const era = eraOf(revision);
  if (era === "modern") checkMirror("mcp-method", method, headers);
  const rule = findMethod(method, era);
  // A legacy client takes HTTP 404 for the end of its session (2025-11-25, Session Management), so it hears 200.
  if (rule === undefined) {
    throw new Denial("method_unknown", { detail: `method ${method}`, ...(era === "legacy" ? { http: 200 } : {}) });
  }
  const targets = readTargets(rule, params);
  const given = readGiven(rule, era, params);
  if (era === "modern") checkNameMirror(rule, params, headers);
  return {
    kind: "request",
    era,
    revision,
    id: rpcId,
    method,
    targets,
    given,
    args: argumentsOf(rule, params),
    params,
    about: aboutOf(rule, params),
    bytes,
  };
}

/** The stateless revision has no requests of the server, hence nothing a client could answer (2026-07-28, Sending Messages). */
function readAnswer(envelope: JsonObject, id: RpcId, bytes: Buffer, headers: ReadonlyMap<string, string>): Message {
  const revision = readRevision({}, false, headers);
  if (eraOf(revision) === "modern")
    throw new Denial("message_invalid", { detail: "a response in the stateless revision" });
  if (Object.hasOwn(envelope, "result") && Object.hasOwn(envelope, "error")) {
    throw new Denial("message_invalid", { detail: "both result and error" });
  }
  return { kind: "response", era: "legacy", revision, id, given: readRelatedOnly(envelope, "result"), bytes };
}

function readNotification(
  method: string,
  envelope: JsonObject,
  bytes: Buffer,
  headers: ReadonlyMap<string, string>,
): NotificationMessage {
  const params = readParams(envelope);
  const revision = readRevision(params, false, headers);
  const era = eraOf(revision);
  const cancels = method === "notifications/cancelled" ? readCancelled(params) : null;
  const known = era === "modern" ? method === "notifications/cancelled" : notificationMethods.has(method);
  if (!known) throw new Denial("method_unknown", { http: 400, detail: "notification" });
  return { kind: "notification", era, revision, method, cancels, given: readRelatedOnly(envelope, "params"), bytes };
}

function readCancelled({ requestId }: JsonObject): RpcId | null {
  // As for ids themselves; a longer one is nobody's, and would be passed on as it is to other processes.
  const isId = typeof requestId === "string" ? requestId.length <= maxIdLength : typeof requestId === "number";
  return isId ? (requestId as RpcId) : null;
}

function readParams(envelope: JsonObject): JsonObject {
  const params = envelope.params ?? {};
  if (!isObject(params)) throw new Denial("params_invalid", { detail: "params is not an object" });
  refuseTwins(params, paramNames);
  if (isObject(params._meta)) refuseTwins(params._meta, metaNames);
  return params;
}

/**
 * Which revision the message speaks. Header and body must say the same, since proxies route on the one and servers act on
 * the other (2026-07-28, Server Validation); a request without either is of the oldest revision that had no header.
 */
function readRevision(params: JsonObject, isRequest: boolean, headers: ReadonlyMap<string, string>): Revision {
  const header = headers.get("mcp-protocol-version");
  const meta = isObject(params._meta) ? params._meta[versionKey] : undefined;
  if (meta !== undefined && meta !== header) {
    throw new Denial("header_mismatch", { detail: "MCP-Protocol-Version differs from _meta" });
  }
  if (header === undefined) return unversioned;
  if (!isRevision(header))
    throw new Denial("version_unsupported", { data: { supported: statelessRevisions, requested: header } });
  if (isRequest && eraOf(header) === "modern" && meta === undefined) {
    throw new Denial("params_invalid", { detail: `_meta lacks ${versionKey}` });
  }
  return header;
}

function readTargets(rule: MethodRule, params: JsonObject): readonly Target[] {
  switch (rule.names) {
    case "tool":
    case "prompt":
      return [{ kind: rule.names, name: readName(params.name) }];
    case "resource":
      return [{ kind: "resource", name: readUri(params.uri) }];
    case "reference":
      return [readReference(params.ref)];
    case "subscriptions":
      return [{ kind: "server" }, ...readSubscriptions(params.notifications)];
    case "task":
    case "server":
      return [{ kind: "server" }];
  }
}

/** What the record keeps besides the target. */
function argumentsOf(rule: MethodRule, params: JsonObject): unknown {
  return rule.names === "subscriptions" ? params.notifications : params.arguments;
}

function aboutOf(rule: MethodRule, params: JsonObject): About | null {
  if (rule.names === "resource") return { uri: String(params.uri) };
  if (rule.names !== "reference") return null;
  const completion = readCompletionAsk(params);
  if (completion === null) throw new Denial("params_invalid", { detail: "ref or argument" });
  return { completion };
}

function readName(name: unknown): string {
  if (typeof name !== "string") throw new Denial("params_invalid", { detail: "name is not a string" });
  if (!isPlainName(name)) throw new Denial("name_ambiguous", { detail: "name" });
  return name;
}

function readUri(uri: unknown): string {
  if (typeof uri !== "string") throw new Denial("params_invalid", { detail: "uri is not a string" });
  const canonical = canonicalUri(uri);
  if (canonical === undefined) throw new Denial("name_ambiguous", { detail: "uri" });
  return canonical;
}

/** What a completion completes (MCP, Completion, Reference Types): a prompt, or a resource template given as its text. */
function readReference(reference: unknown): Target {
  if (!isObject(reference)) throw new Denial("params_invalid", { detail: "ref is not an object" });
  refuseTwins(reference, referenceNames);
  if (reference.type === "ref/prompt") return { kind: "prompt", name: readName(reference.name) };
  if (reference.type !== "ref/resource" || typeof reference.uri !== "string") {
    throw new Denial("params_invalid", { detail: "ref" });
  }
  return { kind: "template", name: canonicalTemplate(reference.uri) };
}

function readSubscriptions(filter: unknown): Target[] {
  if (filter === undefined) return [];
  if (!isObject(filter)) throw new Denial("params_invalid", { detail: "notifications is not an object" });
  refuseTwins(filter, filterNames);
  const uris = filter.resourceSubscriptions ?? [];
  if (!Array.isArray(uris)) throw new Denial("params_invalid", { detail: "resourceSubscriptions is not an array" });
  if (uris.length > maxSubscriptions)
    throw new Denial("params_invalid", { detail: `more than ${maxSubscriptions} URIs` });
  if (uris.reduce((sum, uri) => sum + (typeof uri === "string" ? uri.length : 0), 0) > maxSubscriptionChars)
    throw new Denial("params_invalid", { detail: `URIs of more than ${maxSubscriptionChars} characters` });
  return uris.map((uri) => ({ kind: "resource", name: readUri(uri) }));
}

function checkNameMirror(rule: MethodRule, params: JsonObject, headers: ReadonlyMap<string, string>): void {
  if (rule.names === "tool" || rule.names === "prompt") checkMirror("mcp-name", params.name, headers);
  if (rule.names === "resource") checkMirror("mcp-name", params.uri, headers);
  // Its clients must send it (the tasks extension, Routing Headers), but those of the SDKs do not; the server gets it anyway.
  if (rule.names === "task" && headers.has("mcp-name")) checkMirror("mcp-name", params.taskId, headers);
}

/** A header that mirrors the body must be there and say the same (2026-07-28, Standard Request Headers). */
function checkMirror(header: "mcp-method" | "mcp-name", expected: unknown, headers: ReadonlyMap<string, string>): void {
  const value = headers.get(header);
  const said = value === undefined || header === "mcp-method" ? value : decodeMirror(value);
  if (said === undefined || said !== expected) {
    throw new Denial("header_mismatch", { detail: value === undefined ? `${header} is missing` : header });
  }
}

function refuseTwins(object: JsonObject, names: ReadonlySet<string>): void {
  if (findKeyTwin(object, names) !== undefined) throw new Denial("json_key_twin");
}
