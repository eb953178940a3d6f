import { readKeyOrigin } from "./discovery.ts";
import { createKeySource, type KeySource } from "./jwks.ts";

/** What a key source depends on; two configurations that agree on this share one. */
export interface KeyDemand {
  readonly issuer: string;
  readonly jwks: string | undefined;
  readonly maxAgeMs: number;
  readonly maxStaleMs: number;
}

/**
 * The key sources of all issuers. They outlive a reload: while an issuer cannot be reached, a new policy must not cost the
 * keys that are still good.
 */
export interface KeyShelf {
  of(demand: KeyDemand): KeySource;
  /** Lets go of every source but these. */
  retain(demands: readonly KeyDemand[]): void;
}

/**
 * A shelf without key sets.
 *
 * @param directory that relative paths of key files start from
 * @param now milliseconds since the epoch
 * @param onChange told when keys have changed: verdicts reached with the old ones are void
 * @param onProblem told of each fetch that failed, for the log
 */
export function createKeyShelf(
  directory: string,
  now: () => number,
  onChange: () => void,
  onProblem: (issuer: string, detail: string) => void,
): KeyShelf {
  const sources = new Map<string, KeySource>();
  const nameOf = ({ issuer, jwks, maxAgeMs, maxStaleMs }: KeyDemand) =>
    JSON.stringify([issuer, jwks ?? null, maxAgeMs, maxStaleMs]);
  return {
    of(demand) {
      const name = nameOf(demand);
      let source = sources.get(name);
      if (source === undefined) {
        const { maxAgeMs, maxStaleMs } = demand;
        const origin = readKeyOrigin(demand, directory);
        const report = (detail: string) => onProblem(demand.issuer, detail);
        source = createKeySource({ origin, maxAgeMs, maxStaleMs, now, onChange, onProblem: report });
        sources.set(name, source);
      }
      return source;
    },
    retain(demands) {
      const kept = new Set(demands.map(nameOf));
      for (const name of sources.keys()) if (!kept.has(name)) sources.delete(name);
    },
  };
}
