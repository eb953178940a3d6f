/**
 * What docs/methods.md says of each method besides what the gateway's own tables know: which revisions define it, and what
 * the code changes of it on its way. The tests hold it against the schemas and against what the code does.
 */
import type { Revision } from "./era.ts";

/** Of one method in one direction. */
export interface MethodNote {
  /** First and last revision whose schema defines it. */
  readonly from: Revision;
  readonly to: Revision;
  /** In 2026-07-28 it belongs to the tasks extension (SEP-2663), not to the core. */
  readonly extension?: true;
  /** What is changed of the message itself; nothing where it is missing. */
  readonly message?: string;
  /** The same for the result. */
  readonly result?: string;
  /** The same for the headers of the answer. */
  readonly headers?: string;
  /** What becomes of it instead in the stateless era, where it never passes. */
  readonly stateless?: string;
}

/** Of a notification of the server: what decides besides what lets the stream be open that it comes on. */
export interface NoticeNote extends MethodNote {
  readonly decides?: string;
}

const always = { from: "2024-11-05", to: "2026-07-28" } as const;
const untilStateless = { from: "2024-11-05", to: "2025-11-25" } as const;
const sinceStateless = { from: "2026-07-28", to: "2026-07-28" } as const;
const lastSessions = { from: "2025-11-25", to: "2025-11-25" } as const;
const tasksToNow = { from: "2025-11-25", to: "2026-07-28", extension: true } as const;
const extensionTasks = { from: "2026-07-28", to: "2026-07-28", extension: true } as const;

const taskId = {
  message: "`taskId`: the caller's handle becomes the server's id",
  result: "`taskId` becomes the handle; a task of somebody else is refused; `inputRequests` as of any request",
} as const;

/** Requests of the client. What is changed of the four lists, and of cursors, follows from their rules. */
export const requestNotes: ReadonlyMap<string, MethodNote> = new Map<string, MethodNote>([
  ["initialize", { ...untilStateless, headers: "`Mcp-Session-Id` is sealed for identity and server" }],
  ["ping", untilStateless],
  ["logging/setLevel", untilStateless],
  ["server/discover", sinceStateless],
  [
    "subscriptions/listen",
    {
      ...sinceStateless,
      message:
        "the filter loses what is not allowed, or takes more than was proved; `taskIds`: handles become the server's ids, others are cut",
    },
  ],
  ["tools/list", always],
  [
    "tools/call",
    { ...always, result: "`taskId` of a task that it begins becomes a handle; content passes, resources in it too" },
  ],
  ["prompts/list", always],
  [
    "prompts/get",
    {
      ...always,
      result: "messages, or blocks of them, that embed or link a resource that policy does not allow are cut",
    },
  ],
  ["resources/list", always],
  ["resources/templates/list", always],
  [
    "resources/read",
    {
      ...always,
      result:
        "contents of other resources that policy does not allow are cut; `cacheScope` is `private` then (2026-07-28)",
    },
  ],
  ["resources/subscribe", untilStateless],
  ["resources/unsubscribe", untilStateless],
  [
    "completion/complete",
    {
      ...always,
      result:
        "of a template: values that lead to nothing the caller may see are cut, `total` counts what is left; of a prompt: nothing",
    },
  ],
  ["tasks/get", { ...tasksToNow, ...taskId }],
  ["tasks/result", { ...lastSessions, message: taskId.message }],
  ["tasks/update", { ...extensionTasks, ...taskId }],
  ["tasks/cancel", { ...tasksToNow, ...taskId }],
  [
    "tasks/list",
    {
      ...lastSessions,
      result:
        "only tasks that the caller is known to have begun and that are still allowed, by handle; `nextCursor` is sealed",
    },
  ],
]);

/** Notifications of the client. */
export const notificationNotes: ReadonlyMap<string, MethodNote> = new Map<string, MethodNote>([
  ["notifications/initialized", untilStateless],
  [
    "notifications/cancelled",
    { ...always, stateless: "accepted and not sent on, for over HTTP the end of a connection calls its request off" },
  ],
  ["notifications/progress", untilStateless],
  ["notifications/roots/list_changed", untilStateless],
  ["notifications/tasks/status", lastSessions],
]);

const signed = { message: "`id` is signed: only this client can answer, in this session, once" } as const;

/** Requests of the server. */
export const askNotes: ReadonlyMap<string, MethodNote> = new Map<string, MethodNote>([
  ["ping", { ...untilStateless, ...signed }],
  ["elicitation/create", { from: "2025-06-18", to: "2026-07-28", ...signed }],
  ["sampling/createMessage", { ...always, ...signed }],
  ["roots/list", { ...always, ...signed }],
  ["tasks/get", { ...lastSessions, ...signed }],
  ["tasks/result", { ...lastSessions, ...signed }],
  ["tasks/cancel", { ...lastSessions, ...signed }],
  ["tasks/list", { ...lastSessions, ...signed }],
]);

const ownTask = {
  decides: "the task: begun by the caller, and still allowed",
  message: "`taskId` becomes the handle",
} as const;

/** Notifications of the server. What decides about changes of lists is known from the lists. */
export const noticeNotes: ReadonlyMap<string, NoticeNote> = new Map<string, NoticeNote>([
  [
    "notifications/cancelled",
    {
      ...always,
      message: "`requestId` is signed, as the request's `id` was",
      stateless: "dropped, for over HTTP it is the result that ends a subscription",
    },
  ],
  ["notifications/progress", always],
  ["notifications/message", always],
  [
    "notifications/resources/updated",
    { ...always, decides: "the resource; in a subscription also `resourceSubscriptions`" },
  ],
  ["notifications/resources/list_changed", always],
  ["notifications/tools/list_changed", always],
  ["notifications/prompts/list_changed", always],
  ["notifications/elicitation/complete", lastSessions],
  ["notifications/tasks/status", { ...lastSessions, ...ownTask }],
  [
    "notifications/tasks",
    {
      ...extensionTasks,
      ...ownTask,
      decides: "the task: begun by the caller, and still allowed with nothing more to prove",
    },
  ],
  [
    "notifications/subscriptions/acknowledged",
    { ...sinceStateless, message: "what the caller may not hear of is cut; `taskIds` become handles" },
  ],
]);
