/** Subscriptions of the stateless revision (MCP 2026-07-28, Subscriptions), narrowed to what their identity may see. */
import type { TargetKind } from "../policy/compile.ts";
import type { Sight } from "../policy/sight.ts";
import type { OwnedTask } from "./handles.ts";
import type { Target } from "./methods.ts";
import { isObject } from "./object.ts";
import { removeElements, setMember } from "./splice.ts";

/** Members of a subscription's filter that ask for changes of a list, and what the list is of. */
export const subscriptionKinds = {
  toolsListChanged: "tool",
  promptsListChanged: "prompt",
  resourcesListChanged: "resource",
} as const satisfies Record<string, TargetKind>;

/** Which member of the filter asks for which notification. */
export const listChanges: ReadonlyMap<string, keyof typeof subscriptionKinds> = new Map([
  ["notifications/tools/list_changed", "toolsListChanged"],
  ["notifications/prompts/list_changed", "promptsListChanged"],
  ["notifications/resources/list_changed", "resourcesListChanged"],
]);

/** What is left of a filter. */
export interface Narrowed {
  /** One entry for each of `resourceSubscriptions`. */
  readonly uris: readonly boolean[];
  /** The server's own ids of the tasks that may be heard of. */
  readonly tasks: readonly string[];
  /** Kinds whose changes were asked for, and of which anything may be seen. */
  readonly kinds: ReadonlySet<TargetKind>;
}

/**
 * What an identity may hear of.
 *
 * @param request its targets are the server, then one for each of `resourceSubscriptions`; its args are the filter
 * @param tasks the caller's own among `taskIds`
 */
export function narrowFilter(
  sight: Sight,
  { targets, args }: { readonly targets: readonly Target[]; readonly args: unknown },
  tasks: Iterable<OwnedTask>,
): Narrowed {
  const [, ...uris] = targets;
  const filter = isObject(args) ? args : {};
  const asked = Object.entries(subscriptionKinds).filter(([member]) => filter[member] === true);
  const { hears, opens } = sight.listener();
  // What is told of a task has its result, which takes as much to be had as by asking for it.
  const heard = [...tasks].filter((task) => task.targets.every(opens));
  return {
    uris: uris.map(hears),
    tasks: heard.map(({ taskId }) => taskId),
    kinds: new Set(asked.map(([, kind]) => kind).filter((kind) => sight.seesAny(kind))),
  };
}

/** Whether there is more in one than in the other, of the same filter. */
export function isWider(one: Narrowed, other: Narrowed): boolean {
  return (
    one.uris.some((heard, index) => heard && other.uris[index] === false) ||
    one.tasks.some((task) => !other.tasks.includes(task)) ||
    !one.kinds.isSubsetOf(other.kinds)
  );
}

const filterPath = ["params", "notifications"];

/**
 * The request with nothing in its filter that the identity may not see: the server then acknowledges just that, and the
 * client reads there what it got (Acknowledgment).
 *
 * @param text a `subscriptions/listen` request that was read
 * @param filter its `params.notifications`
 */
export function narrowSubscription(text: string, filter: unknown, { uris, tasks, kinds }: Narrowed): string {
  if (typeof filter !== "object" || filter === null) return text;
  let narrowed = text;
  if (uris.includes(false)) narrowed = removeElements(narrowed, [...filterPath, "resourceSubscriptions"], uris);
  if ("taskIds" in filter) narrowed = setMember(narrowed, [...filterPath, "taskIds"], JSON.stringify(tasks));
  for (const [member, kind] of Object.entries(subscriptionKinds)) {
    if (member in filter && !kinds.has(kind)) narrowed = setMember(narrowed, [...filterPath, member], "false");
  }
  return narrowed;
}
