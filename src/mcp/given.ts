/** What a message of the client hands back that a server once gave out, still in the form the client knows it by. */

import { Denial } from "../denial.ts";
import type { Era } from "./era.ts";
import { findKeyTwin } from "./json.ts";
import type { MethodRule } from "./methods.ts";
import { isObject, type JsonObject } from "./object.ts";

/** Handles of a message; null where it has none. */
export interface Given {
  /** Of a list (Server Utilities, Pagination). */
  readonly cursor: string | null;
  /** Of a multi-round request (2026-07-28, Multi Round-Trip Requests). */
  readonly state: string | null;
  /** What a `tasks/…` request is about. */
  readonly task: string | null;
  /** Tasks that a subscription asks to hear of (the tasks extension, Task Status Notifications). */
  readonly tasks: readonly string[];
  /** The task that a message says it belongs to, and where it says so (2025-11-25, Associating Task-Related Messages). */
  readonly related: { readonly path: readonly string[]; readonly task: string } | null;
}

export const nothingGiven: Given = { cursor: null, state: null, task: null, tasks: [], related: null };

/** Key in `_meta` of whatever belongs to a task. */
export const relatedTaskKey = "io.modelcontextprotocol/related-task";

const maxTasks = 256;
const relatedNames = new Set(["taskId"]);

/**
 * Reads what a request hands back.
 *
 * @throws Denial `params_invalid`, `json_key_twin`
 */
export function readGiven(rule: MethodRule, era: Era, params: JsonObject): Given {
  return {
    cursor: rule.list === undefined && rule.pages === undefined ? null : readCursor(params),
    state: era === "modern" ? readText(params, "requestState") : null,
    task: rule.names === "task" ? readTaskId(params) : null,
    tasks: rule.names === "subscriptions" ? readTasks(params.notifications) : [],
    related: readRelated(params, ["params"]),
  };
}

/** What a notification (`params`) or an answer (`result`) hands back. */
export function readRelatedOnly(envelope: JsonObject, member: "params" | "result"): Given {
  return { ...nothingGiven, related: readRelated(envelope[member], [member]) };
}

function readText(params: JsonObject, member: string): string | null {
  const value = params[member];
  if (value === undefined) return null;
  if (typeof value !== "string") throw new Denial("params_invalid", { detail: `${member} is not a string` });
  return value;
}

/** Some clients write null for none; what counts is "whether a non-null value was provided" (2026-07-28, Pagination). */
function readCursor(params: JsonObject): string | null {
  return params.cursor === null ? null : readText(params, "cursor");
}

function readTaskId(params: JsonObject): string {
  const taskId = readText(params, "taskId");
  if (taskId === null) throw new Denial("params_invalid", { detail: "taskId is missing" });
  return taskId;
}

function readTasks(filter: unknown): readonly string[] {
  const tasks = isObject(filter) ? (filter.taskIds ?? []) : [];
  if (!Array.isArray(tasks) || !tasks.every((task) => typeof task === "string"))
    throw new Denial("params_invalid", { detail: "taskIds is not an array of strings" });
  if (tasks.length > maxTasks) throw new Denial("params_invalid", { detail: `more than ${maxTasks} tasks` });
  return tasks;
}

function readRelated(owner: unknown, path: readonly string[]): Given["related"] {
  const meta = isObject(owner) ? owner._meta : undefined;
  const related = isObject(meta) ? meta[relatedTaskKey] : undefined;
  if (!isObject(related)) return null;
  if (findKeyTwin(related, relatedNames) !== undefined) throw new Denial("json_key_twin");
  const task = readText(related, "taskId");
  return task === null ? null : { path: [...path, "_meta", relatedTaskKey, "taskId"], task };
}
