import { setImmediate as pause } from "node:timers/promises";
import type { Program } from "../policy/compile.ts";
import { readPolicyTexts } from "../policy/files.ts";
import { type Coverage, measureCoverage } from "../policy/suite/coverage.ts";
import { countAnswers, findFailures, runSuite, type SuiteRun, type SuiteTotals } from "../policy/suite/run.ts";
import { checkSuites, readSuites } from "../policy/suite/suite.ts";
import { contextOf } from "./context.ts";
import { ConfigError, type Problem } from "./diagnose.ts";
import type { LoadedConfig } from "./load.ts";

/** A policy that suites are run against. */
export interface TestedPolicy {
  /** Names of the configured servers and issuers; undefined without a configuration, when any name may be one. */
  readonly servers: readonly string[] | undefined;
  readonly issuers: readonly string[] | undefined;
  groupsClaimOf(issuer: string): string;
  /** @param servers that are asked about */
  compile(servers: Iterable<string>): Program;
}

/** Where suites are. */
export interface SuiteFiles {
  /** Absolute paths. */
  readonly paths: readonly string[];
  readonly directory: string;
  /** The same directory as problems name it. */
  readonly shownIn: string;
}

/** What came of suites. */
export interface SuiteReport {
  readonly runs: readonly SuiteRun[];
  readonly totals: SuiteTotals;
  readonly coverage: Coverage;
  /** One for each test that fails, where it stands in its suite. */
  readonly failures: readonly Problem[];
}

/**
 * Reads suites, checks them and runs them.
 *
 * @throws ConfigError with everything that is wrong with the suites themselves: nothing was run then
 */
export async function runSuites(
  { paths, directory, shownIn }: SuiteFiles,
  { servers, issuers, groupsClaimOf, compile }: TestedPolicy,
): Promise<SuiteReport> {
  const { texts, problems: unreadable } = await readPolicyTexts(paths, directory, shownIn);
  const { sources, problems } = readSuites(texts);
  const program = compile(sources.flatMap(({ suite }) => Object.values(suite.requests).map(({ server }) => server)));
  const rules = new Set(program.rules.map(({ name }) => name));
  const all = [...unreadable, ...problems, ...checkSuites(sources, { rules, servers, issuers })];
  if (all.length > 0) throw new ConfigError(all, unreadable.length > 0 ? "unreadable" : "invalid");
  const runs: SuiteRun[] = [];
  const failures: Problem[] = [];
  for (const source of sources) {
    const run = await finish(runSuite(source, program, groupsClaimOf));
    runs.push(run);
    failures.push(...findFailures(run, source));
  }
  return { runs, totals: countAnswers(runs), coverage: measureCoverage(program, runs), failures };
}

/** Answers between two looks at whatever else there is to do; some milliseconds' worth. */
const answersAtOnce = 256;

async function finish(running: Generator<undefined, SuiteRun>): Promise<SuiteRun> {
  for (let answers = 1; ; answers += 1) {
    const step = running.next();
    if (step.done === true) return step.value;
    if (answers % answersAtOnce === 0) await pause();
  }
}

/**
 * Runs suites that must pass.
 *
 * @returns null where there are none
 * @throws ConfigError when one fails or cannot be run, with a problem for each test that fails
 */
export async function passSuites(files: SuiteFiles, tested: TestedPolicy): Promise<SuiteReport | null> {
  if (files.paths.length === 0) return null;
  const report = await runSuites(files, tested).catch(fault);
  if (report.failures.length > 0) throw new ConfigError(report.failures);
  return report;
}

/** The same with the suites beside the policies of a configuration. */
export async function testPolicies({
  config,
  policy,
  suites: paths,
  directory,
  shownIn,
}: LoadedConfig): Promise<SuiteReport | null> {
  return passSuites({ paths, directory, shownIn }, { ...contextOf(config), compile: () => policy });
}

/** A suite that cannot be read is a finding about a configuration, which could be. */
function fault(error: unknown): never {
  if (error instanceof ConfigError) throw new ConfigError(error.problems);
  throw error;
}

/**
 * The same before a configuration is taken, unless it says otherwise.
 *
 * @throws ConfigError as `testPolicies` does
 */
export async function admitConfig(loaded: LoadedConfig): Promise<void> {
  if (loaded.config.policies.testsOnReload) await testPolicies(loaded);
}
