import type { Trail } from "../audit/trail.ts";
import type { Arrival, MetadataRoute, PreflightRoute } from "../facts.ts";
import type { Reply } from "../reply.ts";

const requestHeaders = [
  "authorization",
  "content-type",
  "accept",
  "last-event-id",
  "mcp-session-id",
  "mcp-protocol-version",
  "mcp-method",
  "mcp-name",
].join(", ");

/** How long a browser need not ask again, in seconds. */
const preflightMaxAge = "600";

/** Answers what needs no identity: metadata that clients read before they have a token, and preflights. */
export async function answerOpenly(
  route: MetadataRoute | PreflightRoute,
  arrival: Arrival,
  reply: Reply,
  trail: Trail,
): Promise<void> {
  if (route.kind === "metadata") {
    const receipt = await trail.close({ http: 200, bytesOut: Buffer.byteLength(route.body) });
    const headers = {
      "content-type": "application/json",
      "cache-control": "max-age=60",
      "access-control-allow-origin": "*",
    };
    return reply.send(receipt, { status: 200, headers, body: route.body });
  }
  const receipt = await trail.close({ http: 204 });
  const headers = {
    "access-control-allow-origin": route.origin,
    "access-control-allow-methods": route.methods,
    "access-control-allow-headers": allowedHeaders(arrival.headers.get("access-control-request-headers")),
    "access-control-max-age": preflightMaxAge,
    vary: "origin, access-control-request-headers",
  };
  await reply.send(receipt, { status: 204, headers });
}

/** The wildcard does not exist for names in CORS, so `mcp-param-*` (2026-07-28, Custom Headers) are allowed as they are asked for. */
function allowedHeaders(requested: string | undefined): string {
  const custom = (requested ?? "").toLowerCase().match(/\bmcp-param-[a-z0-9!#$%&'*+.^_`|~-]+/g) ?? [];
  return [requestHeaders, ...custom].join(", ");
}
