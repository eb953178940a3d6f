import type { Era } from "./era.ts";

/** What policy judges: one thing of a server, or the server itself (`server`: plumbing that shows nothing). */
export type Target =
  | { readonly kind: "tool" | "prompt" | "resource" | "template"; readonly name: string }
  | { readonly kind: "server" };

/** Where a list result holds its elements, and what each element is (MCP, Server Features). */
export interface ListShape {
  readonly member: "tools" | "prompts" | "resources" | "resourceTemplates";
  readonly kind: "tool" | "prompt" | "resource" | "template";
  readonly key: "name" | "uri" | "uriTemplate";
}

/** What the gateway knows about a method of the client. */
export interface MethodRule {
  readonly eras: readonly Era[];
  /** Which parameter names what is asked for; `server` when nothing in particular is. */
  readonly names: "tool" | "prompt" | "resource" | "reference" | "subscriptions" | "task" | "server";
  readonly list?: ListShape;
  /** The answer comes in pages, and is no list of what policy names. */
  readonly pages?: true;
  /** The answer is a stream that lasts until someone ends it. */
  readonly endless?: true;
}

const both: readonly Era[] = ["legacy", "modern"];
const legacy: readonly Era[] = ["legacy"];
const modern: readonly Era[] = ["modern"];

/** Every request a client may send. A method that is not here does not pass: default deny holds for methods too. */
export const requestMethods: ReadonlyMap<string, MethodRule> = new Map<string, MethodRule>([
  ["initialize", { eras: legacy, names: "server" }],
  ["ping", { eras: legacy, names: "server" }],
  ["logging/setLevel", { eras: legacy, names: "server" }],
  ["server/discover", { eras: modern, names: "server" }],
  ["subscriptions/listen", { eras: modern, names: "subscriptions", endless: true }],
  ["tools/list", { eras: both, names: "server", list: { member: "tools", kind: "tool", key: "name" } }],
  ["tools/call", { eras: both, names: "tool" }],
  ["prompts/list", { eras: both, names: "server", list: { member: "prompts", kind: "prompt", key: "name" } }],
  ["prompts/get", { eras: both, names: "prompt" }],
  ["resources/list", { eras: both, names: "server", list: { member: "resources", kind: "resource", key: "uri" } }],
  [
    "resources/templates/list",
    { eras: both, names: "server", list: { member: "resourceTemplates", kind: "template", key: "uriTemplate" } },
  ],
  ["resources/read", { eras: both, names: "resource" }],
  ["resources/subscribe", { eras: legacy, names: "resource" }],
  ["resources/unsubscribe", { eras: legacy, names: "resource" }],
  ["completion/complete", { eras: both, names: "reference" }],
  ["tasks/get", { eras: both, names: "task" }],
  ["tasks/result", { eras: legacy, names: "task" }],
  ["tasks/update", { eras: modern, names: "task" }],
  ["tasks/cancel", { eras: both, names: "task" }],
  ["tasks/list", { eras: legacy, names: "server", pages: true }],
]);

/** Every notification a client may send; the stateless revision defines none over HTTP (2026-07-28, Sending Messages). */
export const notificationMethods: ReadonlySet<string> = new Set([
  "notifications/initialized",
  "notifications/cancelled",
  "notifications/progress",
  "notifications/roots/list_changed",
  "notifications/tasks/status",
]);

/** A kind of requests to the client, in the configuration's words. */
export type ClientRequestKind = "elicitation" | "sampling" | "roots";

/**
 * Requests of a server to the client, and the kinds of which one has to be allowed (2025-11-25, Client Features). A client may
 * run what it was asked as a task, and is then asked about that (2025-11-25, Tasks).
 */
export const clientRequestMethods: ReadonlyMap<string, readonly ClientRequestKind[]> = new Map([
  ["elicitation/create", ["elicitation"]],
  ["sampling/createMessage", ["sampling"]],
  ["roots/list", ["roots"]],
  ["tasks/get", ["elicitation", "sampling"]],
  ["tasks/result", ["elicitation", "sampling"]],
  ["tasks/cancel", ["elicitation", "sampling"]],
  ["tasks/list", ["elicitation", "sampling"]],
]);

/** The rule of a method in an era, or undefined where that era does not have it. */
export function findMethod(method: string, era: Era): MethodRule | undefined {
  const rule = requestMethods.get(method);
  return rule?.eras.includes(era) ? rule : undefined;
}

/** Whether what a message asks for is a stream that lasts until someone ends it. */
export function isEndless(message: { readonly kind: string; readonly method?: string }): boolean {
  return message.kind === "listen" || requestMethods.get(message.method ?? "")?.endless === true;
}

/** The method as a metric label: known names only, so that a caller cannot make new time series. */
export function methodLabel(method: string | null): string {
  if (method === null) return "none";
  return requestMethods.has(method) || notificationMethods.has(method) ? method : "other";
}
