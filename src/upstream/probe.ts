import { collectBytes } from "../bytes.ts";
import { eraOf, isRevision, statelessRevisions } from "../mcp/era.ts";
import { readJson } from "../mcp/json.ts";
import { isObject } from "../mcp/object.ts";
import { createStreamReader } from "../mcp/sse.ts";
import type { Answer } from "./dispatch.ts";
import type { Transport } from "./transport.ts";

/**
 * What a server was found to speak. `modern`: stateless revisions, the ones it named; whether it serves `initialize` as well
 * only an `initialize` can tell. `legacy`: none of them. `unknown`: it did not say anything that settles it.
 */
export type Finding =
  | { readonly era: "modern"; readonly supported: readonly string[] }
  | { readonly era: "legacy" }
  | { readonly era: "unknown" };

const unknown: Finding = { era: "unknown" };
const timeoutMs = 5_000;
const maxBytes = 262_144;
const [newest = "2026-07-28"] = statelessRevisions;
const id = "sallyport-probe";
/** Errors that only a server of the stateless revisions sends (2026-07-28, Base Protocol, Error Codes). */
const modernErrors = new Set([-32020, -32021, -32022]);
/** About who asks or how often, hence no sign of an age. */
const aboutCaller = new Set([401, 403, 407, 408, 429]);

/**
 * Asks a server what it speaks, with the request that every stateless server must serve and no other knows (2026-07-28,
 * Discovery; Versioning, Backward Compatibility). It begins nothing, and changes nothing at the server.
 *
 * @param headers credentials and static headers of the server
 * @throws never: a server that cannot be reached is `unknown`
 */
export async function probe(transport: Transport, headers: Readonly<Record<string, string>>): Promise<Finding> {
  try {
    const answer = await transport.send({
      kind: "request",
      id,
      method: "server/discover",
      endless: false,
      headers: {
        ...headers,
        accept: "application/json, text/event-stream",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "mcp-protocol-version": newest,
        "mcp-method": "server/discover",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id, method: "server/discover", params: { _meta: describeClient() } }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    try {
      return readFinding(answer.statusCode, await readAnswer(answer));
    } finally {
      answer.body.destroy();
    }
  } catch {
    return unknown;
  }
}

function describeClient(): Record<string, unknown> {
  return {
    "io.modelcontextprotocol/protocolVersion": newest,
    "io.modelcontextprotocol/clientInfo": { name: "sallyport", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
}

/** The first JSON-RPC answer in the body, whichever way it is sent; undefined where there is none. */
async function readAnswer({ headers, body }: Answer): Promise<unknown> {
  const isStream = headers["content-type"]?.startsWith("text/event-stream") === true;
  const reader = createStreamReader(maxBytes);
  const collected = collectBytes(maxBytes);
  for await (const chunk of body) {
    if (!collected.add(chunk)) return undefined;
    const answered = isStream ? reader.push(chunk).find(({ data }) => isAnswer(parse(data ?? ""))) : undefined;
    if (answered !== undefined) return parse(answered.data ?? "");
  }
  return isStream ? undefined : parse(collected.bytes());
}

function parse(source: string | Uint8Array): unknown {
  try {
    return readJson(source, { maxDepth: 64, loneSurrogates: "pass" }).value;
  } catch {
    return undefined;
  }
}

function readFinding(status: number, message: unknown): Finding {
  if (status >= 500 || aboutCaller.has(status)) return unknown;
  if (!isAnswer(message)) return status >= 400 ? { era: "legacy" } : unknown;
  const { result, error } = message;
  if (isObject(error)) {
    const supported = isObject(error.data) ? readVersions(error.data.supported) : [];
    if (supported.some(isStateless)) return { era: "modern", supported };
    // A list without a stateless revision says the opposite of what the code alone would.
    if (modernErrors.has(Number(error.code)) && supported.length === 0) return { era: "modern", supported: [] };
    return { era: "legacy" };
  }
  const supported = isObject(result) ? readVersions(result.supportedVersions) : [];
  return supported.some(isStateless) ? { era: "modern", supported } : { era: "legacy" };
}

function readVersions(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((version) => typeof version === "string").slice(0, 16) : [];
}

/** Revisions are dates, so later ones than this gateway knows are stateless too. */
function isStateless(version: string): boolean {
  return isRevision(version) ? eraOf(version) === "modern" : /^\d{4}-\d\d-\d\d$/.test(version) && version > newest;
}

function isAnswer(message: unknown): message is Record<string, unknown> {
  if (!isObject(message) || message.jsonrpc !== "2.0") return false;
  const about = message.id === id || (message.id ?? null) === null;
  return about && (Object.hasOwn(message, "result") || Object.hasOwn(message, "error"));
}
