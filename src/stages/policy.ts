import { Denial } from "../denial.ts";
import type { Decision, Identity, McpRoute, Message, Peer, Session } from "../facts.ts";
import { targetsOf } from "../mcp/asked.ts";
import { requestMethods, type Target } from "../mcp/methods.ts";
import { narrowFilter } from "../mcp/subscription.ts";
import { judge, rehearse, type Verdict, type View } from "../policy/evaluate.ts";
import type { Circumstances } from "../policy/facts.ts";
import { Sight, type Standpoint } from "../policy/sight.ts";

/** The compiled policy, with its views kept by identity: a token's later calls find theirs ready. */
export interface PolicyBook {
  /** Hash of what the policies say. */
  readonly hash: string;
  viewOf(identity: Identity, server: string): View;
  standpointOf(peer: Peer, route: McpRoute): Standpoint;
}

/**
 * Decides whether the message may pass: everything it asks for must be allowed, and nothing is by default. A stream that
 * is resumed is judged as the request it belongs to and a task as the one that began it, by the policy of now; both as if
 * their arguments were not known.
 *
 * A subscription is narrowed instead: it goes on with what it may hear of (2026-07-28, Subscriptions, Acknowledgment).
 *
 * @throws Denial `policy_denied`, `condition_failed`, `step_up_required`; `cursor_unknown` for a guessed place in a list that is
 * filtered; `policy_unavailable` when deciding itself fails
 */
export function decide(
  book: PolicyBook,
  peer: Peer,
  route: McpRoute,
  identity: Identity,
  message: Message,
  session: Session,
): Decision {
  try {
    const standpoint = book.standpointOf(peer, route);
    const sight = new Sight(book.viewOf(identity, route.server), standpoint);
    checkCursor(sight, message, session);
    const narrows = message.kind === "request" && message.method === "subscriptions/listen";
    const circumstances = findCircumstances(standpoint, message, session);
    let last: Verdict | null = null;
    let shadow: Verdict | null = null;
    for (const target of targetsOf(message, session)) {
      if (narrows && target.kind !== "server") continue;
      last = judge(sight.view, target, circumstances);
      shadow ??= findDifference(last, rehearse(sight.view, target, circumstances));
      if (last.effect !== "allow") throw refuseTarget(target, last, shadow, sight, identity);
    }
    const narrowed = narrows ? narrowFilter(sight, message, session.tasks.values()) : null;
    const { rule = null, policy = null, limit = null } = last ?? {};
    return { rule, policy, limit, sight, narrowed, shadow } as Decision;
  } catch (cause) {
    throw cause instanceof Denial ? cause : new Denial("policy_unavailable", { cause });
  }
}

/** Arguments are judged with the call that carries them, and with nothing else that belongs to it. */
function findCircumstances({ ip, now, annotationsOf }: Standpoint, message: Message, { task }: Session): Circumstances {
  const known = message.kind === "request" && task === null && !isAboutOthers(message.method);
  const call = known ? { method: message.method, args: message.args, bytes: message.bytes } : null;
  return { nowMs: now(), ip, call, annotationsOf };
}

/** Completion is of something that could be asked for, with arguments that are still being written. */
function isAboutOthers(method: string): boolean {
  const names = requestMethods.get(method)?.names;
  return names === "reference" || names === "subscriptions";
}

function findDifference(verdict: Verdict, rehearsed: Verdict | null): Verdict | null {
  return rehearsed !== null && rehearsed.effect !== verdict.effect ? rehearsed : null;
}

function refuseTarget(
  target: Target,
  { effect, rule: id, policy, reason, missing }: Verdict,
  shadow: Verdict | null,
  sight: Sight,
  identity: Identity,
): Denial {
  const name = target.kind === "server" ? "server" : `${target.kind} ${target.name}`;
  const said = { rule: { id, policy }, shadow, detail: explain(`${reason}: ${name}`, sight, identity) };
  if (effect === "challenge" && missing !== null) {
    // Where a login is missing and no scope, the status is another one (RFC 9470 section 3).
    const http = missing.scopes.length > 0 ? 403 : 401;
    return new Denial("step_up_required", { ...said, missing, http, data: { missing } });
  }
  return new Denial(reason === "condition_failed" ? "condition_failed" : "policy_denied", said);
}

/** Tells the operator which of the three it was: a rule said no, no rule said yes, or no role is bound to this caller at all. */
function explain(usual: string, { view }: Sight, { groups }: Identity): string {
  if (view.enforced.grants.length > 0) return usual;
  return `no role grants this caller anything here; groups in the token: ${groups.join(", ") || "none"}`;
}

/** Many servers number or name the places of a list, so whoever may choose one can find out what is hidden there. */
function checkCursor(sight: Sight, message: Message, { bareCursor }: Session): void {
  if (!bareCursor || message.kind !== "request") return;
  const list = requestMethods.get(message.method)?.list;
  if (list === undefined || !sight.seesAll(list.kind)) throw new Denial("cursor_unknown");
}
