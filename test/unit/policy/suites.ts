import type { Problem } from "../../../src/config/diagnose.ts";
import type { Program } from "../../../src/policy/compile.ts";
import { runSuite, type SuiteRun } from "../../../src/policy/suite/run.ts";
import { checkSuites, readSuites, type SuiteContext, type SuiteSource } from "../../../src/policy/suite/suite.ts";
import { programOf } from "./sources.ts";

/** Reads a suite that must be sound. */
export function suiteOf(text: string): SuiteSource {
  const { sources, problems } = readSuites([{ file: "a_test.yaml", text }]);
  const [source] = sources;
  if (source === undefined || problems.length > 0) throw new Error(problems.map(sayProblem).join("\n"));
  return source;
}

/** What is wrong with a suite, a line each: `3:7 tests[0].rule: …`. */
export function problemsOf(text: string, context: Partial<SuiteContext> = {}): string[] {
  const { sources, problems } = readSuites([{ file: "a_test.yaml", text }]);
  const anything = { rules: new Set<string>(), servers: undefined, issuers: undefined };
  return [...problems, ...checkSuites(sources, { ...anything, ...context })].map(sayProblem);
}

function sayProblem({ line, column, path, message, hint }: Problem): string {
  return `${line}:${column} ${path}: ${message}${hint === undefined ? "" : ` (${hint})`}`;
}

/** Runs a suite to its end, against a policy. */
export function runOf(policy: string | Program, text: string, groupsClaim = "groups"): SuiteRun {
  const program = typeof policy === "string" ? programOf(policy) : policy;
  const running = runSuite(suiteOf(text), program, () => groupsClaim);
  for (;;) {
    const step = running.next();
    if (step.done === true) return step.value;
  }
}

/** `alice × refund: what is wrong`, of every answer that is not as expected. */
export function failuresOf({ tests }: SuiteRun): string[] {
  return tests.flatMap(({ answers }) =>
    answers.flatMap(({ identity, request, failure }) =>
      failure === null ? [] : `${identity} × ${request}: ${failure}`,
    ),
  );
}
