import type { z } from "zod";
import { arePathsRelated, type Path } from "./diagnose.ts";
import type { YamlFile } from "./document.ts";
import { type Finding, findIssues, maskUnknown, openUnions, pathOf, schemaAt, valueAt } from "./issues.ts";
import { salvage } from "./salvage.ts";
import { fillReferences, readWanted, type Surroundings } from "./values.ts";

/** What a configuration file says, references filled in. */
export interface ConfigReading<Content> {
  /** As much of the configuration as could be read; undefined when next to nothing could. */
  readonly value: Content | undefined;
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

/**
 * Reads the values of a configuration file: references, then the schema. What they mean together is checked elsewhere.
 *
 * @param schema of the whole configuration, or of some of it: references that it knows nothing of are not followed
 */
export async function readConfig<Schema extends z.ZodType>(
  yaml: YamlFile,
  schema: Schema,
  surroundings: Surroundings,
): Promise<ConfigReading<z.output<Schema>>> {
  maskSecrets(yaml, yaml.value, []);
  const isKnown = (path: Path) => schemaAt(schema, path) !== undefined;
  const { value, findings, whole, files } = await fillReferences(yaml.value, isKnown, surroundings);
  let result = schema.safeParse(value);
  if (!result.success && readWanted(value, openUnions(result.error.issues), whole)) result = schema.safeParse(value);
  if (result.success && findings.length === 0) return { value: result.data, dropped: [], findings, files };
  const faulty = findings.map(({ path }) => path);
  const all = result.success ? [] : openUnions(result.error.issues);
  // Where a reference leads nowhere, that the value is missing is no second problem.
  const issues = all.filter((issue) => !faulty.some((path) => samePath(path, pathOf(issue))));
  maskUnknown(yaml, issues);
  const salvaged = salvage(schema, value, [...faulty, ...issues.flatMap(pathsOf)], standIns);
  return { ...salvaged, findings: [...findings, ...findIssues(schema, issues, value)], files };
}

function pathsOf(issue: Parameters<typeof pathOf>[0]): Path[] {
  const path = pathOf(issue);
  return issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
}

const secretKeys: ReadonlySet<unknown> = new Set(
  "credentials headers bearer clientSecret clientKey secret redis".split(" "),
);

/** Secrets that stand in the file itself, wherever such a key was put, stay out of excerpts. */
function maskSecrets(yaml: YamlFile, value: unknown, path: Path, inherited = false): void {
  const secret = inherited || secretKeys.has(path.at(-1));
  if (typeof value === "object" && value !== null) {
    const steps = Array.isArray(value) ? value.keys() : Object.keys(value);
    for (const step of steps) maskSecrets(yaml, valueAt(value, [step]), [...path, step], secret);
  } else if ((secret && !isBareReference(value)) || isTelling(value)) {
    yaml.mask(path);
  }
}

/** A reference shows nothing, and seeing it helps; its default may well be a secret. */
function isBareReference(value: unknown): boolean {
  return typeof value === "string" && /^\$\{[^}]*\}$/.test(value) && !value.includes(":-");
}

/**
 * Whether a text may hold a secret wherever it stands: `https://user:password@host` and `https://host?key=…` (RFC 3986, sections 3.2.1 and 3.4),
 * also with a mistake in them, and a private key in place of the name of its file (RFC 7468).
 */
function isTelling(value: unknown): boolean {
  return typeof value === "string" && /:.*@|:\/\/.*\?|-----BEGIN [A-Z ]*PRIVATE KEY-----/s.test(value);
}

function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && arePathsRelated(a, b);
}
