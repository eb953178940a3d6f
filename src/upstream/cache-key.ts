import { isObject, type JsonObject } from "../mcp/object.ts";
import { listKinds } from "./lists.ts";

const metaPrefix = "io.modelcontextprotocol/";
/** Servers are told not to act on the client's name (2026-07-28, General fields), and traces do not change what they observe. */
const idleMeta = new Set([`${metaPrefix}clientInfo`, "traceparent", "tracestate"]);
const maxKeyChars = 4_096;
const maxCapabilityDepth = 16;
const maxCapabilityMembers = 256;

/**
 * What stands for everything in a list's request that its answer may depend on (2026-07-28, Caching, Cache Key): method,
 * cursor, revision, capabilities of the client, and its baggage, which applications do act on: were it left out, one
 * client could put an answer of its making in front of the others.
 *
 * @param params the parameters of the request, parsed
 * @returns at most 4,096 characters; undefined for a request whose answer is not to be kept nor found: no list, malformed,
 *   too large, the retry of a multi round-trip request, one that asks for progress or logging, or with any member that is
 *   not known to be harmless
 */
export function cacheKey(method: string, params: unknown): string | undefined {
  if (!listKinds.has(method) || !isObject(params)) return undefined;
  const { cursor, _meta: meta, ...others } = params;
  if (!isObject(meta) || !isTextOrAbsent(cursor) || Object.keys(others).length > 0) return undefined;
  const {
    [`${metaPrefix}protocolVersion`]: revision,
    [`${metaPrefix}clientCapabilities`]: capabilities,
    baggage,
    ...rest
  } = meta;
  if (typeof revision !== "string" || !isObject(capabilities) || !isTextOrAbsent(baggage)) return undefined;
  if (Object.keys(rest).some((name) => !idleMeta.has(name))) return undefined;
  const sorted = renderSorted(capabilities, maxCapabilityDepth);
  if (sorted === undefined) return undefined;
  const key = JSON.stringify([method, cursor, revision, sorted, baggage]);
  return key.length <= maxKeyChars ? key : undefined;
}

function isTextOrAbsent(value: unknown): boolean {
  return typeof value === "string" || value === undefined;
}

/** JSON with the members of each object in order; undefined for what is too large, and numbers that parsers read differently. */
function renderSorted(value: unknown, maxDepth: number): string | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? String(value) : undefined;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const names = Object.keys(value);
  if (maxDepth === 0 || names.length > maxCapabilityMembers) return undefined;
  const isArray = Array.isArray(value);
  let inside = "";
  for (const name of isArray ? names : names.sort()) {
    const text = renderSorted((value as JsonObject)[name], maxDepth - 1);
    // Stops as soon as it cannot become a key any more.
    if (text === undefined || inside.length > maxKeyChars) return undefined;
    inside += `${inside === "" ? "" : ","}${isArray ? "" : `${JSON.stringify(name)}:`}${text}`;
  }
  return isArray ? `[${inside}]` : `{${inside}}`;
}
