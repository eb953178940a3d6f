import type { Judged } from "../mcp/answers.ts";
import { listKinds } from "../upstream/lists.ts";
import { keepList } from "../upstream/recollect.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Learns of the server's lists from what passes: an answer that tells one, a notification that one has changed, whoever
 * they are for and whether they may have it or not.
 *
 * @param source the message as the server sent it
 */
export function learnLists({ upstream, answer }: Exchange, judged: Judged, source: () => string): void {
  const { lists } = upstream;
  if (judged.kind === "answer" && judged.result !== null && answer.list !== undefined) {
    keepList(lists, answer.list, source(), judged.result, upstream.now());
  } else if (judged.kind === "pass" || judged.kind === "drop") {
    const kind = changed.get(judged.method ?? "");
    if (kind !== undefined) lists.forget(kind);
  }
}

const changed: ReadonlyMap<string, "tools" | "prompts" | "resources"> = new Map(
  [...new Set(listKinds.values())].map((kind) => [`notifications/${kind}/list_changed`, kind]),
);
