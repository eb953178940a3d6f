/** Puts the questions of a suite to a policy and compares the answers with what is expected. Pure. */
import type { Problem } from "../../config/diagnose.ts";
import type { Program } from "../compile.ts";
import { judge, rehearse, type Verdict, type View, viewOf } from "../evaluate.ts";
import type { PolicySubject } from "../facts.ts";
import { type Question, readQuestion, readSubject, type Setting } from "../question.ts";
import { explainFailure } from "./failure.ts";
import type { SuiteTest } from "./schema.ts";
import { pairsOf, type SuiteSource, settingOf } from "./suite.ts";

/** What a policy says to one identity and request of a suite. */
export interface SuiteAnswer {
  readonly identity: string;
  readonly request: string;
  readonly got: Verdict["effect"];
  /** What decided, and where it stands; null where no rule did. */
  readonly rule: string | null;
  readonly policy: string | null;
  /** What is wrong with it, in words; null where it is as expected. */
  readonly failure: string | null;
  /** Rules that decided it, and rules in shadow that would have. */
  readonly decided: readonly string[];
}

/** A test with its answers. */
export interface TestRun {
  /** Null for what no test names, which must be denied. */
  readonly name: string | null;
  /** Where it stands in the suite. */
  readonly path: readonly (string | number)[];
  readonly line: number;
  readonly expect: SuiteTest["expect"];
  /** Rule that has to decide; null for any. */
  readonly rule: string | null;
  readonly answers: readonly SuiteAnswer[];
}

export interface SuiteRun {
  readonly file: string;
  readonly tests: readonly TestRun[];
}

/**
 * Runs a suite that was checked (`checkSuites`), and pauses after each answer: a gateway that serves does something else in
 * between.
 *
 * @param groupsClaimOf the claim that holds the groups of an issuer's tokens
 */
export function* runSuite(
  source: SuiteSource,
  program: Program,
  groupsClaimOf: (issuer: string) => string,
): Generator<undefined, SuiteRun> {
  const asking = new Asking(source, program, groupsClaimOf);
  const { suite } = source;
  const named = new Set<string>();
  const tests: TestRun[] = [];
  for (const [index, test] of suite.tests.entries()) {
    const answers: SuiteAnswer[] = [];
    for (const pair of pairsOf(test)) {
      named.add(JSON.stringify(pair));
      answers.push(asking.answer(pair, settingOf(suite, test), test));
      yield;
    }
    const { name, expect, rule = null } = test;
    tests.push({ name, expect, rule, answers, ...placeOf(source, ["tests", index]) });
  }
  for (const identity of Object.keys(suite.identities)) {
    const answers: SuiteAnswer[] = [];
    for (const pair of pairsOf({ identities: [identity], requests: Object.keys(suite.requests) })) {
      if (named.has(JSON.stringify(pair))) continue;
      answers.push(asking.answer(pair, settingOf(suite), null));
      yield;
    }
    if (answers.length === 0) continue;
    tests.push({ name: null, expect: "deny", rule: null, answers, ...placeOf(source, ["identities", identity]) });
  }
  return { file: source.file, tests };
}

function placeOf(source: SuiteSource, path: TestRun["path"]): Pick<TestRun, "path" | "line"> {
  return { path, line: source.lineOf(path) };
}

class Asking {
  readonly #source: SuiteSource;
  readonly #program: Program;
  readonly #subjects: ReadonlyMap<string, PolicySubject>;
  readonly #views = new Map<string, View>();
  readonly #shadows: ReadonlySet<string>;

  constructor(source: SuiteSource, program: Program, groupsClaimOf: (issuer: string) => string) {
    this.#source = source;
    this.#program = program;
    const { identities } = source.suite;
    this.#subjects = new Map(
      Object.entries(identities).map(([name, identity]) => [
        name,
        readSubject(identity, groupsClaimOf(identity.issuer)),
      ]),
    );
    this.#shadows = new Set(program.rules.filter(({ shadow }) => shadow).map(({ name }) => name));
  }

  /** @param test null for what must be denied because no test names it */
  answer([identity, request]: [string, string], setting: Setting, test: SuiteTest | null): SuiteAnswer {
    const subject = this.#subjects.get(identity);
    const asked = this.#source.suite.requests[request];
    if (subject === undefined || asked === undefined) throw new Error("a suite was run that was not checked");
    const question = readQuestion(subject, asked, setting);
    if (typeof question === "string") {
      const failure = explainFailure({ refused: question }, test, null);
      return { identity, request, got: "deny", rule: null, policy: null, failure, decided: [] };
    }
    const view = this.#viewOf(identity, subject, asked.server);
    const verdict = judge(view, question.target, question.circumstances);
    const failure = explainFailure(verdict, test, { question, view });
    const { effect: got, rule, policy } = verdict;
    return { identity, request, got, rule, policy, failure, decided: this.#deciders(view, question, verdict) };
  }

  #viewOf(identity: string, subject: PolicySubject, server: string): View {
    const key = JSON.stringify([identity, server]);
    const view = this.#views.get(key) ?? viewOf(this.#program, subject, server);
    this.#views.set(key, view);
    return view;
  }

  #deciders(view: View, { target, circumstances }: Question, verdict: Verdict): string[] {
    const rehearsed = rehearse(view, target, circumstances);
    const shadow = rehearsed !== null && this.#shadows.has(rehearsed.rule ?? "") ? [rehearsed] : [];
    return [verdict, ...shadow].flatMap(({ rule, certain, reason }) =>
      // A condition that fails says nothing about what the rule is for.
      rule !== null && certain && reason !== "condition_failed" ? rule : [],
    );
  }
}

/** How many answers there are, and how many are not as expected. */
export interface SuiteTotals {
  readonly tests: number;
  readonly answers: number;
  readonly failed: number;
}

/** Sums up all suites; a test without a name counts by its answers alone. */
export function countAnswers(runs: readonly SuiteRun[]): SuiteTotals {
  const tests = runs.flatMap((run) => run.tests);
  const answers = tests.flatMap((test) => test.answers);
  return {
    tests: tests.filter(({ name }) => name !== null).length,
    answers: answers.length,
    failed: answers.filter(({ failure }) => failure !== null).length,
  };
}

/** One problem for each test that fails, where it stands in the suite. */
export function findFailures({ tests }: SuiteRun, { problem }: SuiteSource): Problem[] {
  return tests.flatMap(({ name, path, answers }) => {
    const [first, ...rest] = answers.filter(({ failure }) => failure !== null);
    if (first === undefined) return [];
    const about = name === null ? "" : `"${name}" fails: `;
    const more = rest.length === 0 ? "" : ` (and ${rest.length} more)`;
    return problem(path, `${about}${first.identity} × ${first.request}: ${first.failure}${more}`);
  });
}
