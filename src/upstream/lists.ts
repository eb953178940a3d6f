/**
 * What the gateway keeps of one server's lists: which parameters its tools want mirrored, and answers that are the same for
 * everybody (MCP 2026-07-28, Caching). The server fills it with what it sends and clients with what they ask for, so all of
 * it is bounded, and losing any of it costs a question to the server, nothing else.
 */

import { type Mirror, readMirrors } from "../mcp/mirrors.ts";
import { isObject } from "../mcp/object.ts";
import { annotationsIn } from "../mcp/visible.ts";
import type { Annotations } from "../policy/sight.ts";
import { createRecent } from "./recent.ts";

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
   * @param key from cache-key.ts, for the request that was answered
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
  const tools = createRecent<Definition>(limits.maxTools, limits.maxChars);
  const answers = createRecent<KeptList>(limits.maxAnswers, limits.maxChars);
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
