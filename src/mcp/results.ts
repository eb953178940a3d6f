/** Results, judged: what the identity may not see is cut out, and what it may hand back later goes out as a handle. */
import { Denial } from "../denial.ts";
import type { Pending } from "../facts.ts";
import { filterCompletion } from "./completion.ts";
import { type Expectation, malformed, mayAsk, refuseTwins } from "./expectation.ts";
import { filterContents, filterPrompt } from "./filters.ts";
import { findKeyTwin } from "./json.ts";
import { type ListShape, requestMethods, type Target } from "./methods.ts";
import { isObject, type JsonObject } from "./object.ts";
import { editElements, removeElements, setMember } from "./splice.ts";
import { annotationsIn, isVisible } from "./visible.ts";

const resultNames = new Set([
  ...["tools", "prompts", "resources", "resourceTemplates", "nextCursor", "cacheScope"],
  ...["resultType", "inputRequests", "requestState", "task", "tasks", "taskId", "status"],
]);
const elementNames = new Set(["name", "uri", "uriTemplate"]);
const taskNames = new Set(["taskId", "status", "inputRequests"]);
/** What is judged, or kept from others, in the results of one method. */
const judgedMembers = [
  ...[...requestMethods.values()].flatMap(({ list }) => list?.member ?? []),
  ...["contents", "messages", "completion", "tasks"],
];
/** Members of which the result of a method that is no list has one, beside whatever else its server puts there. */
const ownMembers: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ["initialize", ["protocolVersion"]],
  ["server/discover", ["supportedVersions"]],
  ["tools/call", ["content", "structuredContent", "toolResult"]],
  ["prompts/get", ["messages"]],
  ["resources/read", ["contents"]],
  ["completion/complete", ["completion"]],
  ["tasks/get", ["taskId"]],
  ["tasks/update", ["taskId"]],
  ["tasks/cancel", ["taskId"]],
  ["tasks/result", ["content", "structuredContent", "toolResult"]],
  ["tasks/list", ["tasks"]],
]);

/**
 * The message as the client may have it.
 *
 * @param text the whole message
 * @param result its result, parsed
 * @throws Denial `upstream_malformed`, `client_request_denied`
 */
export function judgeResult(text: string, result: JsonObject, pending: Pending, expected: Expectation): string {
  refuseTwins(result, resultNames);
  refuseOthers(result, pending.method);
  const judged = expected.era === "modern" ? judgeType(text, result, pending, expected) : text;
  // What the result says of its type does not change what it may show.
  const list = requestMethods.get(pending.method)?.list;
  if (list !== undefined) return filterList(judged, result, list, pending, expected);
  switch (pending.method) {
    case "tools/call":
      return expected.era === "modern"
        ? judged
        : renameBegun(judged, result.task, ["result", "task"], pending, expected);
    case "tasks/list":
      return filterTasks(judged, result, expected);
    case "tasks/get":
    case "tasks/cancel":
    case "tasks/update":
      return renameTask(judged, result, ["result"], expected);
    default:
      return filterOthers(judged, result, pending, expected);
  }
}

/**
 * A client that has two requests of one id on their way in a session gets the answer to the one on the stream of the other: servers find
 * streams by the id. The list that was asked for would come as the result of a call, in which nothing is cut.
 */
function refuseOthers(result: JsonObject, method: string): void {
  const list = requestMethods.get(method)?.list;
  const own = list === undefined ? ownMembers.get(method) : [list.member];
  if (own?.some((member) => Object.hasOwn(result, member))) return;
  const member = judgedMembers.find((name) => Object.hasOwn(result, name));
  if (member !== undefined) throw malformed(`result.${member} in the answer to ${method}`);
}

/** Results that are not the end of their request (2026-07-28, Base Protocol, Result Types). */
function judgeType(text: string, result: JsonObject, pending: Pending, expected: Expectation): string {
  // Whatever a result calls itself, clients may act on what it asks for.
  checkInputRequests(result, expected);
  if (result.resultType === "input_required") return judgeRound(text, result, pending, expected);
  if (result.resultType !== "task") return text;
  // A client would later be shown the result of a method that nothing here filters (the tasks extension, Supported Methods).
  if (pending.method !== "tools/call") throw malformed(`a task instead of the result of ${pending.method}`);
  return renameBegun(text, result, ["result"], pending, expected);
}

/** The methods by which a result asks the client for input; all of them were allowed when it was judged. */
export function inputMethods({ inputRequests }: Readonly<JsonObject>): readonly string[] {
  return isObject(inputRequests) ? Object.values(inputRequests).map((request) => methodOf(request)) : [];
}

function methodOf(request: unknown): string {
  return isObject(request) ? String(request.method) : "";
}

