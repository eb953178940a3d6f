import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { certificateOf } from "./client-certificates.ts";
import type { VisitEnding } from "./ending.ts";
import type { Arrival } from "./facts.ts";

/**
 * Headers that may appear once. With two of one of these, a proxy in front and this gateway, or this gateway and a server
 * behind it, could each believe another one. Everything named `mcp-…` belongs here too.
 */
const singletons = new Set([
  "host",
  "authorization",
  "dpop",
  "content-type",
  "content-length",
  "content-encoding",
  "transfer-encoding",
  "origin",
  "last-event-id",
]);

/** Reads the head of a request, once and for all rooms; Node's own object keeps only one of several equal headers. */
export function readArrival(message: IncomingMessage, ended: VisitEnding): Arrival {
  const headers = new Map<string, string>();
  let repeatedHeader: string | null = null;
  const raw = message.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? "").toLowerCase();
    const value = raw[i + 1] ?? "";
    const earlier = headers.get(name);
    if (earlier !== undefined && (singletons.has(name) || name.startsWith("mcp-"))) repeatedHeader ??= name;
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  const [path = ""] = (message.url ?? "").split("?", 1);
  return {
    requestId: randomUUID(),
    verb: message.method ?? "",
    path,
    headers,
    repeatedHeader,
    remoteAddress: message.socket.remoteAddress ?? "",
    certificate: certificateOf(message.socket),
    message,
    ended,
    interrupt: (reason) => ended.abort(reason),
    leaving: null,
  };
}
