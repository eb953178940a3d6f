import type { EraFinding } from "./probe.ts";

/** What a server speaks, as far as it is known: found out once, kept, and found out again when it proves wrong. */
export interface ServerEra {
  /** Resolves at once to what is known; asks the server where nothing is, one question for all who wait. */
  find(): Promise<EraFinding>;
  /** What is known, without asking. */
  readonly known: EraFinding;
  /** The server has answered otherwise than it should by what is known. */
  doubt(): void;
}

/**
 * How long a server counts as legacy, in milliseconds. Nothing would show that it was replaced by a newer one, for requests
 * of the newer kind no longer reach it.
 */
const legacyForMs = 30_000;

/**
 * How long it counts as unknown. Meanwhile requests pass as they are and the server answers for itself.
 */
const unknownForMs = 5_000;

/** @param ask asks the server; @param now milliseconds, of any origin */
export function createServerEra(ask: () => Promise<EraFinding>, now: () => number): ServerEra {
  let known: EraFinding = { era: "unknown" };
  let learnedAtMs = Number.NEGATIVE_INFINITY;
  let goodForMs = 0;
  let asking: Promise<EraFinding> | null = null;
  const learn = (finding: EraFinding) => {
    known = finding;
    learnedAtMs = now();
    goodForMs = { modern: Number.POSITIVE_INFINITY, legacy: legacyForMs, unknown: unknownForMs }[finding.era];
    asking = null;
    return finding;
  };
  return {
    get known() {
      return known;
    },
    async find() {
      // A clock that was set back must not keep it for longer.
      if (Math.abs(now() - learnedAtMs) < goodForMs) return known;
      asking ??= ask().then(learn, () => learn({ era: "unknown" }));
      return asking;
    },
    doubt() {
      goodForMs = 0;
    },
  };
}

/** The era of a server that is configured to be spoken to in the way of 2024-11-05, which needs no question. */
export const alwaysLegacy: ServerEra = { known: { era: "legacy" }, find: async () => ({ era: "legacy" }), doubt() {} };
