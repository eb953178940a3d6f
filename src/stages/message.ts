import { Denial } from "../denial.ts";
import type { Arrival, McpRoute, Message } from "../facts.ts";
import { eraOf, isRevision, type Revision, statelessRevisions, unversioned } from "../mcp/era.ts";
import { readMessage as readBodyMessage } from "../mcp/message.ts";
import { type BodyLimits, readBody } from "../request-body.ts";

/** How much a message may be, and how long it may take. */
export interface MessageLimits extends BodyLimits {
  readonly maxDepth: number;
}

/**
 * Reads what is asked: for POST the whole body or nothing, judged once and kept as the bytes to forward; GET and DELETE say
 * all in their headers.
 *
 * @throws Denial of the rows from `body_too_large` to `version_unsupported`, `method_not_allowed`, `client_gone`
 */
export async function readMessage(limits: MessageLimits, arrival: Arrival, route: McpRoute): Promise<Message> {
  // What Connection names ends here (RFC 9110 section 7.6.1): judged here and missing behind, it would mean two requests.
  if (/(?:^|[\s,])mcp-/i.test(arrival.headers.get("connection") ?? "")) {
    throw new Denial("header_mismatch", { detail: "Connection names an MCP header" });
  }
  if (route.verb !== "POST") return readBodiless(arrival, route);
  checkContent(arrival);
  // A client of 2024-11-05 is answered on its stream.
  if (route.door === "none") checkAccept(arrival);
  const bytes = await readBody(arrival, limits);
  return readBodyMessage(bytes, arrival.headers, limits.maxDepth);
}

function readBodiless(arrival: Arrival, { verb, door }: McpRoute): Message {
  // A body on these has no meaning (RFC 9110 sections 9.3.1 and 9.3.5); forwarding one is how requests are smuggled.
  const length = arrival.headers.get("content-length") ?? "0";
  if (length !== "0" || arrival.headers.has("transfer-encoding")) throw new Denial("body_unexpected");
  const revision = readLegacyRevision(arrival);
  if (verb === "DELETE") return { kind: "end", era: "legacy", revision };
  if (!accepts(arrival, "text/event-stream")) throw new Denial("not_acceptable");
  const lastEventId = door === "sse" ? null : (arrival.headers.get("last-event-id") ?? null);
  return { kind: "listen", era: "legacy", revision, lastEventId };
}

/** The stateless revision knows POST alone; 405 tells its clients so (2026-07-28, Earlier Streamable HTTP Revisions). */
function readLegacyRevision(arrival: Arrival): Revision {
  const version = arrival.headers.get("mcp-protocol-version") ?? unversioned;
  if (!isRevision(version))
    throw new Denial("version_unsupported", { data: { supported: statelessRevisions, requested: version } });
  if (eraOf(version) === "modern") throw new Denial("method_not_allowed", { allow: "POST" });
  return version;
}

function checkContent(arrival: Arrival): void {
  const encoding = arrival.headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") throw new Denial("body_encoded");
  const type = arrival.headers.get("content-type") ?? "";
  if (!/^application\/json *(?:; *charset=(?:utf-8|"utf-8") *)?$/i.test(type)) throw new Denial("media_type");
}

function checkAccept(arrival: Arrival): void {
  if (!accepts(arrival, "application/json") || !accepts(arrival, "text/event-stream"))
    throw new Denial("not_acceptable");
}

/** What the official clients send. */
const usualAccept = "application/json, text/event-stream";

/** No Accept header accepts everything (RFC 9110 section 12.5.1). */
function accepts(arrival: Arrival, type: "application/json" | "text/event-stream"): boolean {
  const header = arrival.headers.get("accept");
  if (header === undefined || header === usualAccept) return true;
  const [family] = type.split("/");
  return header.split(",").some((range) => {
    const media = range.split(";", 1)[0]?.trim().toLowerCase();
    return media === type || media === "*/*" || media === `${family}/*`;
  });
}
