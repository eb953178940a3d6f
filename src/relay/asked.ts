import type { Judged } from "../mcp/answers.ts";
import { inputMethods } from "../mcp/results.ts";
import type { Exchange } from "./exchange.ts";

/** Puts what an answer asks of the client on record, each as the request that it is (2026-07-28, Multi Round-Trip Requests). */
export async function recordAsked({ trail, known }: Exchange, judged: Judged & { kind: "answer" }): Promise<void> {
  if (known.message.era === "legacy" || judged.result === null) return;
  for (const method of inputMethods(judged.result)) await trail.ask(method, true);
}
