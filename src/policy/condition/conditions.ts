import { type Problem, sortProblems } from "../../config/diagnose.ts";
import type { PolicySource } from "../load.ts";
import { rulesOf } from "../references.ts";
import { compileCondition } from "./condition.ts";

/** Finds every mistake in the conditions of policy files, and points at it within the expression. Pure. */
export function checkConditions(sources: readonly PolicySource[]): Problem[] {
  const problems: Problem[] = [];
  for (const source of sources) {
    for (const { rule, path } of rulesOf(source)) {
      const compiled = rule.when === undefined ? [] : compileCondition(rule.when);
      if ("outcomes" in compiled) continue;
      for (const { message, ...extra } of compiled) problems.push(source.problem([...path, "when"], message, extra));
    }
  }
  return sortProblems(problems);
}
