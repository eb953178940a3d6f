import type { Message, Session } from "../facts.ts";
import type { Target } from "./methods.ts";

/**
 * What policy judges a message by: a stream that is resumed as the request it belongs to, and a task as the one that began it, also where
 * the answer about it comes on a stream that is resumed.
 */
export function targetsOf(
  message: Message,
  session: Pick<Session, "task" | "resume" | "upstreamId">,
): readonly Target[] {
  if (message.kind === "request") return session.task?.targets ?? message.targets;
  // Who may not come in any more may still leave: it is the caller's own session, and the server can let go of it.
  if (message.kind === "end" && session.upstreamId !== null) return [];
  const pending = session.resume?.pending;
  return pending?.task?.targets ?? pending?.targets ?? [{ kind: "server" }];
}
