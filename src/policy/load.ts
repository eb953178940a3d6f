import { type Path, type Problem, sortProblems } from "../config/diagnose.ts";
import { type ProblemExtra, readYaml, type YamlFile } from "../config/document.ts";
import { findIssues, pathOf, valueAt } from "../config/issues.ts";
import { salvage } from "../config/salvage.ts";
import { type Policy, policySchema } from "./schema.ts";

/** The text of a policy file. */
export interface PolicyText {
  /** Name in verdicts and audit records: relative to the configuration's directory, with forward slashes. */
  readonly file: string;
  /** Name in problems, where it differs. */
  readonly shownAs?: string;
  readonly text: string;
}

/** A policy file that was read. */
export interface PolicySource {
  readonly file: string;
  readonly policy: Policy;
  /** Line of what stands at a path of the file, counted from 1. */
  lineOf(path: Path): number;
  problem(path: Path, message: string, extra?: ProblemExtra): Problem;
}

/** Policy files as far as they could be read, and what is wrong with them. */
export interface PolicyReading {
  readonly sources: readonly PolicySource[];
  readonly problems: readonly Problem[];
  /** Names of all roles that the files mean to define, faulty ones included; undefined when a file hides its own. */
  readonly roleNames: ReadonlySet<string> | undefined;
  /** The files' content without comments and layout, for the configuration's hash. */
  readonly contents: readonly (readonly [file: string, value: unknown])[];
}

/** Reads the text of every policy file. Pure; references between files are checked by `checkReferences`. */
export function readPolicies(files: readonly PolicyText[]): PolicyReading {
  const sources: PolicySource[] = [];
  const problems: Problem[] = [];
  const contents: [string, unknown][] = [];
  let roleNames: Set<string> | undefined = new Set();
  for (const { file, shownAs = file, text } of files) {
    const yaml = readYaml(shownAs, text, { secrets: false });
    if (Array.isArray(yaml)) {
      problems.push(...yaml);
      roleNames = undefined;
      continue;
    }
    contents.push([file, yaml.value]);
    for (const name of Object.keys(Object(valueAt(yaml.value, ["roles"])))) roleNames?.add(name);
    const policy = readPolicy(yaml, problems);
    if (policy === undefined) continue;
    sources.push({
      file,
      policy,
      lineOf: (path) => yaml.lineOf(path),
      problem: (path, message, extra) => yaml.problem(path, message, extra),
    });
  }
  return { sources, problems: sortProblems(problems), roleNames, contents };
}

function readPolicy(yaml: YamlFile, problems: Problem[]): Policy | undefined {
  const result = policySchema.safeParse(yaml.value);
  if (result.success) return result.data;
  const { issues } = result.error;
  for (const { path, message, ...extra } of findIssues(policySchema, issues, yaml.value)) {
    problems.push(yaml.problem(path, message, extra));
  }
  return salvage(policySchema, yaml.value, issues.map(pathOf), { version: 1 }).value;
}
