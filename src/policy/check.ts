import { type Problem, sortProblems } from "../config/diagnose.ts";
import { checkConditions } from "./condition/conditions.ts";
import { findStrangers } from "./condition/strangers.ts";
import { checkDialects } from "./dialects.ts";
import { checkFanout } from "./fanout.ts";
import type { PolicySource } from "./load.ts";
import { checkReferences, type PolicyContext, type ReferenceFindings } from "./references.ts";
import { checkSpelling } from "./spelling.ts";

/** Everything that is wrong with policy files that were read, and what deserves a look. A policy with a problem must not be compiled. Pure. */
export function checkPolicies(sources: readonly PolicySource[], context: PolicyContext): ReferenceFindings {
  const { problems, warnings } = checkReferences(sources, context);
  const dialects = checkDialects(sources);
  const all: Problem[] = [
    ...problems,
    ...checkSpelling(sources),
    ...dialects.problems,
    ...checkConditions(sources),
    ...checkFanout(sources),
  ];
  const strangers = all.length === 0 ? findStrangers(sources, context) : [];
  return { problems: sortProblems(all), warnings: sortProblems([...warnings, ...dialects.warnings, ...strangers]) };
}
