import { checkPolicies } from "../policy/check.ts";
import { expandPatterns, readPolicyTexts } from "../policy/files.ts";
import { type PolicySource, readPolicies } from "../policy/load.ts";
import { ownIssuers } from "./context.ts";
import type { Path, Problem } from "./diagnose.ts";
import type { YamlFile } from "./document.ts";
import { type Finding, valueAt } from "./issues.ts";
import type { OpenConfig } from "./open.ts";
import type { Parts } from "./parts.ts";
import type { Config } from "./schema.ts";

/** What policies need of the configuration that names them. */
export interface PolicyParts {
  readonly policies: Config["policies"];
  readonly identity: Omit<Parts<"identity">["identity"], "issuers">;
}

/** The policy files of a configuration, and everything that is wrong with them. A policy with a finding or problem must not be compiled. */
export interface PolicyFiles {
  readonly sources: readonly PolicySource[];
  /** Absolute paths, as those of the suites beside them. */
  readonly files: readonly string[];
  readonly suites: readonly string[];
  /** Directories in which a new file would count. */
  readonly directories: readonly string[];
  /** The files' content without comments and layout, for the configuration's hash. */
  readonly contents: readonly (readonly [file: string, value: unknown])[];
  /** About the configuration itself: patterns that lead nowhere. */
  readonly findings: readonly Finding[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/**
 * Reads and checks the policies that a configuration names.
 *
 * @param parts as much of the configuration as could be read
 * @param dropped paths of it that could not
 */
export async function readPolicyFiles(
  { yaml, directory, shownIn }: OpenConfig,
  parts: PolicyParts | undefined,
  dropped: readonly Path[],
): Promise<PolicyFiles> {
  const known = parts !== undefined && !dropped.some(([first]) => first === "policies");
  const patterns = known ? parts.policies.files : [];
  const { files, suites, directories, faults } = await expandPatterns(patterns, directory);
  const listed = Array.isArray(valueAt(yaml.value, ["policies"])) ? ["policies"] : ["policies", "files"];
  const findings = faults.map(({ index, message }) => ({ path: [...listed, index], message }));
  const { texts, problems } = await readPolicyTexts(files, directory, shownIn);
  const { sources, contents, roleNames, ...reading } = readPolicies(texts);
  const complete = known && problems.length === 0 && faults.length === 0;
  const checked = checkPolicies(sources, {
    servers: namesAt(yaml, ["servers"]),
    issuers: issuerNames(yaml, parts),
    roleNames: complete ? roleNames : undefined,
  });
  return {
    ...{ sources, files, suites, directories, contents, findings },
    problems: [...problems, ...reading.problems, ...checked.problems],
    warnings: checked.warnings,
  };
}

/** Keys of a mapping of the file, whether or not what they lead to is sound. */
function namesAt(yaml: YamlFile, path: Path): string[] | undefined {
  const value = valueAt(yaml.value, path);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : undefined;
}

function issuerNames(yaml: YamlFile, parts: PolicyParts | undefined): string[] | undefined {
  if (parts === undefined) return undefined;
  const named = namesAt(yaml, ["identity", "issuers"]) ?? [];
  return [...named, ...ownIssuers(parts.identity)];
}
