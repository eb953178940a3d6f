/** Servers as policies name them, for where no configuration says which there are. Pure. */
import type { PolicySource } from "../load.ts";
import { rulesOf } from "../references.ts";

export interface NamedServers {
  readonly names: readonly string[];
  /** Of a name that stands for every server that a pattern means, the pattern. */
  readonly patternOf: ReadonlyMap<string, string>;
}

export const nothingNamed: NamedServers = { names: [], patternOf: new Map() };

/** Servers that policies name, and for each pattern one that it means and no other name of them is. */
export function nameServers(sources: readonly PolicySource[]): NamedServers {
  const said = new Set(sources.flatMap((source) => [...rulesOf(source)].map(({ rule }) => rule.server)));
  const patterns = [...said].filter((name) => /[*?]/.test(name));
  // No server of a configuration has such a name.
  const patternOf = new Map(patterns.map((pattern) => [pattern.replaceAll(/[*?]/g, "\u2026"), pattern]));
  return { names: [...[...said].filter((name) => !/[*?]/.test(name)), ...patternOf.keys()], patternOf };
}
