import { type Problem, sortProblems } from "../config/diagnose.ts";
import { checkConditions } from "./condition/conditions.ts";
import { checkFanout } from "./fanout.ts";
import type { PolicySource } from "./load.ts";
import { checkReferences, type PolicyContext, type ReferenceFindings } from "./references.ts";
import { checkSpelling } from "./spelling.ts";

/** Everything that is wrong with policy files that were read, and what deserves a look. A policy with a problem must not be compiled. Pure. */
export function checkPolicies(sources: readonly PolicySource[], context: PolicyContext): ReferenceFindings {
  const { problems, warnings } = checkReferences(sources, context);
  const all: Problem[] = [...problems, ...checkSpelling(sources), ...checkConditions(sources), ...checkFanout(sources)];
  return { problems: sortProblems(all), warnings };
}
