import { type Problem, sortProblems } from "../config/diagnose.ts";
import { canMatchUri, canonicalUri, isPlainName } from "../mcp/names.ts";
import type { PolicySource } from "./load.ts";
import { rulesOf } from "./references.ts";

/**
 * Finds patterns that nothing can match because of how they are spelled: names and URIs are judged in one form only, so a
 * deny for `File:///secret/*` would never hold. Pure.
 */
export function checkSpelling(sources: readonly PolicySource[]): Problem[] {
  const problems: Problem[] = [];
  for (const source of sources) {
    for (const { rule, path } of rulesOf(source)) {
      for (const kind of ["tools", "prompts"] as const) {
        (rule[kind] ?? []).forEach((pattern, index) => {
          if (!isPlainName(pattern.replaceAll(/[*?]/g, "x")))
            problems.push(source.problem([...path, kind, index], noName));
        });
      }
      (rule.resources ?? []).forEach((pattern, index) => {
        if (canMatchUri(pattern)) return;
        const canonical = /[*?]/.test(pattern) ? undefined : canonicalUri(pattern);
        const hint = canonical === undefined ? undefined : `write "${canonical}"`;
        problems.push(source.problem([...path, "resources", index], noUri, { hint }));
      });
    }
  }
  return sortProblems(problems);
}

const noName = "no name that is let through can match this: check white space and characters that do not show";
const noUri = "no URI that is let through can match this: it is not in the form that URIs are compared in";
