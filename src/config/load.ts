import { dirname, resolve } from "node:path";
import { checkPolicies } from "../policy/check.ts";
import { compilePolicy, type Program } from "../policy/compile.ts";
import { expandPatterns, readPolicyTexts, suiteOf } from "../policy/files.ts";
import { type PolicySource, readPolicies } from "../policy/load.ts";
import { arePathsRelated, ConfigError, type Path, type Problem, sortProblems } from "./diagnose.ts";
import { digestContents } from "./digest.ts";
import { readYaml, type YamlFile } from "./document.ts";
import { readText } from "./files.ts";
import { type Finding, valueAt } from "./issues.ts";
import { checkFiles } from "./material.ts";
import { readConfig } from "./read.ts";
import { checkConfig, isUrl, type RuleFinding } from "./rules.ts";
import type { Config } from "./schema.ts";

const maxFileBytes = 1_048_576;

/** A configuration and its policies, found sound. */
export interface LoadedConfig {
  /** File names in it are absolute; `policies` are the files that the patterns stand for. */
  readonly config: Config;
  readonly policy: Program;
  /** The policy files it was compiled from, and the suites beside them, as absolute paths. */
  readonly sources: readonly PolicySource[];
  readonly suites: readonly string[];
  /** Absolute path of the configuration file, and the directory that relative paths in it are relative to. */
  readonly file: string;
  readonly directory: string;
  /** The same directory as problems name it. */
  readonly shownIn: string;
  /** 16 hex digits of SHA-256 over the content of configuration and policies, comments and layout aside. */
  readonly hash: string;
  /** The same over the configuration without the policies. */
  readonly settings: string;
  /** Absolute paths of every file that was read, and of suites that may be read with them, whether or not they are there. */
  readonly watched: readonly string[];
  /** Absolute paths of the directories in which a new policy file would count. */
  readonly watchedDirectories: readonly string[];
  /** What is allowed but deserves a look. */
  readonly warnings: readonly Problem[];
}

/**
 * Reads a configuration with everything it refers to, and finds every problem in one go.
 *
 * The hash is over what the files say, not over what references in them stand for: it may be shown, and a secret may not.
 *
 * @param now what certificates are valid at
 * @throws ConfigError with every problem
 */
export async function loadConfig(
  file: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
  now: Date = new Date(),
): Promise<LoadedConfig> {
  const absolute = resolve(file);
  const directory = dirname(absolute);
  const read = await readText(absolute, { maxBytes: maxFileBytes });
  if ("fault" in read) throw new ConfigError([fileProblem(file, read.fault)], "unreadable");
  const yaml = readYaml(file, read.value);
  if (Array.isArray(yaml)) throw new ConfigError(yaml);

  const reading = await readConfig(yaml, { env, directory });
  const { value, dropped } = reading;
  const paths = value === undefined ? undefined : resolvePaths(value, directory);
  const material = paths === undefined ? undefined : await checkFiles(paths, now);
  const findings = [...(value === undefined ? [] : checkConfig(value)), ...(material?.findings ?? [])].filter(
    (finding) => !isVoid(finding, dropped),
  );
  const listed = Array.isArray(valueAt(yaml.value, ["policies"])) ? ["policies"] : ["policies", "files"];
  const policies = await readPolicyFiles(value, dropped, directory, dirname(file), listed);
  const place = ({ path, message, ...extra }: Finding) => yaml.problem(path, message, extra);
  const own = [...reading.findings, ...findings.filter(({ severity }) => severity === "problem"), ...policies.findings];
  const checked = checkPolicies(policies.sources, {
    servers: namesAt(yaml, ["servers"]),
    issuers: issuerNames(yaml, value),
    roleNames: policies.roleNames,
  });
  const policyProblems = [...policies.problems, ...checked.problems];
  const problems = [...sortProblems(own.map(place)), ...sortProblems(policyProblems)];
  if (problems.length > 0 || value === undefined || paths === undefined) throw new ConfigError(problems);
  const suites = value.policies.testsOnReload ? [...policies.suites, ...policies.files.map(suiteOf)] : [];
  return {
    config: { ...paths, policies: { ...paths.policies, files: [...policies.files] } },
    policy: compilePolicy(policies.sources, Object.keys(value.servers)),
    sources: policies.sources,
    suites: policies.suites,
    file: absolute,
    directory,
    shownIn: dirname(file),
    hash: digestContents([["", yaml.value], ...policies.contents]),
    settings: digestContents([["", yaml.value]]),
    watched: [...new Set([absolute, ...reading.files, ...(material?.files ?? []), ...policies.files, ...suites])],
    watchedDirectories: policies.directories,
    warnings: [
      ...sortProblems(findings.filter(({ severity }) => severity === "warning").map(place)),
      ...checked.warnings,
    ],
  };
}

/** A finding is void when it is about something that could not be read, or rests on it. */
function isVoid({ path, reads = [] }: RuleFinding, dropped: readonly Path[]): boolean {
  return dropped.some(
    (gone) =>
      (gone.length <= path.length && arePathsRelated(gone, path)) || reads.some((each) => arePathsRelated(gone, each)),
  );
}

function resolvePaths(config: Config, directory: string): Config {
  const at = (path: string) => resolve(directory, path);
  const { tls } = config.listen;
  const issuers = Object.entries(config.identity.issuers).map(([name, issuer]) => {
    const jwks = issuer.jwks === undefined || isUrl(issuer.jwks) ? issuer.jwks : at(issuer.jwks);
    return [name, jwks === undefined ? issuer : { ...issuer, jwks }] as const;
  });
  return {
    ...config,
    listen: tls === undefined ? config.listen : { ...config.listen, tls: { cert: at(tls.cert), key: at(tls.key) } },
    identity: { ...config.identity, issuers: Object.fromEntries(issuers) },
    audit: { ...config.audit, directory: at(config.audit.directory) },
    state: { ...config.state, directory: at(config.state.directory) },
  };
}

async function readPolicyFiles(
  config: Config | undefined,
  dropped: readonly Path[],
  directory: string,
  shownIn: string,
  listed: Path,
) {
  const known = config !== undefined && !dropped.some(([first]) => first === "policies");
  const { files, suites, directories, faults } = await expandPatterns(known ? config.policies.files : [], directory);
  const findings: Finding[] = faults.map(({ index, message }) => ({ path: [...listed, index], message }));
  const { texts, problems } = await readPolicyTexts(files, directory, shownIn);
  const reading = readPolicies(texts);
  const complete = known && problems.length === 0 && faults.length === 0;
  return {
    ...reading,
    files,
    suites,
    directories,
    findings,
    problems: [...problems, ...reading.problems],
    roleNames: complete ? reading.roleNames : undefined,
  };
}

function fileProblem(file: string, message: string): Problem {
  return { file, line: 1, column: 1, path: "", message };
}

/** Keys of a mapping of the file, whether or not what they lead to is sound. */
function namesAt(yaml: YamlFile, path: Path): string[] | undefined {
  const value = valueAt(yaml.value, path);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : undefined;
}

function issuerNames(yaml: YamlFile, config: Config | undefined): string[] | undefined {
  if (config === undefined) return undefined;
  const named = namesAt(yaml, ["identity", "issuers"]) ?? [];
  return config.identity.builtin.enabled ? [...named, "builtin"] : named;
}
