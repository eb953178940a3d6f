import { Denial } from "../denial.ts";
import { legacyRevisions, type Revision, statelessRevisions } from "../mcp/era.ts";
import { requestMethods } from "../mcp/methods.ts";
import { isObject, type JsonObject } from "../mcp/object.ts";
import { inquire, ownClient, type Reported } from "./inquiry.ts";
import type { Upstream } from "./upstream.ts";

/** A list of a server: `tools/list` and so on. */
export type ListMethod = "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list";

/** What a server shows the gateway itself. */
export type Survey = ReadonlyMap<ListMethod, readonly JsonObject[]>;

/** How long a survey may take, and how much it may read. */
export interface SurveyLimits {
  /** For one question. */
  readonly timeoutMs: number;
  /** For all of them; whoever waits for the survey holds a place. */
  readonly deadlineMs: number;
  /** Of one answer. */
  readonly maxBytes: number;
  /** Of all answers. */
  readonly maxTotalBytes: number;
  readonly maxElements: number;
}

const defaults: SurveyLimits = {
  timeoutMs: 5_000,
  deadlineMs: 10_000,
  maxBytes: 8_388_608,
  maxTotalBytes: 16_777_216,
  maxElements: 10_000,
};
/** For the end of the session, which comes after the deadline. */
const endTimeoutMs = 2_000;
/** A server that always has one more page would never be through. */
const maxPages = 100;
const id = "sallyport-survey";
const [newest = "2026-07-28"] = statelessRevisions;
const [newestLegacy = "2025-11-25"] = legacyRevisions as readonly Revision[];

/**
 * Reads lists of a server from the first page to the last, with the gateway's own credentials. Where there are sessions it begins one,
 * and ends it, whatever came of it. All of it has one deadline, and one bound on what is read.
 *
 * @returns an empty list for what the server does not offer
 * @throws Error with a sentence for an operator, when it cannot be reached or answers otherwise than it should
 */
export async function survey(
  server: Pick<Upstream, "own" | "headers" | "era">,
  methods: readonly ListMethod[],
  limits: SurveyLimits = defaults,
): Promise<Survey> {
  const deadline = AbortSignal.timeout(limits.deadlineMs);
  const { era } = await server.era.find();
  const course: Course = {
    server,
    limits,
    deadline,
    revision: undefined,
    sessionId: undefined,
    leftBytes: limits.maxTotalBytes,
    leftElements: limits.maxElements,
  };
  try {
    if (era === "modern") course.revision = newest;
    else await begin(course);
    const lists = new Map<ListMethod, readonly JsonObject[]>();
    for (const method of methods) lists.set(method, await readList(course, method));
    return lists;
  } finally {
    await end(course);
  }
}

/** How far a survey is: what it has found out of how to speak to the server, and how much it may still read. */
interface Course {
  readonly server: Parameters<typeof survey>[0];
  readonly limits: SurveyLimits;
  readonly deadline: AbortSignal;
  revision: Revision | undefined;
  sessionId: string | undefined;
  leftBytes: number;
  leftElements: number;
}

async function begin(course: Course): Promise<void> {
  const { server, limits, deadline } = course;
  const params = { protocolVersion: newestLegacy, capabilities: {}, clientInfo: ownClient };
  const { protocolVersion } = resultOf("initialize", await ask(course, "initialize", params)) ?? {};
  const revision = legacyRevisions.find((known) => known === protocolVersion);
  if (revision === undefined) throw new Error("it did not agree to a revision of MCP that is known here");
  course.revision = revision as Revision;
  const sent = server.own.send({
    kind: "notification",
    id: null,
    method: null,
    endless: false,
    headers: {
      ...server.headers,
      ...sessionHeaders(course),
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
    },
    body: JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }),
    signal: AbortSignal.any([AbortSignal.timeout(limits.timeoutMs), deadline]),
  });
  const answer = await sent.catch(() => {
    throw new Error("notifications/initialized: it cannot be reached");
  });
  answer.body.destroy();
}

function sessionHeaders({ revision, sessionId }: Course): Record<string, string> {
  return {
    ...(revision !== undefined && { "mcp-protocol-version": revision }),
    ...(sessionId !== undefined && { "mcp-session-id": sessionId }),
  };
}

/** A server need not let a client end a session (2025-11-25, Session Management); then it ends by itself. */
async function end(course: Course): Promise<void> {
  if (course.sessionId === undefined) return;
  const { own, headers } = course.server;
  const outgoing = { kind: "end", id: null, method: null, endless: false, body: null } as const;
  const all = { ...headers, ...sessionHeaders(course) };
  await own.send({ ...outgoing, headers: all, signal: AbortSignal.timeout(endTimeoutMs) }).then(
    ({ body }) => body.destroy(),
    () => {},
  );
}

async function readList(course: Course, method: ListMethod): Promise<readonly JsonObject[]> {
  const member = requestMethods.get(method)?.list?.member ?? "";
  const elements: JsonObject[] = [];
  let cursor: unknown;
  for (let page = 0; page < maxPages; page++) {
    const result = resultOf(method, await ask(course, method, cursor === undefined ? {} : { cursor }));
    if (result === undefined) return [];
    const found = result[member];
    if (!Array.isArray(found)) throw new Error(`its answer to ${method} has no ${member}`);
    course.leftElements -= found.length;
    if (course.leftElements < 0) throw new Error(`it lists more than ${course.limits.maxElements} things`);
    for (const element of found) if (isObject(element)) elements.push(element);
    cursor = result.nextCursor;
    if (typeof cursor !== "string") return elements;
  }
  throw new Error(`its answer to ${method} has more than ${maxPages} pages`);
}

async function ask(course: Course, method: string, params: JsonObject): Promise<Reported> {
  const { server, limits, deadline, revision = newestLegacy, sessionId, leftBytes } = course;
  if (leftBytes <= 0) throw new Error(`${method}: it has sent more than ${limits.maxTotalBytes} bytes`);
  const onSession = (given: string) => {
    course.sessionId = given;
  };
  const bounds = { maxBytes: Math.min(limits.maxBytes, leftBytes), timeoutMs: limits.timeoutMs, signal: deadline };
  const question = { id, method, params, revision, sessionId, ...bounds, onSession };
  const reported = await inquire(server.own, server.headers, question).catch((cause: unknown) => {
    const reason = cause instanceof Denial ? cause.message : "it cannot be reached";
    throw new Error(`${method}: ${deadline.aborted ? "its lists take too long" : reason}`);
  });
  course.leftBytes -= reported.bytes;
  return reported;
}

const methodNotFound = -32_601;

/** Undefined where the server does not know the method. */
function resultOf(method: string, { status, message }: Pick<Reported, "status" | "message">): JsonObject | undefined {
  if (isObject(message?.error) && message.error.code === methodNotFound) return undefined;
  if (isObject(message?.result)) return message.result;
  throw new Error(`${method}: it answered with status ${status} and no result`);
}
