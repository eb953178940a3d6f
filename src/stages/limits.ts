import { Denial } from "../denial.ts";
import type { Decision, Identity, McpRoute, Message, Peer } from "../facts.ts";
import type { Bans } from "../limits/bans.ts";
import type { Counters, HeldPlace } from "../limits/counters.ts";
import type { Limit } from "../limits/leases.ts";
import type { Glob } from "../mcp/glob.ts";
import { isEndless } from "../mcp/methods.ts";
import { limitKey } from "../network/cidr.ts";

/** The limits of the configuration over the counters of the process. */
export interface Limits {
  readonly counters: Counters;
  readonly bans: Bans;
  readonly address: Limit;
  readonly identity: Limit & { readonly concurrent: number; readonly streams: number };
  readonly tools: readonly ToolLimit[];
}

/** One entry of `limits.tools`. */
export interface ToolLimit extends Limit {
  /** Names the counter; two entries never share one. */
  readonly name: string;
  readonly server: string;
  readonly tools: readonly Glob[];
  readonly concurrent: number | undefined;
}

/**
 * Counts a request of an address, before anything costly is done for it: a flood of bad tokens is the cheapest attack there is.
 *
 * @throws Denial `address_limited`
 */
export async function limitAddress({ counters, bans, address }: Limits, peer: Peer): Promise<void> {
  const key = limitKey(peer.ip);
  const retryAfterMs = await counters.count("address", address, key);
  if (retryAfterMs === null) return;
  // The connections of a proxy are everybody's.
  if (!peer.proxied) bans.note(key, retryAfterMs);
  throw new Denial("address_limited", { retryAfterMs });
}

/**
 * Counts a message of an identity and takes a request's place among those in flight; a stream takes a place of its own kind, for
 * it may stay all day.
 *
 * @returns the place, to be given back when the visit is over
 * @throws Denial `identity_limited`, `identity_busy`, `streams_limited`
 */
export async function limitIdentity(
  { counters, identity: limit }: Limits,
  identity: Identity,
  message: Message,
): Promise<HeldPlace> {
  const retryAfterMs = await counters.count("identity", limit, identity.key);
  if (retryAfterMs !== null) throw new Denial("identity_limited", { retryAfterMs });
  if (isEndless(message)) {
    const place = counters.enter("streams", identity.key, limit.streams);
    if (place === null) throw new Denial("streams_limited");
    return place;
  }
  // What goes with a request that is on its way, its cancellation above all, must not wait for a place behind it.
  if (message.kind !== "request") return noPlace;
  const place = counters.enter("identity", identity.key, limit.concurrent);
  if (place === null) throw new Denial("identity_busy");
  return place;
}

/**
 * Counts what is asked for by the rule that allows it, if it allows only so much, and a call of a tool by the first entry of the
 * configuration that names it.
 *
 * @returns the call's place among those in flight
 * @throws Denial `rule_limited`, `tool_limited`, `tool_busy`
 */
export async function limitCall(
  { counters, tools }: Limits,
  route: McpRoute,
  identity: Identity,
  message: Message,
  { rule, policy, limit }: Decision,
): Promise<HeldPlace> {
  if (limit !== null) {
    const retryAfterMs = await counters.count(`rule:${rule}`, limit, identity.key);
    if (retryAfterMs !== null) throw new Denial("rule_limited", { retryAfterMs, rule: { id: rule, policy } });
  }
  const [target] = message.kind === "request" ? message.targets : [];
  const entry = target?.kind === "tool" ? tools.find((limit) => names(limit, route.server, target.name)) : undefined;
  if (entry === undefined || target?.kind !== "tool") return noPlace;
  const key = `${identity.key}:${target.name}`;
  const retryAfterMs = await counters.count(entry.name, entry, key);
  if (retryAfterMs !== null) throw new Denial("tool_limited", { retryAfterMs });
  if (entry.concurrent === undefined) return noPlace;
  const place = counters.enter(entry.name, key, entry.concurrent);
  if (place === null) throw new Denial("tool_busy");
  return place;
}

const noPlace: HeldPlace = { [Symbol.dispose]() {} };

function names(limit: ToolLimit, server: string, tool: string): boolean {
  return limit.server === server && limit.tools.some((glob) => glob.matches(tool));
}
