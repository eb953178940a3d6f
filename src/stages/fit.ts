import { Denial } from "../denial.ts";
import type { Arrival, Message, RequestMessage } from "../facts.ts";
import { checkMirrors } from "../mcp/mirrors.ts";
import type { Upstream } from "../upstream/upstream.ts";

/**
 * Makes sure that the server can understand the message as it is meant: a stateless request that reaches an older server may
 * be refused in any words, stay without an answer, or even be carried out as something else (MCP 2026-07-28, Versioning,
 * Compatibility Matrix).
 *
 * @throws Denial `era_legacy`; `header_mismatch` where a tool's own definition says that a header must repeat an argument
 */
export async function checkFit(upstream: Upstream, arrival: Arrival, message: Message): Promise<void> {
  if (message.era !== "modern" || message.kind !== "request") return;
  const { era } = await upstream.age.find();
  if (era === "legacy") throw new Denial("era_legacy", { detail: upstream.name });
  checkParameters(upstream, arrival, message);
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
