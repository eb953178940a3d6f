import { arePathsRelated, type Path } from "./diagnose.ts";
import type { YamlFile } from "./document.ts";
import { type Finding, findIssues, maskUnknown, openUnions, pathOf, valueAt } from "./issues.ts";
import { salvage } from "./salvage.ts";
import { type Config, configSchema } from "./schema.ts";
import { fillReferences, readWanted, type Surroundings } from "./values.ts";

/** What a configuration file says, references filled in. */
export interface ConfigReading {
  /** As much of the configuration as could be read; undefined when next to nothing could. */
  readonly value: Config | undefined;
  readonly dropped: readonly Path[];
  readonly findings: readonly Finding[];
  readonly files: readonly string[];
}

/** What stands in for a required member that is missing or wrong, so that the others can be checked. */
const standIns = {
  version: 1,
  publicUrl: "https://gateway.invalid",
  servers: { unknown: { url: "https://server.invalid/mcp" } },
  policies: ["unknown"],
};

/** Reads the values of a configuration file: references, then the schema. What they mean together is checked elsewhere. */
export async function readConfig(yaml: YamlFile, surroundings: Surroundings): Promise<ConfigReading> {
  maskSecrets(yaml, yaml.value, []);
  const { value, findings, whole, files } = await fillReferences(yaml.value, surroundings);
  let result = configSchema.safeParse(value);
  if (!result.success && readWanted(value, openUnions(result.error.issues), whole))
    result = configSchema.safeParse(value);
  if (result.success && findings.length === 0) return { value: result.data, dropped: [], findings, files };
  const faulty = findings.map(({ path }) => path);
  const all = result.success ? [] : openUnions(result.error.issues);
  // Where a reference leads nowhere, that the value is missing is no second problem.
  const issues = all.filter((issue) => !faulty.some((path) => samePath(path, pathOf(issue))));
  maskUnknown(yaml, issues);
  const salvaged = salvage(configSchema, value, [...faulty, ...issues.flatMap(pathsOf)], standIns);
  return { ...salvaged, findings: [...findings, ...findIssues(configSchema, issues, value)], files };
}

function pathsOf(issue: Parameters<typeof pathOf>[0]): Path[] {
  const path = pathOf(issue);
  return issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
}

const secretKeys: ReadonlySet<unknown> = new Set(["credentials", "headers", "bearer"]);

/** Secrets that stand in the file itself, wherever such a key was put, stay out of excerpts. */
function maskSecrets(yaml: YamlFile, value: unknown, path: Path, inherited = false): void {
  const secret = inherited || secretKeys.has(path.at(-1));
  if (typeof value === "object" && value !== null) {
    const steps = Array.isArray(value) ? value.keys() : Object.keys(value);
    for (const step of steps) maskSecrets(yaml, valueAt(value, [step]), [...path, step], secret);
  } else if ((secret && !isBareReference(value)) || hasUserInfo(value)) {
    yaml.mask(path);
  }
}

/** A reference shows nothing, and seeing it helps; its default may well be a secret. */
function isBareReference(value: unknown): boolean {
  return typeof value === "string" && /^\$\{[^}]*\}$/.test(value) && !value.includes(":-");
}

/** `https://user:password@host` (RFC 3986 section 3.2.1). */
function hasUserInfo(value: unknown): boolean {
  return typeof value === "string" && /:\/\/[^/]*@/.test(value);
}

function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && arePathsRelated(a, b);
}
