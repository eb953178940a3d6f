import type { Desk } from "../authorization/desk.ts";
import { Denial } from "../denial.ts";
import type { Arrival, AuthorizationRoute, McpRoute, MetadataRoute, PreflightRoute, Route } from "../facts.ts";

/** The doors of the gateway, compiled once from the configuration. */
export interface RouteTable {
  /** Host names that are ours, lower case, without port. */
  readonly hosts: ReadonlySet<string>;
  /** Browser origins that may call. */
  readonly origins: ReadonlySet<string>;
  /** By name, the first part of their paths. */
  readonly servers: ReadonlyMap<string, Pick<McpRoute, "server" | "resource" | "metadataUrl">>;
  /** Well-known path to the document there: metadata (RFC 9728 section 3.1), and keys, which change. */
  readonly metadata: ReadonlyMap<string, () => string>;
  /** The authorization server, if there is one. */
  readonly desk: Desk | null;
  /** Whether clients of 2024-11-05 are served: all that they send has to come to the process that holds their stream. */
  readonly doors: boolean;
}

/**
 * Finds the door that was asked for. Host and Origin are checked on every one of them, because a browser that was led here
 * by DNS rebinding shows itself in just these headers (MCP 2026-07-28, Streamable HTTP, Security & Endpoint).
 *
 * @throws Denial `duplicate_header`, `host_unknown`, `origin_denied`, `route_unknown`, `elder_unserved`, `method_not_allowed`
 */
export function findRoute(table: RouteTable, arrival: Arrival): Route {
  if (arrival.repeatedHeader !== null)
    throw new Denial("duplicate_header", { detail: `header ${arrival.repeatedHeader}` });
  checkHost(table, arrival.headers.get("host"));
  const metadata = table.metadata.get(arrival.path);
  if (metadata !== undefined) return findMetadata(arrival, metadata());
  // Whom it answers in which way, browsers of other origins too, is for the authorization server to say.
  const { desk } = table;
  if (desk?.serves(arrival.path)) return { kind: "authorization", desk } as AuthorizationRoute;
  const origin = checkOrigin(table, arrival.headers.get("origin"));
  const { entry, door, verbs } = findEndpoint(table, arrival.path);
  if (door !== "none" && !table.doors) throw new Denial("elder_unserved");
  const { verb } = arrival;
  if (verb === "OPTIONS") return findPreflight(arrival, origin, verbs);
  if (!verbs.includes(verb)) throw new Denial("method_not_allowed", { allow: verbs.join(", ") });
  return { kind: "mcp", verb, door, origin, ...entry } as McpRoute;
}

/** `/{server}/mcp`, or one of the two endpoints of 2024-11-05: `/{server}/sse`, and `/{server}/messages/{door}` that it names. */
function findEndpoint({ servers }: RouteTable, path: string): Endpoint {
  const [, server, endpoint, id] = /^\/([^/]+)\/(?:(mcp|sse)\/?|messages\/([0-9a-f-]{36}))$/.exec(path) ?? [];
  const entry = servers.get(server ?? "");
  if (entry === undefined) throw new Denial("route_unknown");
  if (id !== undefined) return { entry, door: { id }, verbs: ["POST"] };
  return endpoint === "sse"
    ? { entry, door: "sse", verbs: ["GET"] }
    : { entry, door: "none", verbs: ["POST", "GET", "DELETE"] };
}

interface Endpoint extends Pick<McpRoute, "door"> {
  readonly entry: Pick<McpRoute, "server" | "resource" | "metadataUrl">;
  readonly verbs: readonly string[];
}

/** Names are compared without the port: rebinding changes the name, and a port mapping in front may change the port. */
function checkHost(table: RouteTable, host: string | undefined): void {
  const [, name] = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/.exec(host?.toLowerCase() ?? "") ?? [];
  if (name === undefined || !table.hosts.has(name))
    throw new Denial("host_unknown", { detail: `host ${host ?? "missing"}` });
}

function checkOrigin(table: RouteTable, origin: string | undefined): string | null {
  if (origin === undefined) return null;
  if (!table.origins.has(origin)) throw new Denial("origin_denied", { detail: `origin ${origin}` });
  return origin;
}

/** What stands there says nothing secret and clients in any browser need it before they have a token: open to every origin. */
function findMetadata(arrival: Arrival, body: string): MetadataRoute | PreflightRoute {
  if (arrival.verb === "GET" || arrival.verb === "HEAD") return { kind: "metadata", body } as MetadataRoute;
  if (arrival.verb === "OPTIONS") return { kind: "preflight", origin: "*", methods: "GET" } as PreflightRoute;
  throw new Denial("method_not_allowed", { allow: "GET, HEAD" });
}

/** A preflight carries no credentials by definition (Fetch standard), so it is answered before identity. */
function findPreflight(arrival: Arrival, origin: string | null, verbs: readonly string[]): PreflightRoute {
  const allow = verbs.join(", ");
  if (origin === null || !arrival.headers.has("access-control-request-method")) {
    throw new Denial("method_not_allowed", { allow });
  }
  return { kind: "preflight", origin, methods: allow } as PreflightRoute;
}
