/** What came of suites, as text for a terminal and as one JSON object. Pure. */
import type { Coverage } from "./coverage.ts";
import type { SuiteRun, SuiteTotals, TestRun } from "./run.ts";

/** What a report is about. */
export interface Tested {
  readonly runs: readonly SuiteRun[];
  readonly totals: SuiteTotals;
  readonly coverage: Coverage;
  /** Percent of rules that have to be covered; null for any. */
  readonly minCoverage: number | null;
}

/** Whether every answer is as expected, and enough rules were tested. */
export function isPassed({ totals, coverage, minCoverage }: Tested): boolean {
  return totals.failed === 0 && isCovered(coverage, minCoverage);
}

function isCovered({ percent }: Coverage, minCoverage: number | null): boolean {
  return minCoverage === null || percent >= minCoverage;
}

/** What a test is called; tests that nobody wrote have a name too. */
export function titleOf({ name }: Pick<TestRun, "name">): string {
  return name ?? "what no test names is denied";
}

/** Failures with their place in the suite, then what was tested and which rules were not. */
export function renderText(tested: Tested): string {
  const { runs, totals, coverage, minCoverage } = tested;
  const { tests, answers, failed } = totals;
  const counted = `${count(tests, "test")}, ${count(answers, "answer")}`;
  const lines = [
    ...runs.flatMap(renderSuite),
    "",
    ...renderCoverage(coverage, minCoverage),
    "",
    failed === 0 ? `${counted}, all as expected` : `${counted}, ${failed} not as expected`,
  ];
  return `${lines.join("\n")}\n`;
}

function renderSuite({ file, tests }: SuiteRun): string[] {
  const failing = tests.filter(({ answers }) => answers.some(({ failure }) => failure !== null));
  const total = tests.reduce((sum, { answers }) => sum + answers.length, 0);
  const head = `${failing.length === 0 ? "ok  " : "FAIL"}  ${file}  ${count(total, "answer")}`;
  return [head, ...failing.flatMap((test) => renderTest(file, test))];
}

function renderTest(file: string, test: TestRun): string[] {
  const failed = test.answers.flatMap(({ identity, request, failure }) =>
    failure === null ? [] : `    ${identity} × ${request}: ${failure}`,
  );
  const more = failed.length > maxShown ? [`    … and ${failed.length - maxShown} more`] : [];
  return [`  ${file}:${test.line}: ${titleOf(test)}`, ...failed.slice(0, maxShown), ...more];
}

/** Answers of one test; the JSON has them all. */
const maxShown = 20;

function renderCoverage(coverage: Coverage, minCoverage: number | null): string[] {
  const { rules, counted, covered, shadows, percent } = coverage;
  const wanted = isCovered(coverage, minCoverage) ? "" : `, expected at least ${minCoverage}%`;
  const never = rules.filter(({ answers, shadow }) => answers === 0 && !shadow);
  return [
    `coverage  ${covered} of ${count(counted, "rule")} decided an answer (${percent}%${wanted})`,
    ...(shadows === 0 ? [] : [`in shadow ${count(shadows, "rule")}, not counted`]),
    ...never.map(({ rule, policy }, index) => `${(index === 0 ? "never" : "").padEnd(10)}${rule} at ${policy}`),
  ];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** The same and everything else, as plain data. */
export function describeReport(tested: Tested): object {
  const { runs, totals, coverage, minCoverage } = tested;
  return {
    ok: isPassed(tested),
    totals,
    coverage: { ...coverage, required: minCoverage },
    suites: runs.map(({ file, tests }) => ({ file, tests: tests.map(describeTest) })),
  };
}

function describeTest({ name, line, expect, rule, answers }: TestRun): object {
  const described = answers.map(({ decided: _decided, ...answer }) => ({ ok: answer.failure === null, ...answer }));
  return { name, line, expect, rule, answers: described };
}
