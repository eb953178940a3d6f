/** Suites, read as policies are, and checked against the policy and the configuration that they are about. Pure. */
import { didYouMean, type Path, type Problem, sortProblems } from "../../config/diagnose.ts";
import { type ProblemExtra, readYaml, type YamlFile } from "../../config/document.ts";
import { findIssues, pathOf, valueAt } from "../../config/issues.ts";
import { isPolicy } from "../../config/misplaced.ts";
import { salvage } from "../../config/salvage.ts";
import { readInstant } from "../clock.ts";
import type { PolicyText } from "../load.ts";
import type { Setting } from "../question.ts";
import { type Suite, type SuiteTest, suiteSchema } from "./schema.ts";

/** A suite that was read. */
export interface SuiteSource {
  /** Name in problems and reports. */
  readonly file: string;
  readonly suite: Suite;
  /** Names that the file means to define, faulty entries included. */
  readonly identities: ReadonlySet<string>;
  readonly requests: ReadonlySet<string>;
  /** Line of what stands at a path of the file, counted from 1. */
  lineOf(path: Path): number;
  problem(path: Path, message: string, extra?: ProblemExtra): Problem;
}

/** What suites may refer to. */
export interface SuiteContext {
  /** Names of the policy's rules. */
  readonly rules: ReadonlySet<string>;
  /** Names of the configured servers; undefined without a configuration, when any name may be one. */
  readonly servers: readonly string[] | undefined;
  /** Names of the trusted issuers, likewise. */
  readonly issuers: readonly string[] | undefined;
}

/** Reads the texts of suites; what is wrong between their parts {@link checkSuites} says. */
export function readSuites(texts: readonly PolicyText[]): {
  readonly sources: readonly SuiteSource[];
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const sources = texts.flatMap(({ file, shownAs = file, text }) => {
    const yaml = readYaml(shownAs, text, { secrets: false });
    if (!Array.isArray(yaml)) return readSuite(yaml, problems) ?? [];
    problems.push(...yaml);
    return [];
  });
  return { sources, problems: sortProblems(problems) };
}

/** What stands in for the parts that are missing, so that the others can be checked. */
const standIns = {
  version: 1,
  identities: { unknown: { subject: "unknown" } },
  requests: { unknown: { server: "unknown" } },
};

function readSuite(yaml: YamlFile, problems: Problem[]): SuiteSource | undefined {
  if (isPolicy(yaml.value)) {
    problems.push(yaml.problem([], "this is a policy, not a suite", { hint: "name it with -p to run its suite" }));
    return undefined;
  }
  const result = suiteSchema.safeParse(yaml.value);
  const issues = result.success ? [] : result.error.issues;
  for (const { path, message, ...extra } of findIssues(suiteSchema, issues, yaml.value)) {
    problems.push(yaml.problem(path, message, extra));
  }
  const suite = result.success ? result.data : salvage(suiteSchema, yaml.value, issues.map(pathOf), standIns).value;
  if (suite === undefined) return undefined;
  const namesAt = (key: string) => new Set(Object.keys(Object(valueAt(yaml.value, [key]))));
  return {
    file: yaml.file,
    suite,
    identities: namesAt("identities"),
    requests: namesAt("requests"),
    lineOf: (path) => yaml.lineOf(path),
    problem: (path, message, extra) => yaml.problem(path, message, extra),
  };
}

/** Everything that is wrong with suites that were read. One with a problem must not be run: it would test something else. */
export function checkSuites(sources: readonly SuiteSource[], context: SuiteContext): Problem[] {
  return sortProblems(
    sources.flatMap((source) => [
      ...findUnknownNames(source),
      ...findUnknownRules(source, context.rules),
      ...findUnknownPlaces(source, context),
      ...findContradictions(source),
    ]),
  );
}