/** Results in which more is named than was asked for. */
function filterOthers(text: string, result: JsonObject, { method, about }: Pending, expected: Expectation): string {
  const sees = (target: Target) => expected.sight.sees(target);
  const opens = (target: Target) => expected.sight.opens(target);
  if (about !== null && "completion" in about) return filterCompletion(text, result, about.completion, sees);
  // To whoever may read everything nothing is hidden, whatever it calls itself: servers write URIs with spaces, or relative ones.
  const readsAll = expected.sight.seesAll("resource");
  if (method === "prompts/get") return readsAll ? text : filterPrompt(text, result, { sees, opens });
  if (about === null || method !== "resources/read") return text;
  const cut = readsAll ? text : filterContents(text, result, about.uri, opens);
  // Who may read it depends on who asks, so what one may have must not be kept for another (2026-07-28, Caching).
  return result.cacheScope === undefined ? cut : setMember(cut, ["result", "cacheScope"], '"private"');
}

/**
 * A task in full, as `tasks/get` and notifications show it: named as the client knows it, asking only what may be asked.
 *
 * @param path where the task stands in the text
 * @throws Denial `upstream_malformed` for a task of somebody else
 */
export function renameTask(text: string, task: JsonObject, path: readonly string[], expected: Expectation): string {
  refuseTwins(task, taskNames);
  checkInputRequests(task, expected);
  if (task.taskId === undefined) return text;
  const handle = typeof task.taskId === "string" ? expected.handles.task(task.taskId) : undefined;
  if (handle === undefined) throw malformed("a task of somebody else");
  return setMember(text, [...path, "taskId"], JSON.stringify(handle));
}

/** A call may answer with a task instead of a result (2025-11-25, Creating Tasks; the tasks extension, Task Creation). */
function renameBegun(
  text: string,
  task: unknown,
  path: readonly string[],
  pending: Pending,
  { handles }: Expectation,
): string {
  // Results may have members of any name; what has no id is no task.
  if (!isObject(task) || task.taskId === undefined) return text;
  if (typeof task.taskId !== "string") throw malformed("a task whose id is no string");
  refuseTwins(task, taskNames);
  return setMember(text, [...path, "taskId"], JSON.stringify(handles.begin(pending, task.taskId)));
}

/** A server behind a gateway lists the tasks of everybody, since to it there is only one client. */
function filterTasks(text: string, result: JsonObject, { handles }: Expectation): string {
  const { tasks } = result;
  if (!Array.isArray(tasks)) throw malformed("result.tasks is not an array");
  const known = tasks.map((task: unknown) => {
    if (!isObject(task) || typeof task.taskId !== "string") return undefined;
    refuseTwins(task, taskNames);
    return handles.task(task.taskId);
  });
  const own = editElements(text, ["result", "tasks"], known, (source, handle) =>
    handle === undefined ? undefined : setMember(source, ["taskId"], JSON.stringify(handle)),
  );
  return sealNext(own, result, (cursor) => handles.cursor("tasks/list", cursor));
}

/**
 * Cuts out of a list what the identity could not call. Everything else keeps its bytes: unknown members, the spelling of
 * numbers, the order of members. A list that depends on who asks must not be kept for another (2026-07-28, Caching), even
 * when this one lost nothing.
 */
function filterList(
  text: string,
  result: JsonObject,
  list: ListShape,
  pending: Pending,
  { era, sight, handles }: Expectation,
): string {
  const elements = result[list.member];
  if (!Array.isArray(elements)) throw malformed(`result.${list.member} is not an array`);
  const keep = elements.map(
    (element) =>
      isObject(element) &&
      findKeyTwin(element, elementNames) === undefined &&
      isVisible(sight, list.kind, element[list.key], annotationsIn(element)),
  );
  const cut = keep.every(Boolean) ? text : removeElements(text, ["result", list.member], keep);
  const marked = era === "modern" ? setMember(cut, ["result", "cacheScope"], '"private"') : cut;
  if (sight.seesAll(list.kind)) return marked;
  return sealNext(marked, result, (cursor) => handles.cursor(pending.method, cursor));
}

/** The place where a filtered list goes on may be the name of something hidden. */
function sealNext(text: string, { nextCursor }: JsonObject, seal: (cursor: string) => string): string {
  if (nextCursor === undefined || nextCursor === null) return text;
  if (typeof nextCursor !== "string") throw malformed("nextCursor is not a string");
  return setMember(text, ["result", "nextCursor"], JSON.stringify(seal(nextCursor)));
}

/** In the stateless revision requests to the client travel inside a result (2026-07-28, Multi Round-Trip Requests). */
function judgeRound(text: string, result: JsonObject, pending: Pending, expected: Expectation): string {
  const { requestState } = result;
  if (requestState === undefined) return text;
  if (typeof requestState !== "string") throw malformed("requestState is not a string");
  return setMember(text, ["result", "requestState"], JSON.stringify(expected.handles.state(pending, requestState)));
}

function checkInputRequests({ inputRequests = {} }: JsonObject, expected: Expectation): void {
  if (!isObject(inputRequests)) throw malformed("inputRequests is not an object");
  for (const request of Object.values(inputRequests)) {
    const method = methodOf(request);
    if (!mayAsk(method, expected)) throw new Denial("client_request_denied", { detail: `inputRequests: ${method}` });
  }
}
