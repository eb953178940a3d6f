/** Which rules of a policy suites have put to the test. Pure. */
import type { Program } from "../compile.ts";
import type { SuiteRun } from "./run.ts";

export interface RuleCoverage {
  readonly rule: string;
  /** `file:line` where it stands. */
  readonly policy: string;
  readonly effect: "allow" | "deny";
  /** It decides nothing yet, and does not count. */
  readonly shadow: boolean;
  /** Answers that it decided; for one in shadow, that it would have decided. */
  readonly answers: number;
}

export interface Coverage {
  readonly rules: readonly RuleCoverage[];
  /** Rules that are enforced, and those of them that decided something. */
  readonly counted: number;
  readonly covered: number;
  /** Rules in shadow. */
  readonly shadows: number;
  /** Of the rules that are enforced those that decided something, from 0 to 100, rounded down: 100 means every one. */
  readonly percent: number;
}

/** Counts the answers that each rule decided. An answer that is not certain, or a condition that failed, counts for nothing. */
export function measureCoverage({ rules }: Program, runs: readonly SuiteRun[]): Coverage {
  const answers = new Map<string, number>();
  const decided = runs.flatMap(({ tests }) =>
    tests.flatMap((test) => test.answers.flatMap((answer) => answer.decided)),
  );
  for (const name of decided) answers.set(name, (answers.get(name) ?? 0) + 1);
  const listed = rules.map(({ name, policy, effect, shadow }) => ({
    rule: name,
    policy,
    effect,
    shadow,
    answers: answers.get(name) ?? 0,
  }));
  const enforced = listed.filter(({ shadow }) => !shadow);
  const counted = enforced.length;
  const covered = enforced.filter((rule) => rule.answers > 0).length;
  const percent = counted === 0 ? 100 : Math.floor((covered / counted) * 100);
  return { rules: listed, counted, covered, shadows: listed.length - counted, percent };
}
