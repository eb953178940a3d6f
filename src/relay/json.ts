import type { Receipt } from "../audit/trail.ts";
import { Denial, refusals } from "../denial.ts";
import { judgeServerMessage } from "../mcp/answers.ts";
import { isObject } from "../mcp/object.ts";
import { readWhole } from "../upstream/body.ts";
import { recordAsked } from "./asked.ts";
import { type Exchange, sessionHeader } from "./exchange.ts";
import { learnLists } from "./lists.ts";
import { learnRevision } from "./revision.ts";

/** Hands out an answer that is one JSON body, read whole and judged before its first byte leaves. */
export async function relayJson(exchange: Exchange, status: number): Promise<void> {
  const { receipt, body } = await judgeBody(exchange, status);
  const headers = { "content-type": "application/json", "cache-control": "no-store", ...sessionHeader(exchange) };
  await exchange.reply.send(receipt, { status, headers, body });
}

/** A function of its own, so that what was parsed, three times as large as the body, is let go of before it is sent, which may take minutes. */
async function judgeBody(exchange: Exchange, status: number): Promise<{ receipt: Receipt; body: Buffer }> {
  const { answer, trail, upstream, expected, known } = exchange;
  const source = await readWhole(answer.body, upstream.maxResponseBytes);
  const judged = judgeServerMessage(source, expected);
  learnLists(exchange, judged, () => source.toString());
  learnRevision(exchange, judged);
  if (status >= 400 && judged.kind === "answer") learnFromRefusal(exchange, judged.rpc);
  if (judged.kind !== "answer") throw new Denial("upstream_malformed", { detail: "no answer in the body" });
  if (status === 400 && known.session.upstreamId !== null && saysLost(judged.text)) throw lost();
  await recordAsked(exchange, judged);
  const body = judged.untouched ? source : Buffer.from(judged.text);
  const { rpc, toolError } = judged;
  const receipt = await trail.close({
    http: status,
    rpc,
    toolError,
    ...(answer.kept ? {} : { upstream: answer.statusCode }),
    bytesOut: body.length,
  });
  return { receipt, body };
}

/** A server that refuses a stateless request may be another one than the gateway takes it for. */
function learnFromRefusal({ upstream, known }: Exchange, rpc: number | null): void {
  if (known.message.era === "legacy") return;
  // The client is told to list the tools again (2026-07-28, Client Behavior); it must not get the same list once more.
  if (rpc === refusals.header_mismatch.rpc) upstream.lists.renew("tools");
  else if (rpc !== null && wordsOfLegacyServers.has(rpc)) upstream.era.doubt();
}

/** Codes with which servers of the session era refuse what they do not know; a stateless one has others for that. */
const wordsOfLegacyServers = new Set([-32000, -32600, -32700]);

/**
 * Refuses with 404 what a server refused with 400 because it has lost the session; for messages that get no answer.
 *
 * @throws Denial `session_unknown`, `upstream_too_large`
 */
export async function refuseLost({ answer, upstream }: Exchange): Promise<void> {
  const text = (await readWhole(answer.body, upstream.maxResponseBytes)).toString();
  if (saysLost(text)) throw lost();
}

function lost(): Denial {
  return new Denial("session_unknown", { detail: "upstream, in its own words" });
}

/**
 * Servers made after an example of the SDK answer a session that they have lost with 400 and this error instead of the 404
 * that makes clients begin anew (2025-11-25, Session Management).
 */
function saysLost(text: string): boolean {
  const error = readError(text);
  return isObject(error) && error.code === -32000 && /\bsession\b/i.test(String(error.message));
}

function readError(text: string): unknown {
  try {
    const message: unknown = JSON.parse(text);
    return isObject(message) ? message.error : undefined;
  } catch {
    return undefined;
  }
}