function findUnknownNames(source: SuiteSource): Problem[] {
  return source.suite.tests.flatMap((test, index) =>
    (["identities", "requests"] as const).flatMap((key) =>
      test[key].flatMap((name, at) => {
        if (source[key].has(name)) return [];
        const hint = findHint(name, source[key]);
        return source.problem(["tests", index, key, at], `no such name in ${key} of this suite`, { hint });
      }),
    ),
  );
}

function findUnknownRules({ suite, problem }: SuiteSource, rules: ReadonlySet<string>): Problem[] {
  return suite.tests.flatMap(({ rule }, index) => {
    if (rule === undefined || rules.has(rule)) return [];
    const message = "no rule of the policy has this id or place";
    return problem(["tests", index, "rule"], message, { hint: findHint(rule, rules) });
  });
}

/** Looking for the nearest of thousands, for each of thousands, would take minutes. */
function findHint(name: string, known: ReadonlySet<string>): string | undefined {
  return known.size > 1_000 ? undefined : didYouMean(name, known);
}

function findUnknownPlaces(source: SuiteSource, { servers, issuers }: SuiteContext): Problem[] {
  const { suite } = source;
  const find = (
    kind: string,
    known: readonly string[] | undefined,
    named: readonly (readonly [name: string, path: Path])[],
  ) =>
    named.flatMap(([name, path]) => {
      if (known === undefined || known.includes(name) || !isWritten(path)) return [];
      return source.problem(path, `no such ${kind} in the configuration`, { hint: didYouMean(name, known) });
    });
  // Not what stands in for parts that are missing.
  const isWritten = ([key, name]: Path) => source[key as "requests"].has(String(name));
  const requests = Object.entries(suite.requests).map(
    ([name, { server }]) => [server, ["requests", name, "server"]] as const,
  );
  const identities = Object.entries(suite.identities).map(
    ([name, { issuer }]) => [issuer, ["identities", name, "issuer"]] as const,
  );
  return [...find("server", servers, requests), ...find("issuer", issuers, identities)];
}

/** Answers of one suite: a matrix is easily written that takes hours, while a gateway waits with its start. */
export const maxAnswers = 100_000;

/** Tests that cannot both pass; and suites that are too large to look for them. */
function findContradictions({ suite, lineOf, problem }: SuiteSource): Problem[] {
  const implied = Object.keys(suite.identities).length * Object.keys(suite.requests).length;
  const sizes = suite.tests.map(({ identities, requests }) => identities.length * requests.length);
  const total = sizes.reduce((sum, size) => sum + size, implied);
  if (total > maxAnswers) return [problem([], `this suite asks for ${total} answers; expected at most ${maxAnswers}`)];
  const seen = new Map<string, number>();
  return suite.tests.flatMap((test, index) => {
    const setting = settingOf(suite, test);
    for (const pair of pairsOf(test)) {
      const key = JSON.stringify([pair, setting]);
      const first = seen.get(key) ?? index;
      seen.set(key, first);
      const other = suite.tests[first];
      if (other === undefined || agree(test, other)) continue;
      const [identity, request] = pair;
      const message = `the test at line ${lineOf(["tests", first])} expects something else of ${identity} × ${request}`;
      return problem(["tests", index], message, { hint: "give one of them another at or ip, or take one away" });
    }
    return [];
  });
}

function agree(one: SuiteTest, other: SuiteTest): boolean {
  if (one.expect !== other.expect) return false;
  return one.rule === undefined || other.rule === undefined || one.rule === other.rule;
}

/** Each identity with each request of a test, once. */
export function pairsOf({ identities, requests }: Pick<SuiteTest, "identities" | "requests">): [string, string][] {
  const each = [...new Set(requests)];
  return [...new Set(identities)].flatMap((identity) => each.map((request): [string, string] => [identity, request]));
}

/** Where and when a test asks; what it does not say its suite may. */
export function settingOf(suite: Suite, test?: SuiteTest): Setting {
  const at = test?.at ?? suite.at;
  return { atMs: at === undefined ? undefined : readInstant(at), ip: test?.ip ?? suite.ip };
}
