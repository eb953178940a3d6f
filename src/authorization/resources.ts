/** What tokens are issued for: the servers behind the gateway. Pure. */
/** The servers as an authorization server sees them. */
export interface Resources {
  /** The one that is meant where none is named; undefined where there are several. */
  pick(oneOf: readonly string[] | undefined): string | undefined;
  /** The resource as it stands in tokens; undefined where it is no server. */
  canonical(resource: string): string | undefined;
  /** Scopes that may be asked for. */
  scopesOf(resource: string): readonly string[];
}

/** What every token may have: policies say what it opens. */
export const baseScope = "mcp";

/**
 * @param servers scopes that policies require, by the resource
 */
export function createResources(servers: ReadonlyMap<string, readonly string[]>): Resources {
  const canonical = (resource: string) => {
    // Clients differ in whether an endpoint ends with a slash.
    const bare = resource.replace(/\/$/, "");
    return servers.has(bare) ? bare : undefined;
  };
  return {
    canonical,
    pick(oneOf) {
      const [only, ...others] = oneOf ?? [...servers.keys()];
      return others.length === 0 ? only : undefined;
    },
    scopesOf: (resource) => [baseScope, ...(servers.get(canonical(resource) ?? "") ?? [])],
  };
}
