import { asDenial, Denial } from "../denial.ts";
import type { Ending } from "../ending.ts";
import type { Arrival, Identity, McpRoute, Message, Session } from "../facts.ts";
import { targetsOf } from "../mcp/asked.ts";
import type { Target } from "../mcp/methods.ts";
import { readsFor, type View } from "../policy/evaluate.ts";
import { factBits } from "../policy/facts.ts";
import type { PolicyBook } from "./policy.ts";
import type { Upstreams } from "./server.ts";

/** A visit holds a place of its caller while it waits. */
const maxWaitMs = 5_000;

/**
 * Makes sure that the server has said what it says of a tool, where a rule for this caller and this tool reads that: after a start or
 * a change of the list nobody may have asked yet. What the server does not say in time stays unknown, and the condition that reads it
 * fails.
 *
 * @throws Denial `policy_unavailable`, or why the request was given up
 */
export async function learnAnnotations(
  book: PolicyBook,
  upstreams: Upstreams,
  arrival: Pick<Arrival, "ended">,
  route: McpRoute,
  identity: Identity,
  message: Message,
  session: Session,
): Promise<void> {
  const view = viewOf(book, identity, route);
  if (!readsAnnotations(view.reads)) return;
  const { lists, tools, now } = upstreams.of(route);
  const isOpen = (target: Target) =>
    target.kind === "tool" &&
    readsAnnotations(readsFor(view, target)) &&
    lists.annotationsOf(target.name, now()) === undefined;
  if (allTargetsOf(message, session).some(isOpen)) await waitFor(tools.satisfy(), arrival.ended);
}

function readsAnnotations(reads: number): boolean {
  return (reads & factBits.annotations) !== 0;
}

/** A subscription is narrowed by the calls that began the tasks it names. */
function allTargetsOf(message: Message, session: Session): readonly Target[] {
  const targets = targetsOf(message, session);
  return session.tasks.size === 0
    ? targets
    : [...targets, ...[...session.tasks.values()].flatMap((task) => task.targets)];
}

async function waitFor(answer: Promise<void>, ended: Ending): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const late = setTimeout(resolve, maxWaitMs);
  ended.addEventListener("abort", resolve);
  void answer.then(resolve);
  if (ended.aborted) resolve();
  await promise;
  clearTimeout(late);
  ended.removeEventListener("abort", resolve);
  if (ended.aborted) throw asDenial(ended.reason);
}

function viewOf(book: PolicyBook, identity: Identity, { server }: McpRoute): View {
  try {
    return book.viewOf(identity, server);
  } catch (cause) {
    throw new Denial("policy_unavailable", { cause });
  }
}
