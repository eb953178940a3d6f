/** Notifications of a server, judged: only about what the identity may see, and on a subscription only what it asked for. */
import type { Sight } from "../policy/sight.ts";
import { type Expectation, refuseTwins } from "./expectation.ts";
import { isObject, type JsonObject } from "./object.ts";
import { renameTask } from "./results.ts";
import { elementSpans, removeElements, setMember, valueSpan } from "./splice.ts";
import { listChanges, subscriptionKinds } from "./subscription.ts";
import { isVisible } from "./visible.ts";

const paramNames = new Set(["uri", "requestId", "taskId", "notifications"]);
const filterNames = new Set([...Object.keys(subscriptionKinds), "resourceSubscriptions", "taskIds"]);

/**
 * @param text the whole message
 * @param params its params, parsed
 * @returns the message as the client may have it; undefined when it may not
 * @throws Denial `upstream_malformed`, `client_request_denied`
 */
export function judgeNotification(
  method: string,
  params: unknown,
  text: string,
  expected: Expectation,
): string | undefined {
  const said = isObject(params) ? params : {};
  refuseTwins(said, paramNames);
  const change = listChanges.get(method);
  if (change !== undefined) return hearsOfLists(change, expected) ? text : undefined;
  switch (method) {
    case "notifications/resources/updated":
      return hearsOfResources(expected) && isVisible(expected.sight, "resource", said.uri) ? text : undefined;
    case "notifications/cancelled":
      return renameRequest(text, expected);
    case "notifications/tasks/status":
    case "notifications/tasks":
      return hearsOfTask(said, expected) ? renameTask(text, said, ["params"], expected) : undefined;
    case "notifications/subscriptions/acknowledged":
      return narrowAcknowledgment(text, said, expected);
    default:
      return text;
  }
}

function hearsOfLists(change: keyof typeof subscriptionKinds, { sight, filter }: Expectation): boolean {
  return sight.seesAny(subscriptionKinds[change]) && (filter === null || filter[change] === true);
}

function hearsOfResources({ filter }: Expectation): boolean {
  return filter === null || Array.isArray(filter.resourceSubscriptions);
}

function hearsOfTask({ taskId }: JsonObject, { handles, filter }: Expectation): boolean {
  const handle = typeof taskId === "string" ? handles.task(taskId) : undefined;
  if (handle === undefined || filter === null) return handle !== undefined;
  return Array.isArray(filter.taskIds) && filter.taskIds.includes(handle);
}

/** What a server cancels is a request of its own, which the client knows by another id (2025-11-25, Cancellation). */
function renameRequest(text: string, { handles, era }: Expectation): string | undefined {
  const span = valueSpan(text, ["params", "requestId"]);
  if (span === undefined || era === "modern") return undefined;
  return setMember(text, ["params", "requestId"], JSON.stringify(handles.request(text.slice(span.start, span.end))));
}

/** Tells of nothing that was not asked for, and of tasks by the ids they were asked for by. */
function narrowAcknowledgment(text: string, params: JsonObject, expected: Expectation): string {
  if (!isObject(params.notifications)) return text;
  const { sight, handles } = expected;
  refuseTwins(params.notifications, filterNames);
  const { resourceSubscriptions, taskIds } = params.notifications;
  const path = ["params", "notifications"];
  let told = text;
  for (const change of listChanges.values()) {
    if (!(change in params.notifications) || hearsOfLists(change, expected)) continue;
    told = setMember(told, [...path, change], "false");
  }
  const cut = cutUris(told, resourceSubscriptions, [...path, "resourceSubscriptions"], sight);
  if (taskIds === undefined) return cut;
  const known = Array.isArray(taskIds) ? taskIds.map((id) => handles.task(String(id))).filter(Boolean) : [];
  return setMember(cut, [...path, "taskIds"], JSON.stringify(known));
}

function cutUris(text: string, uris: unknown, path: readonly string[], sight: Sight): string {
  if (!Array.isArray(uris) || elementSpans(text, path) === undefined) return text;
  return removeElements(
    text,
    path,
    uris.map((uri) => isVisible(sight, "resource", uri)),
  );
}
