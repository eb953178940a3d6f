import type { ServerConfig } from "../config/schema.ts";
import { requestMethods } from "../mcp/methods.ts";
import { findTarget } from "../mcp/visible.ts";
import type { Offer } from "../policy/lint/offers.ts";
import { type ListMethod, type Survey, survey } from "./survey.ts";
import { createUpstream } from "./upstream.ts";

const methods = {
  tools: "tools/list",
  prompts: "prompts/list",
  resources: "resources/list",
  templates: "resources/templates/list",
} as const;

/**
 * Asks a server for all its lists, with the gateway's own credentials.
 *
 * @param now milliseconds since the epoch
 * @throws Error with a sentence for an operator, when one of them cannot be had
 */
export async function listOffer(name: string, config: ServerConfig, now: () => number): Promise<Offer> {
  const upstream = createUpstream(name, config, { now, publicUrl: "", sign: unasked, tokenFetched() {}, vault: null });
  try {
    const found = await survey(upstream, Object.values(methods));
    return {
      tools: readNames(found, methods.tools),
      prompts: readNames(found, methods.prompts),
      resources: readNames(found, methods.resources),
      templates: readNames(found, methods.templates),
    };
  } finally {
    await upstream.transport.destroy();
  }
}

/** What the gateway asks for itself it asks on nobody's behalf. */
function unasked(): never {
  throw new Error("an assertion without a caller");
}

/** In the form that policy judges; those that the gateway would let nobody ask for are left out. */
function readNames(found: Survey, method: ListMethod): string[] {
  const list = requestMethods.get(method)?.list;
  if (list === undefined) return [];
  const targets = (found.get(method) ?? []).map((element) => findTarget(list.kind, element[list.key]));
  return targets.flatMap((target) => (target === undefined || target.kind === "server" ? [] : target.name));
}
