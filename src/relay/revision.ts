import type { Judged } from "../mcp/answers.ts";
import { isRevision, legacyRevisions } from "../mcp/era.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Learns which revision a client of 2024-11-05 and its server have agreed on: what the client posts need not say it again, and
 * servers of later revisions are to hear it with each message (2025-06-18, Protocol Version Header).
 */
export function learnRevision({ known: { message, session } }: Exchange, judged: Judged): void {
  if (session.door === null || message.kind !== "request" || message.method !== "initialize") return;
  const said = judged.kind === "answer" ? judged.result?.protocolVersion : undefined;
  if (typeof said === "string" && isRevision(said) && legacyRevisions.includes(said)) session.door.agree(said);
}
