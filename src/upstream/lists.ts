/**
 * What the gateway keeps of one server's lists: which parameters its tools want mirrored, and answers that are the same for
 * everybody (MCP 2026-07-28, Caching). The server fills it with what it sends and clients with what they ask for, so all of
 * it is bounded, and losing any of it costs a question to the server, nothing else.
 */

import { type Mirror, readMirrors } from "../mcp/mirrors.ts";
import { isObject, type JsonObject } from "../mcp/object.ts";
import { annotationsIn } from "../mcp/visible.ts";
import type { Annotations } from "../policy/sight.ts";

/** What a `list_changed` is about. */
export type ListKind = "tools" | "prompts" | "resources";

/** The lists, and whose `list_changed` ends what is kept of them. */
export const listKinds: ReadonlyMap<string, ListKind> = new Map([
  ["tools/list", "tools"],
  ["prompts/list", "prompts"],
  ["resources/list", "resources"],
  ["resources/templates/list", "resources"],
]);

/** Taken before a list is asked for; of no use any more once the list has changed. */
export interface Ticket {
  readonly kind: ListKind;
}

/** How an answer may be kept, as the server says it: unchecked members of its result. */
export interface CacheHints {
  readonly ttlMs: unknown;
  readonly cacheScope: unknown;
}

/** An answer that may be served again. */
export interface KeptAnswer {
  /** With the id of the request that it answered. */
  readonly text: string;
  /** How much longer it is fresh: what its `ttlMs` has to say by now. A whole number, at least 1, if the clock's are. */
  readonly leftMs: number;
}

/** What is remembered of one server's lists. Times are milliseconds of one clock. */
export interface ListMemory {
  /** Take the ticket before the request leaves: an answer may be older than a change that overtakes it. */
  begin(kind: ListKind): Ticket;
  /**
   * Remembers the definitions in the result of a `tools/list`. What was heard last counts, whoever asked.
   *
   * @param listResult the result as the server sent it, unfiltered; what has not its shape is passed over
   */
  learnTools(ticket: Ticket, listResult: unknown, nowMs: number): void;
  /** The same of a list of all tools: what was said of others before is unknown again. */
  learnAllTools(ticket: Ticket, listResult: unknown, nowMs: number): void;
  /** Undefined for a tool that is not known or whose definition is invalid: the server judges its calls itself. */
  mirrorsOf(tool: string): readonly Mirror[] | undefined;
  /** What the server says of a tool beside its name; undefined where it has not said so for a while. */
  annotationsOf(tool: string, nowMs: number): Annotations | undefined;
  /**
   * Keeps a list's answer if the server lets everybody have it (`cacheScope` is `public`) for a while (`ttlMs`). In any
   * case it replaces what was kept under that key.
   *
   * @param key from {@link cacheKey}, for the request that was answered
   * @param text the answer as the server sent it, unfiltered; of a complete result only
   */
  keep(ticket: Ticket, key: string, text: string, hints: CacheHints, nowMs: number): void;
  /** The answer kept under the key, as long as it is fresh. */
  find(key: string, nowMs: number): KeptAnswer | undefined;
  /**
   * The list may have changed: its answers are not served again. Definitions stay, and tickets stay good, or whoever sends
   * calls that do not fit could keep the gateway from learning what does.
   */
  renew(kind: ListKind): void;
  /** The list has changed: everything known of it is void, and what was asked for before will not be believed. */
  forget(kind: ListKind): void;
}

/** How much is remembered of one server. */
export interface ListLimits {
  readonly maxTools: number;
  readonly maxAnswers: number;
  /** Characters of all kept answers with their keys, and again of all definitions. */
  readonly maxChars: number;
  /** Longest time that an answer is kept, whatever the server says. */
  readonly maxTtlMs: number;
}

const defaults: ListLimits = { maxTools: 10_000, maxAnswers: 64, maxChars: 4_194_304, maxTtlMs: 3_600_000 };
const maxToolNameChars = 256;
/** A server that was replaced need not say so, and calls are allowed by its annotations. */
const annotationsForMs = 300_000;

