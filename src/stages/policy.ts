import { Denial } from "../denial.ts";
import type { Decision, Identity, McpRoute, Message, Session } from "../facts.ts";
import { requestMethods, type Target } from "../mcp/methods.ts";
import { narrowFilter } from "../mcp/subscription.ts";
import { judge, seesAll, type Verdict, type View } from "../policy/evaluate.ts";

/** The compiled policy, with its views kept by identity: a token's later calls find theirs ready. */
export interface PolicyBook {
  viewOf(identity: Identity, server: string): View;
}

/**
 * Decides whether the message may pass: everything it asks for must be allowed, and nothing is by default. A stream that
 * is resumed is judged as the request it belongs to and a task as the one that began it, by the policy of now.
 *
 * A subscription is narrowed instead: it goes on with what it may hear of (2026-07-28, Subscriptions, Acknowledgment).
 *
 * @throws Denial `policy_denied`; `cursor_unknown` for a guessed place in a list that is filtered; `policy_unavailable` when
 * deciding itself fails
 */
export function decide(
  book: PolicyBook,
  route: McpRoute,
  identity: Identity,
  message: Message,
  session: Session,
): Decision {
  try {
    const view = book.viewOf(identity, route.server);
    checkCursor(view, message, session);
    const narrows = message.kind === "request" && message.method === "subscriptions/listen";
    let last: Verdict | undefined;
    for (const target of findTargets(message, session)) {
      if (narrows && target.kind !== "server") continue;
      last = judge(view, target);
      if (last.effect === "deny") throw refuseTarget(target, last, view, identity);
    }
    const narrowed = narrows ? narrowFilter(view, message, session.tasks.values()) : null;
    return { rule: last?.rule ?? null, policy: last?.policy ?? null, view, narrowed } as Decision;
  } catch (cause) {
    throw cause instanceof Denial ? cause : new Denial("policy_unavailable", { cause });
  }
}

/** Tells the operator which of the three it was: a rule said no, no rule said yes, or no role is bound to this caller at all. */
function refuseTarget(target: Target, { rule, policy, reason }: Verdict, view: View, { groups }: Identity): Denial {
  const name = target.kind === "server" ? "server" : `${target.kind} ${target.name}`;
  const unbound = `no role grants this caller anything here; groups in the token: ${groups.join(", ") || "none"}`;
  const detail = view.grant === undefined ? unbound : `${reason}: ${name}`;
  return new Denial("policy_denied", { rule: { id: rule, policy }, detail });
}

function findTargets(message: Message, session: Session): readonly Target[] {
  if (message.kind === "request") return session.task?.targets ?? message.targets;
  // Who may not come in any more may still leave: it is the caller's own session, and the server can let go of it.
  if (message.kind === "end") return [];
  return session.resume?.pending?.targets ?? [{ kind: "server" }];
}

/** Many servers number or name the places of a list, so whoever may choose one can find out what is hidden there. */
function checkCursor(view: View, message: Message, { bareCursor }: Session): void {
  if (!bareCursor || message.kind !== "request") return;
  const list = requestMethods.get(message.method)?.list;
  if (list === undefined || !seesAll(view, list.kind)) throw new Denial("cursor_unknown");
}
