import type { Trail } from "../audit/trail.ts";
import { Denial } from "../denial.ts";
import type { Arrival, AuthorizationRoute, McpRoute, Peer, Route } from "../facts.ts";
import type { Reply } from "../reply.ts";
import { type BodyLimits, readBody } from "../request-body.ts";

const requestHeaders = [
  "authorization",
  "content-type",
  "accept",
  "last-event-id",
  "dpop",
  "mcp-session-id",
  "mcp-protocol-version",
  "mcp-method",
  "mcp-name",
].join(", ");

/** How long a browser need not ask again, in seconds. */
const preflightMaxAge = "600";

/** What is known of a request by then. */
interface Open<To extends Route> {
  readonly arrival: Arrival;
  readonly peer: Peer;
  readonly route: To;
}

/**
 * Answers what needs no identity: metadata that clients read before they have a token, preflights, and the authorization server,
 * which finds out for itself whom it has before it.
 *
 * @throws Denial `body_encoded`, `body_too_large`, `request_timeout`, `client_gone`
 */
export async function answerOpenly(
  limits: BodyLimits,
  { arrival, peer, route }: Open<Exclude<Route, McpRoute>>,
  reply: Reply,
  trail: Trail,
): Promise<void> {
  if (route.kind === "authorization") return attend(limits, { arrival, peer, route }, reply, trail);
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

/** Forms and token requests are a few hundred bytes, client metadata a few thousand. */
const maxBytes = 65_536;

/** Its answer goes out once it is on record, as any other. */
async function attend(
  limits: BodyLimits,
  { arrival, peer, route }: Open<AuthorizationRoute>,
  reply: Reply,
  trail: Trail,
): Promise<void> {
  const { verb, headers, message } = arrival;
  if (headers.has("content-encoding")) throw new Denial("body_encoded");
  const body = await readBody(arrival, { ...limits, maxBytes });
  await trail.assure();
  const request = { verb, target: message.url ?? "", headers, body, ip: peer.ip };
  const answer = await route.desk.answer(request);
  trail.note("desk", answer.note);
  const receipt = await trail.close({ http: answer.status, bytesOut: answer.body.length });
  await reply.send(receipt, answer);
}
