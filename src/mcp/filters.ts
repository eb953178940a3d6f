/**
 * Cuts out of results what the identity may not see, beyond the four lists and completions: resources inside prompts, and
 * what a server adds to the resource that was read.
 *
 * A filter takes the text of a JSON-RPC message and its parsed `result`, and gives the text back with cuts only: what stays
 * keeps its bytes, and where nothing is cut it is the very same string. A result without the member that is judged shows
 * nothing of its kind and passes, as one does that asks for input first (2026-07-28, Multi Round-Trip Requests).
 */
import { malformed, refuseTwins } from "./expectation.ts";
import { findKeyTwin } from "./json.ts";
import type { Target } from "./methods.ts";
import { isObject, type JsonObject } from "./object.ts";
import { editElements, removeElements } from "./splice.ts";
import { findTarget } from "./visible.ts";

/** Whether the identity may see a target whose name is in canonical form. */
export type IsVisible = (target: Target) => boolean;

/** What the identity may have of a resource. */
export interface Insight {
  /** Whether it may know that it is there. */
  readonly sees: IsVisible;
  /** Whether it may read it without proving more first. */
  readonly opens: IsVisible;
}

const messageNames = new Set(["messages"]);
const blockNames = new Set(["type", "content", "resource", "uri"]);
const contentNames = new Set(["contents"]);
const uriNames = new Set(["uri"]);
/** Content that names no resource (2025-11-25, Prompts, Data Types). */
const plainTypes: ReadonlySet<unknown> = new Set(["text", "image", "audio"]);

/**
 * Cuts resources that the identity may not read out of the answer to prompts/get (2025-11-25 and 2026-07-28, Prompts): the
 * message whose content embeds or links one, or only that block where the content is an array and others stay. A link names a resource as a
 * list does, so one stays that takes more to be read.
 *
 * What only resembles such a block is one: content without a known type is judged by its `resource` and `uri`, blocks inside
 * of blocks too, and what says that it is a resource but not which, or names it in a way that cannot be judged, is cut.
 *
 * @throws Denial `upstream_malformed`
 */
export function filterPrompt(text: string, result: JsonObject, insight: Insight): string {
  const verdicts = readElements(result, "messages", messageNames)?.map((message) => judgeMessage(message, insight));
  if (verdicts === undefined || verdicts.every((verdict) => verdict === true)) return text;
  return editElements(text, ["result", "messages"], verdicts, (source, verdict) => {
    if (typeof verdict === "boolean") return verdict ? source : undefined;
    return removeElements(source, ["content"], verdict);
  });
}

/** Whether a message stays, or which blocks of it do. */
function judgeMessage(message: unknown, insight: Insight): boolean | readonly boolean[] {
  if (!isObject(message) || !Array.isArray(message.content)) return isShown(message, insight);
  if (!isShownItself(message, insight)) return false;
  const keep = message.content.map((block) => isShown(block, insight));
  return keep.every(Boolean) || (keep.includes(true) && keep);
}

/** Takes a message, its content, or a block of that. */
function isShown(value: unknown, insight: Insight): boolean {
  if (Array.isArray(value)) return value.every((element) => isShown(element, insight));
  return !isObject(value) || (isShownItself(value, insight) && isShown(value.content, insight));
}

function isShownItself(block: JsonObject, { sees, opens }: Insight): boolean {
  if (findKeyTwin(block, blockNames) !== undefined) return false;
  const { type, resource, uri } = block;
  if (plainTypes.has(type)) return true;
  if (resource === undefined && uri === undefined) return typeof type !== "string" || !/^\s*resource/i.test(type);
  return (
    (resource === undefined || namesVisible(resource, opens)) &&
    (uri === undefined || namesTarget(uri, type === "resource_link" ? sees : opens))
  );
}

/**
 * Cuts out of the answer to resources/read what the identity may not read: a server may add resources of its own accord,
 * such as the files of a directory (2025-11-25, Resources, Reading Resources). An element that does not name a URI, which
 * it has to, is cut: it could be anything.
 *
 * @param asked the URI of the request, as the client wrote it; it has been judged already
 * @throws Denial `upstream_malformed`
 */
export function filterContents(text: string, result: JsonObject, asked: string, opens: IsVisible): string {
  const contents = readElements(result, "contents", contentNames);
  const keep = contents?.map((element) => namesVisible(element, opens, asked)) ?? [];
  return keep.every(Boolean) ? text : removeElements(text, ["result", "contents"], keep);
}

/** Whether what has a `uri`, as the contents of resources have, names one that may be read. */
function namesVisible(value: unknown, isVisible: IsVisible, asked?: string): boolean {
  if (!isObject(value) || findKeyTwin(value, uriNames) !== undefined) return false;
  return (asked !== undefined && value.uri === asked) || namesTarget(value.uri, isVisible);
}

function namesTarget(uri: unknown, isVisible: IsVisible): boolean {
  const target = findTarget("resource", uri);
  return target !== undefined && isVisible(target);
}

function readElements(result: JsonObject, member: string, names: ReadonlySet<string>): unknown[] | undefined {
  refuseTwins(result, names);
  const elements = result[member];
  if (elements !== undefined && !Array.isArray(elements)) throw malformed(`result.${member} is not an array`);
  return elements;
}
