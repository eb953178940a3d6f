import { type Problem, sortProblems } from "../../config/diagnose.ts";
import type { PolicySource } from "../load.ts";
import { rulesOf } from "../references.ts";
import { compileCondition } from "./condition.ts";

/** Characters of all conditions together: reading so many takes about a second. */
const maxTotalLength = 500_000;

/** Finds every mistake in the conditions of policy files, and points at it within the expression. Pure. */
export function checkConditions(sources: readonly PolicySource[]): Problem[] {
  const problems: Problem[] = [];
  let total = 0;
  for (const source of sources) {
    for (const { rule, path } of rulesOf(source)) {
      if (rule.when === undefined) continue;
      const at = [...path, "when"];
      total += rule.when.length;
      if (total > maxTotalLength) {
        problems.push(source.problem(at, `all conditions together are longer than ${maxTotalLength} characters`));
        return sortProblems(problems);
      }
      const compiled = compileCondition(rule.when);
      if ("outcomes" in compiled) continue;
      for (const { message, ...extra } of compiled) problems.push(source.problem(at, message, extra));
    }
  }
  return sortProblems(problems);
}
