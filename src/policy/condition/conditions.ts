import { type Problem, sortProblems } from "../../config/diagnose.ts";
import type { PolicySource } from "../load.ts";
import { rulesOf } from "../references.ts";
import { compileCondition } from "./condition.ts";

/** Characters of all conditions together: reading so many takes about a second. */
const maxTotalLength = 500_000;
/**
 * A Unicode class such as `\p{L}` is hundreds of ranges: in reading it is worth so many characters, and some 16 KB are kept of each.
 * An escape may write a part of one.
 */
const charactersPerClass = 100;
const classHint = `a class such as \\p{L}, or an escape, counts as ${charactersPerClass} characters`;

function weigh(condition: string): number {
  return condition.length + charactersPerClass * (condition.match(/\\[pxu0-3]/gi) ?? []).length;
}

/** Finds every mistake in the conditions of policy files, and points at it within the expression. Pure. */
export function checkConditions(sources: readonly PolicySource[]): Problem[] {
  const problems: Problem[] = [];
  let total = 0;
  for (const source of sources) {
    for (const { rule, path } of rulesOf(source)) {
      if (rule.when === undefined) continue;
      const at = [...path, "when"];
      total += weigh(rule.when);
      if (total > maxTotalLength) {
        const message = `all conditions together are longer than ${maxTotalLength} characters`;
        problems.push(source.problem(at, message, { hint: classHint }));
        return sortProblems(problems);
      }
      const compiled = compileCondition(rule.when);
      if ("outcomes" in compiled) continue;
      for (const { message, ...extra } of compiled) problems.push(source.problem(at, message, extra));
    }
  }
  return sortProblems(problems);
}
