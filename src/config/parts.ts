import { resolve } from "node:path";
import { z } from "zod";
import { compilePolicy, type Program } from "../policy/compile.ts";
import type { PolicySource } from "../policy/load.ts";
import { ConfigError, type Problem, sortProblems } from "./diagnose.ts";
import { name } from "./fields.ts";
import type { Finding } from "./issues.ts";
import { type OpenConfig, openConfig } from "./open.ts";
import { readPolicyFiles } from "./policy-files.ts";
import { type ConfigReading, readConfig } from "./read.ts";
import { configSchema } from "./schema.ts";

const { shape } = configSchema;
const { issuers, builtin, apiKeys, sessions, certificates } = shape.identity.unwrap().shape;
/** Without the secrets, which no command needs: of clients, and those that are shown to other providers. */
const loginOnly = builtin
  .unwrap()
  .shape.login.unwrap()
  .omit({ clients: true, assertions: true, providers: true })
  .strip()
  .prefault({});
const builtinOnly = builtin.unwrap().extend({ login: loginOnly }).prefault({});
const claimsOnly = issuers.unwrap().valueType.pick({ claims: true }).strip();

/** What commands need of a configuration that is not served, by the schema of the whole: of servers their names, for one. */
const partsSchema = z.object({
  version: shape.version,
  publicUrl: shape.publicUrl,
  servers: z.record(name(), z.unknown()).prefault({}),
  identity: z
    .object({
      issuers: z.record(name(), claimsOnly).prefault({}),
      builtin: builtinOnly,
      apiKeys,
      sessions,
      certificates,
    })
    .prefault({}),
  policies: shape.policies,
  sessions: shape.sessions,
  audit: shape.audit.unwrap().pick({ directory: true }).strip().prefault({}),
  state: shape.state.unwrap().pick({ directory: true }).strip().prefault({}),
});

/** What the commands need that read or change the gateway's state, wherever that is kept. */
const statefulSchema = partsSchema
  .pick({ version: true, servers: true, identity: true, sessions: true })
  .extend({ state: shape.state });
export type StatefulParts = z.output<typeof statefulSchema>;

type AllParts = z.output<typeof partsSchema>;
export type PartName = Exclude<keyof AllParts, "version">;
export type Parts<Name extends PartName> = Pick<AllParts, Name>;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads what a command needs of a configuration, and nothing besides: what is wrong elsewhere in it, or with what references
 * elsewhere lead to, is no matter. Never for a gateway, which `loadConfig` reads for. Directories become absolute.
 *
 * @throws ConfigError with every problem of these parts
 */
export async function loadParts<Name extends PartName>(
  file: string,
  names: readonly Name[],
  env: Environment = process.env,
): Promise<Parts<Name>> {
  const opened = await openConfig(file);
  const { value, findings } = await readParts(opened, names, env);
  if (value === undefined || findings.length > 0) throw new ConfigError(locate(opened, findings));
  return value;
}

/**
 * The same for commands that read or change the gateway's state.
 *
 * @throws ConfigError with every problem of these parts
 */
export async function loadStateful(file: string, env: Environment = process.env): Promise<StatefulParts> {
  const opened = await openConfig(file);
  const { value, findings } = await readConfig(opened.yaml, statefulSchema, { env, directory: opened.directory });
  if (value === undefined || findings.length > 0) throw new ConfigError(locate(opened, findings));
  const { login } = value.identity.builtin;
  if (login.breachedPasswords !== undefined)
    login.breachedPasswords = resolve(opened.directory, login.breachedPasswords);
  return { ...value, state: { ...value.state, directory: resolve(opened.directory, value.state.directory) } };
}

/** The policies of a configuration, found sound, and what they need of it. */
export interface LoadedPolicies
  extends Pick<OpenConfig, "directory" | "shownIn">,
    Parts<"servers" | "identity" | "policies"> {
  readonly policy: Program;
  readonly sources: readonly PolicySource[];
  /** Absolute paths of the suites beside them. */
  readonly suites: readonly string[];
  readonly warnings: readonly Problem[];
}

/**
 * The same with the policies.
 *
 * @throws ConfigError with every problem of these parts and of the policies
 */
export async function loadPolicies(file: string, env: Environment = process.env): Promise<LoadedPolicies> {
  const opened = await openConfig(file);
  const { value, dropped, findings } = await readParts(opened, ["servers", "identity", "policies"], env);
  const { sources, suites, warnings, ...read } = await readPolicyFiles(opened, value, dropped);
  const problems = [...locate(opened, [...findings, ...read.findings]), ...sortProblems(read.problems)];
  if (value === undefined || problems.length > 0) throw new ConfigError(problems);
  const { directory, shownIn } = opened;
  const policy = compilePolicy(sources, Object.keys(value.servers));
  return { ...value, directory, shownIn, policy, sources, suites, warnings };
}

async function readParts<Name extends PartName>(
  { yaml, directory }: OpenConfig,
  names: readonly Name[],
  env: Environment,
): Promise<ConfigReading<Parts<Name>>> {
  const mask = Object.fromEntries(["version", ...names].map((each) => [each, true]));
  const schema = partsSchema.pick(mask as { version: true }) as unknown as z.ZodType<Partial<AllParts>>;
  const reading = await readConfig(yaml, schema, { env, directory });
  for (const part of [reading.value?.audit, reading.value?.state]) {
    if (part !== undefined) part.directory = resolve(directory, part.directory);
  }
  return { ...reading, value: reading.value as Parts<Name> | undefined };
}

function locate({ yaml }: OpenConfig, findings: readonly Finding[]): Problem[] {
  return sortProblems(findings.map(({ path, message, ...extra }) => yaml.problem(path, message, extra)));
}
