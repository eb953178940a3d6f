import { Denial } from "../denial.ts";
import type { Arrival, McpRoute, Message, RequestMessage } from "../facts.ts";
import { checkMirrors } from "../mcp/mirrors.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** The protected servers. */
export interface Upstreams {
  of(route: McpRoute): Upstream;
  all(): Iterable<Upstream>;
}

/**
 * Finds the server, and makes sure that it can understand the message as it is meant: a stateless request that reaches an older server may
 * be refused in any words, stay without an answer, or even be carried out as something else (MCP 2026-07-28, Versioning,
 * Compatibility Matrix).
 *
 * @throws Denial `era_legacy`; `header_mismatch` where a tool's own definition says that a header must repeat an argument
 */
export async function findServer(
  upstreams: Upstreams,
  arrival: Arrival,
  route: McpRoute,
  message: Message,
): Promise<Upstream> {
  const upstream = upstreams.of(route);
  if (message.era !== "modern" || message.kind !== "request") return upstream;
  const { era } = await upstream.era.find();
  if (era === "legacy") throw new Denial("era_legacy", { detail: upstream.name });
  checkParameters(upstream, arrival, message);
  return upstream;
}

/** Tools that no list has shown yet are left to the server, which has to compare as well (2026-07-28, Server Validation). */
function checkParameters({ lists }: Upstream, arrival: Arrival, message: RequestMessage): void {
  const [target] = message.targets;
  if (message.method !== "tools/call" || target?.kind !== "tool") return;
  const mirrors = lists.mirrorsOf(target.name) ?? [];
  const misfit = checkMirrors(mirrors, message.args, arrival.headers);
  if (misfit === undefined) return;
  // The client is told to list the tools again (Client Behavior); it must not get the same list once more.
  lists.renew("tools");
  throw new Denial("header_mismatch", { detail: `${misfit} of tool ${target.name}` });
}
