import { discard } from "./body.ts";
import type { Caller } from "./credentials/sender.ts";
import type { Outgoing } from "./transport.ts";
import type { Upstream } from "./upstream.ts";

/** A server that asks faster than it can be told is hostile; it is left to its own timeouts. */
const maxRefusing = 8;
const timeoutMs = 5_000;

/**
 * Tells a server that the client will not be asked, so that the tool behind the request fails at once instead of waiting
 * for an answer that never comes (2025-11-25, Sending Messages: answers are POSTs of their own).
 *
 * It never rejects: the stream that the request came on goes on either way.
 *
 * @param caller whose exchange the request came on
 * @param idText the server's id for the request, as JSON text
 * @param headers those of the exchange the request came on: session and revision
 */
export async function refuseServerRequest(
  upstream: Upstream,
  caller: Caller,
  idText: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  if (upstream.refusing >= maxRefusing) return;
  upstream.refusing += 1;
  const error = { code: -32601, message: "The gateway does not let this request pass to the client." };
  try {
    const outgoing: Outgoing = {
      kind: "response",
      id: null,
      method: null,
      endless: false,
      headers: {
        ...upstream.headers,
        ...headers,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: `{"jsonrpc":"2.0","id":${idText},"error":${JSON.stringify(error)}}`,
      signal: AbortSignal.timeout(timeoutMs),
    };
    const response = await upstream.send(outgoing, caller);
    await discard(response.body);
  } catch {
    // The refusal is on record. A server that cannot be told finds out when its own request times out.
  } finally {
    upstream.refusing -= 1;
  }
}