/** Makes the memory for one server. When it is full, what nobody used for longest goes first. */
export function createListMemory(limits: ListLimits = defaults): ListMemory {
  const tools = createShelf<Definition>(limits.maxTools, limits.maxChars);
  const answers = createShelf<KeptList>(limits.maxAnswers, limits.maxChars);
  const tickets = {
    tools: { kind: "tools" },
    prompts: { kind: "prompts" },
    resources: { kind: "resources" },
  } as Record<ListKind, Ticket>;
  const isCurrent = (ticket: Ticket) => tickets[ticket.kind] === ticket;
  const renew = (kind: ListKind) => answers.removeWhere((answer) => answer.kind === kind);
  /** Answers that were learned from, and how many of them came before the last list of all tools. */
  let heard = 0;
  let outdated = 0;
  const learnTools: ListMemory["learnTools"] = (ticket, listResult, nowMs) => {
    if (!isCurrent(ticket)) return;
    heard += 1;
    for (const { name, inputSchema, annotations } of readTools(listResult)) {
      const said = { mirrors: readMirrors(inputSchema), annotations };
      tools.put(name, { ...said, heard, heardAtMs: nowMs }, name.length + JSON.stringify(said).length);
    }
  };
  return {
    begin: (kind) => tickets[kind],
    learnTools,
    learnAllTools(ticket, listResult, nowMs) {
      if (isCurrent(ticket)) outdated = heard;
      learnTools(ticket, listResult, nowMs);
    },
    mirrorsOf: (tool) => tools.use(tool)?.mirrors,
    annotationsOf(tool, nowMs) {
      const known = tools.use(tool);
      if (known === undefined || known.heard <= outdated) return undefined;
      return isFresh({ keptAtMs: known.heardAtMs, expiresAtMs: known.heardAtMs + annotationsForMs }, nowMs)
        ? known.annotations
        : undefined;
    },
    keep(ticket, key, text, hints, nowMs) {
      if (!isCurrent(ticket)) return;
      answers.remove(key);
      const ttlMs = readTtl(hints, limits.maxTtlMs);
      if (ttlMs <= 0) return;
      answers.removeWhere((answer) => !isFresh(answer, nowMs));
      const { kind } = ticket;
      answers.put(key, { kind, text, keptAtMs: nowMs, expiresAtMs: nowMs + ttlMs }, key.length + text.length);
    },
    find(key, nowMs) {
      const answer = answers.use(key);
      if (answer === undefined || !isFresh(answer, nowMs)) return undefined;
      return { text: answer.text, leftMs: answer.expiresAtMs - nowMs };
    },
    renew,
    forget(kind) {
      tickets[kind] = { kind };
      renew(kind);
      if (kind === "tools") tools.removeWhere(() => true);
    },
  };
}

interface KeptList {
  readonly kind: ListKind;
  readonly text: string;
  readonly keptAtMs: number;
  readonly expiresAtMs: number;
}

/** A clock that was set back must not make an answer last longer. */
function isFresh({ keptAtMs, expiresAtMs }: Pick<KeptList, "keptAtMs" | "expiresAtMs">, nowMs: number): boolean {
  return keptAtMs <= nowMs && nowMs < expiresAtMs;
}

/** 0 or less for what may not be kept. */
function readTtl({ ttlMs, cacheScope }: CacheHints, maxTtlMs: number): number {
  if (cacheScope !== "public" || typeof ttlMs !== "number" || !Number.isFinite(ttlMs)) return 0;
  return Math.min(Math.floor(ttlMs), maxTtlMs);
}

/** What is remembered of one tool. */
interface Definition {
  readonly mirrors: readonly Mirror[] | undefined;
  readonly annotations: Annotations;
  /** Of which answer, counted from the first. */
  readonly heard: number;
  readonly heardAtMs: number;
}

function* readTools(listResult: unknown): Generator<{ name: string; inputSchema: unknown; annotations: Annotations }> {
  const tools = isObject(listResult) ? listResult.tools : undefined;
  if (!Array.isArray(tools)) return;
  for (const tool of tools) {
    if (!isObject(tool) || typeof tool.name !== "string" || tool.name.length > maxToolNameChars) continue;
    yield { name: tool.name, inputSchema: tool.inputSchema, annotations: annotationsIn(tool) };
  }
}

/** Values by name, bounded in number and characters. */
interface Shelf<Value> {
  use(key: string): Value | undefined;
  put(key: string, value: Value, chars: number): void;
  remove(key: string): void;
  removeWhere(test: (value: Value) => boolean): void;
}

function createShelf<Value>(maxEntries: number, maxChars: number): Shelf<Value> {
  // A Map keeps the order of insertion, and a use inserts anew: what was not used for longest stands first.
  const entries = new Map<string, { value: Value; chars: number }>();
  let totalChars = 0;
  const remove = (key: string) => {
    totalChars -= entries.get(key)?.chars ?? 0;
    entries.delete(key);
  };
  return {
    use(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    put(key, value, chars) {
      remove(key);
      // One that is too large for the shelf would clear it, and then not fit either.
      if (chars > maxChars) return;
      entries.set(key, { value, chars });
      totalChars += chars;
      for (const oldest of entries.keys()) {
        if (entries.size <= maxEntries && totalChars <= maxChars) return;
        remove(oldest);
      }
    },
    remove,
    removeWhere(test) {
      for (const [key, { value }] of entries) if (test(value)) remove(key);
    },
  };
}

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
