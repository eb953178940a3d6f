/** What tokens are issued for: the servers behind the gateway, and those behind others that trust it. Pure. */
import { type Demand, joinDemands } from "./demands.ts";

/** The servers as an authorization server sees them. */
export interface Resources {
  /** The one that is meant where none is named; undefined where there are several. */
  pick(oneOf: readonly string[] | undefined): string | undefined;
  /** The resource as it stands in tokens; undefined where it is no server. */
  canonical(resource: string): string | undefined;
  /** Scopes that may be asked for. */
  scopesOf(resource: string): readonly string[];
  /** What these scopes take there. */
  demandOf(resource: string, scopes: readonly string[]): Demand;
}

/** What every token may have: policies say what it opens. */
export const baseScope = "mcp";

/**
 * @param servers scopes that policies require, and what they take, by the resource
 */
export function createResources(servers: ReadonlyMap<string, ReadonlyMap<string, Demand>>): Resources {
  const canonical = (resource: string) => {
    // Clients differ in whether an endpoint ends with a slash, and in capitals (MCP 2026-07-28, Canonical Server URI).
    const bare = (URL.parse(resource)?.href ?? resource).replace(/\/$/, "");
    return servers.has(bare) ? bare : undefined;
  };
  const demandsOf = (resource: string) => servers.get(canonical(resource) ?? "") ?? new Map<string, Demand>();
  return {
    canonical,
    pick(oneOf) {
      const [only, ...others] = oneOf ?? [...servers.keys()];
      return others.length === 0 ? only : undefined;
    },
    scopesOf: (resource) => [baseScope, ...demandsOf(resource).keys()],
    demandOf: (resource, scopes) => joinDemands(scopes.flatMap((scope) => demandsOf(resource).get(scope) ?? [])),
  };
}
