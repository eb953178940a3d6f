import { legacyRevisions, type Revision, statelessRevisions } from "../mcp/era.ts";
import { requestMethods } from "../mcp/methods.ts";
import { isObject, type JsonObject } from "../mcp/object.ts";
import { type Inquiry, inquire, ownClient, type Reported } from "./inquiry.ts";
import type { Upstream } from "./upstream.ts";

/** A list of a server: `tools/list` and so on. */
export type ListMethod = "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list";

/** What a server shows the gateway itself. */
export type Survey = ReadonlyMap<ListMethod, readonly JsonObject[]>;

const timeoutMs = 5_000;
const maxBytes = 8_388_608;
/** A server that always has one more page would never be through. */
const maxPages = 100;
const id = "sallyport-survey";
const [newest = "2026-07-28"] = statelessRevisions;
const [newestLegacy = "2025-11-25"] = legacyRevisions as readonly Revision[];

/**
 * Reads lists of a server from the first page to the last, with the gateway's own credentials. Where there are sessions it begins one,
 * and ends it.
 *
 * @returns an empty list for what the server does not offer
 * @throws Error with a sentence for an operator, when it cannot be reached or answers otherwise than it should
 */
export async function survey(
  server: Pick<Upstream, "transport" | "headers" | "age">,
  methods: readonly ListMethod[],
): Promise<Survey> {
  const { era } = await server.age.find();
  const visit = era === "modern" ? { revision: newest, sessionId: undefined } : await begin(server);
  try {
    const lists = new Map<ListMethod, readonly JsonObject[]>();
    for (const method of methods) lists.set(method, await readList(server, method, visit));
    return lists;
  } finally {
    if (visit.sessionId !== undefined) await end(server, visit.sessionId);
  }
}

type Server = Parameters<typeof survey>[0];
type Visit = Pick<Inquiry, "revision" | "sessionId">;

async function begin(server: Server): Promise<Visit> {
  const params = { protocolVersion: newestLegacy, capabilities: {}, clientInfo: ownClient };
  const { sessionId, ...said } = await ask(server, "initialize", params, { revision: newestLegacy });
  const { protocolVersion } = resultOf("initialize", said) ?? {};
  const revision = legacyRevisions.find((known) => known === protocolVersion);
  if (revision === undefined) throw new Error("it did not agree to a revision of MCP that is known here");
  const visit = { revision: revision as Revision, sessionId };
  const answer = await server.transport.send({
    kind: "notification",
    id: null,
    method: null,
    endless: false,
    headers: {
      ...server.headers,
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      "mcp-protocol-version": revision,
      ...(sessionId !== undefined && { "mcp-session-id": sessionId }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  answer.body.destroy();
  return visit;
}

/** A server need not let a client end a session (2025-11-25, Session Management); then it ends by itself. */
async function end({ transport, headers }: Server, sessionId: string): Promise<void> {
  const outgoing = { kind: "end", id: null, method: null, endless: false, body: null } as const;
  const own = { ...headers, "mcp-session-id": sessionId };
  await transport.send({ ...outgoing, headers: own, signal: AbortSignal.timeout(timeoutMs) }).then(
    ({ body }) => body.destroy(),
    () => {},
  );
}

async function readList(server: Server, method: ListMethod, visit: Visit): Promise<readonly JsonObject[]> {
  const member = requestMethods.get(method)?.list?.member ?? "";
  const elements: JsonObject[] = [];
  let cursor: unknown;
  for (let page = 0; page < maxPages; page++) {
    const result = resultOf(method, await ask(server, method, cursor === undefined ? {} : { cursor }, visit));
    if (result === undefined) return [];
    const found = result[member];
    if (!Array.isArray(found)) throw new Error(`its answer to ${method} has no ${member}`);
    elements.push(...found.filter(isObject));
    cursor = result.nextCursor;
    if (typeof cursor !== "string") return elements;
  }
  throw new Error(`its answer to ${method} has more than ${maxPages} pages`);
}

async function ask(
  { transport, headers }: Server,
  method: string,
  params: JsonObject,
  visit: Visit,
): Promise<Reported> {
  try {
    return await inquire(transport, headers, { id, method, params, ...visit, maxBytes, timeoutMs });
  } catch {
    throw new Error(`${method}: it cannot be reached`);
  }
}

const methodNotFound = -32_601;

/** Undefined where the server does not know the method. */
function resultOf(method: string, { status, message }: Pick<Reported, "status" | "message">): JsonObject | undefined {
  if (isObject(message?.error) && message.error.code === methodNotFound) return undefined;
  if (isObject(message?.result)) return message.result;
  throw new Error(`${method}: it answered with status ${status} and no result`);
}
