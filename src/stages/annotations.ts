import { Denial } from "../denial.ts";
import type { Identity, McpRoute, Message } from "../facts.ts";
import { factBits } from "../policy/facts.ts";
import type { PolicyBook } from "./policy.ts";
import type { Upstreams } from "./server.ts";

/**
 * Makes sure that the server has said what it says of a tool, where a rule for this caller reads that: after a start or a change
 * of the list nobody may have asked yet. What the server does not say stays unknown, and the condition that reads it fails.
 *
 * @throws Denial `policy_unavailable`
 */
export async function learnAnnotations(
  book: PolicyBook,
  upstreams: Upstreams,
  route: McpRoute,
  identity: Identity,
  message: Message,
): Promise<void> {
  const [target] = message.kind === "request" ? message.targets : [];
  if (target?.kind !== "tool" || (readsOf(book, identity, route) & factBits.annotations) === 0) return;
  const { lists, tools } = upstreams.of(route);
  if (lists.annotationsOf(target.name) === undefined) await tools.satisfy();
}

function readsOf(book: PolicyBook, identity: Identity, { server }: McpRoute): number {
  try {
    return book.viewOf(identity, server).reads;
  } catch (cause) {
    throw new Denial("policy_unavailable", { cause });
  }
}
