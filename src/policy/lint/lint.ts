import { sortProblems } from "../../config/diagnose.ts";
import type { Program } from "../compile.ts";
import type { PolicySource } from "../load.ts";
import { rulesOf } from "../references.ts";
import { findMisgiven } from "./bindings.ts";
import { findIdleConditions } from "./conditions.ts";
import { findCovered } from "./coverage.ts";
import { findingAt, type Lint } from "./finding.ts";
import { takeInventory } from "./inventory.ts";
import { findUntimely } from "./periods.ts";

/**
 * Finds what policies say that is probably not meant. What it cannot be sure of it does not say. Pure.
 *
 * @param sources that were checked and found sound
 * @param program that they were compiled to
 * @param nowMs milliseconds since the epoch
 * @param certificates whether clients can show a certificate; as if they could where the configuration is not known
 */
export function lintPolicies(
  sources: readonly PolicySource[],
  program: Program,
  nowMs: number,
  certificates = true,
): Lint[] {
  const inventory = takeInventory(sources, program, nowMs);
  return sortProblems([
    ...findCovered(inventory),
    ...findUntimely(inventory),
    ...findMisgiven(inventory, certificates),
    ...findIdleConditions(inventory),
    ...sources.flatMap(findShadow),
  ]);
}

/** A whole file in shadow says it once. */
function findShadow(source: PolicySource): Lint[] {
  if (source.policy.mode === "shadow") {
    return [findingAt(source, ["mode"], "mode_shadow", "in shadow: nothing is decided by this file")];
  }
  return [...rulesOf(source)]
    .filter(({ rule }) => rule.mode === "shadow")
    .map(({ path }) =>
      findingAt(source, [...path, "mode"], "mode_shadow", "in shadow: nothing is decided by this rule"),
    );
}
