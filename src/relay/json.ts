import { collectBytes } from "../bytes.ts";
import { Denial } from "../denial.ts";
import type { Answer } from "../facts.ts";
import { judgeServerMessage } from "../mcp/answers.ts";
import { type Exchange, sessionHeader } from "./exchange.ts";

/** Hands out an answer that is one JSON body, read whole and judged before its first byte leaves. */
export async function relayJson(exchange: Exchange, status: number): Promise<void> {
  const { answer, trail, reply, upstream, expected } = exchange;
  const judged = judgeServerMessage(await collect(answer, upstream.maxResponseBytes), expected);
  if (judged.kind !== "answer") throw new Denial("upstream_malformed", { detail: "no answer in the body" });
  const body = Buffer.from(judged.text);
  const { rpc, toolError } = judged;
  const receipt = await trail.close({
    http: status,
    rpc,
    toolError,
    upstream: answer.statusCode,
    bytesOut: body.length,
  });
  const headers = { "content-type": "application/json", "cache-control": "no-store", ...sessionHeader(exchange) };
  await reply.send(receipt, { status, headers, body });
}

async function collect(answer: Answer, maxBytes: number): Promise<Buffer> {
  const collected = collectBytes(maxBytes);
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    if (!collected.add(chunk)) throw new Denial("upstream_too_large");
  }
  return collected.bytes();
}
