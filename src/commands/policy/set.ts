import { stat } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { type Command, Option } from "commander";
import { contextOf } from "../../config/context.ts";
import { ConfigError, type Problem } from "../../config/diagnose.ts";
import { loadPolicies } from "../../config/parts.ts";
import { checkPolicies } from "../../policy/check.ts";
import { compilePolicy, type Program } from "../../policy/compile.ts";
import { expandPatterns, readPolicyTexts } from "../../policy/files.ts";
import { type PolicySource, readPolicies } from "../../policy/load.ts";
import { rulesOf } from "../../policy/references.ts";
import { hintAtConfig, withConfig } from "../config.ts";

/** A policy to ask, test or compare. */
export interface PolicySet {
  readonly sources: readonly PolicySource[];
  /** Absolute paths of the suites beside it. */
  readonly suites: readonly string[];
  /** Whether a gateway takes it only where its suites pass. */
  readonly isTested: boolean;
  /** What file names in verdicts are relative to. */
  readonly directory: string;
  /** The same directory as problems name it. */
  readonly shownIn: string;
  readonly warnings: readonly Problem[];
  /** Names of the configured servers and trusted issuers; undefined without a configuration, when any name may be one. */
  readonly servers: readonly string[] | undefined;
  readonly issuers: readonly string[] | undefined;
  /** Whether a server of this name is configured; without a configuration, any name may be one. */
  hasServer(name: string): boolean;
  /** Whether tokens of this issuer are trusted; without a configuration, any name may be one's. */
  hasIssuer(name: string): boolean;
  /** The claim that holds the groups of an issuer's tokens. */
  groupsClaimOf(issuer: string): string;
  /**
   * @param servers that are asked about: without a configuration nothing else tells which ones a pattern could mean, besides those
   * that rules name
   */
  compile(servers?: Iterable<string>): Program;
}

/** Options that say which policy is meant. */
export interface PolicyOptions {
  readonly config: string;
  readonly policies?: readonly string[];
  readonly json?: true;
}

/** Options that say which policy is meant, the same for every command that asks one. */
export function withPolicies(command: Command): Command {
  return withNamedFiles(command).addOption(policiesOption());
}

/** The same for commands that read nothing of a configuration besides its policies: one beside `-p` would be passed over. */
export function withPoliciesAlone(command: Command): Command {
  return withNamedFiles(command).addOption(policiesOption().conflicts("config"));
}

/** A file that no option names is told which one to use. */
function withNamedFiles(command: Command): Command {
  return withConfig(command).configureOutput({
    outputError(text, write) {
      write(text);
      if (text.startsWith("error: too many arguments")) write("name policy files with -p, a configuration with -c\n");
    },
  });
}

function policiesOption(): Option {
  return new Option(
    "-p, --policies <path...>",
    "policy files or directories, without a configuration; any name may then be a server or an issuer",
  );
}

/** @throws ConfigError with every problem */
export function loadPolicySet({ config, policies }: PolicyOptions): Promise<PolicySet> {
  return policies === undefined ? loadConfiguredPolicy(config) : loadPolicyFiles(policies);
}

/** The policy of a configuration. @throws ConfigError with every problem */
async function loadConfiguredPolicy(file: string): Promise<PolicySet> {
  const loaded = await loadPolicies(file).catch((error) => {
    throw hintAtConfig(error, file, "give policy files with -p");
  });
  const { policy, policies, sources, suites, directory, shownIn, warnings } = loaded;
  const { servers, issuers, groupsClaimOf } = contextOf(loaded);
  return {
    sources,
    suites,
    isTested: policies.testsOnReload,
    directory,
    shownIn,
    warnings,
    servers,
    issuers,
    hasServer: (name) => servers.includes(name),
    hasIssuer: (name) => issuers.includes(name),
    groupsClaimOf,
    compile: () => policy,
  };
}

/**
 * Policy files without a configuration, such as those of another branch.
 *
 * @param paths files, patterns, or directories of policy files
 * @throws ConfigError with every problem
 */
export async function loadPolicyFiles(paths: readonly string[]): Promise<PolicySet> {
  const patterns = await Promise.all(
    paths.map(async (path) => ((await isDirectory(path)) ? join(path, "*.y*ml") : path)),
  );
  const { files, suites, faults } = await expandPatterns(patterns, process.cwd());
  const missing = faults.map(({ index, message }) => ({
    file: paths[index] ?? "",
    line: 1,
    column: 1,
    path: "",
    message,
  }));
  const [first = process.cwd()] = files;
  const directory = paths.length === 1 ? dirname(first) : process.cwd();
  const shownIn = relativeName(directory);
  const { texts, problems } = await readPolicyTexts(files, directory, shownIn);
  const misplaced = texts.find(({ text }) => isConfiguration(text));
  if (misplaced !== undefined) {
    const message = "this is a configuration, not a policy; use -c";
    throw new ConfigError([{ file: misplaced.shownAs ?? misplaced.file, line: 1, column: 1, path: "", message }]);
  }
  const reading = readPolicies(texts);
  const context = { servers: undefined, issuers: undefined, roleNames: reading.roleNames };
  const checked = checkPolicies(reading.sources, context);
  const all = [...missing, ...problems, ...reading.problems, ...checked.problems];
  if (all.length > 0) throw new ConfigError(all, missing.length + problems.length > 0 ? "unreadable" : "invalid");
  const named = reading.sources.flatMap((source) => [...rulesOf(source)].map(({ rule }) => rule.server));
  return {
    sources: reading.sources,
    suites,
    isTested: true,
    directory,
    shownIn,
    warnings: checked.warnings,
    servers: undefined,
    issuers: undefined,
    hasServer: () => true,
    hasIssuer: () => true,
    groupsClaimOf: () => "groups",
    compile: (servers = []) =>
      compilePolicy(reading.sources, [...new Set([...named.filter((name) => !/[*?]/.test(name)), ...servers])]),
  };
}

/** Only a configuration has these at the top, and it must have them. */
function isConfiguration(text: string): boolean {
  return /^["']?(?:publicUrl|servers)["']?\s*:/m.test(text);
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(resolve(path)).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function relativeName(directory: string): string {
  const name = relative(process.cwd(), directory);
  // What is not below is named as a whole.
  if (name === ".." || name.startsWith(`..${sep}`) || isAbsolute(name)) return directory;
  return name === "" ? "." : name;
}
