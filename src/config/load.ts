import { resolve } from "node:path";
import { isObject } from "../mcp/object.ts";
import { compilePolicy, type Program } from "../policy/compile.ts";
import { suiteOf } from "../policy/files.ts";
import type { PolicySource } from "../policy/load.ts";
import { arePathsRelated, ConfigError, type Path, type Problem, sortProblems } from "./diagnose.ts";
import { digestContents } from "./digest.ts";
import type { RuleFinding } from "./finding.ts";
import { isUrl } from "./identity-rules.ts";
import type { Finding } from "./issues.ts";
import { checkFiles } from "./material.ts";
import { openConfig } from "./open.ts";
import { readPolicyFiles } from "./policy-files.ts";
import { readConfig } from "./read.ts";
import { checkConfig } from "./rules.ts";
import { type Config, configSchema } from "./schema.ts";
import type { SinkConfig } from "./sinks.ts";

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
  /**
   * The same over the configuration without the policies, and without credentials for servers: a stream that is open shows none
   * any more, so it need not end for others.
   */
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
 * @param look finds what else is wrong, where it is about this machine and user more than about the files
 * @throws ConfigError with every problem
 */
export async function loadConfig(
  named: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
  now: Date = new Date(),
  look: (config: Config) => readonly RuleFinding[] = () => [],
): Promise<LoadedConfig> {
  const opened = await openConfig(named);
  const { yaml, file, directory, shownIn } = opened;
  const reading = await readConfig(yaml, configSchema, { env, directory });
  const { value, dropped } = reading;
  const paths = value === undefined ? undefined : resolvePaths(value, directory);
  const material = paths === undefined ? undefined : await checkFiles(paths, now);
  const findings = [
    ...(value === undefined ? [] : checkConfig(value)),
    ...(material?.findings ?? []),
    ...(paths === undefined ? [] : look(paths)),
  ].filter((finding) => !isVoid(finding, dropped));
  const policies = await readPolicyFiles(opened, value, dropped);
  const place = ({ path, message, ...extra }: Finding) => yaml.problem(path, message, extra);
  const own = [...reading.findings, ...findings.filter(({ severity }) => severity === "problem"), ...policies.findings];
  const problems = [...sortProblems(own.map(place)), ...sortProblems(policies.problems)];
  const isTested = value?.policies.testsOnReload === true;
  const suites = isTested ? [...policies.suites, ...policies.files.map(suiteOf)] : [];
  const read = [file, ...reading.files, ...(material?.files ?? []), ...policies.files, ...suites];
  if (problems.length > 0 || value === undefined || paths === undefined) {
    throw new ConfigError(problems, "invalid", [...read, ...policies.directories]);
  }
  return {
    config: { ...paths, policies: { ...paths.policies, files: [...policies.files] } },
    policy: compilePolicy(policies.sources, Object.keys(value.servers)),
    sources: policies.sources,
    suites: policies.suites,
    ...{ file, directory, shownIn },
    hash: digestContents([["", yaml.value], ...policies.contents]),
    settings: digestContents([["", withoutCredentials(yaml.value)]]),
    watched: [...new Set(read)],
    watchedDirectories: policies.directories,
    warnings: [
      ...sortProblems(findings.filter(({ severity }) => severity === "warning").map(place)),
      ...policies.warnings,
    ],
  };
}

function withoutCredentials(value: unknown): unknown {
  if (!isObject(value) || !isObject(value.servers)) return value;
  const servers = Object.entries(value.servers).map(([name, server]) => {
    return [name, isObject(server) ? { ...server, credentials: undefined } : server];
  });
  return { ...value, servers: Object.fromEntries(servers) };
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
  const withFiles = (each: NonNullable<typeof tls>) => ({
    ...each,
    cert: at(each.cert),
    key: at(each.key),
    ...(each.clientCa !== undefined && { clientCa: at(each.clientCa) }),
    ...(each.clientCrl !== undefined && { clientCrl: at(each.clientCrl) }),
  });
  const issuers = Object.entries(config.identity.issuers).map(([name, issuer]) => {
    const jwks = issuer.jwks === undefined || isUrl(issuer.jwks) ? issuer.jwks : at(issuer.jwks);
    return [name, jwks === undefined ? issuer : { ...issuer, jwks }] as const;
  });
  const { builtin } = config.identity;
  const { breachedPasswords } = builtin.login;
  const login = {
    ...builtin.login,
    ...(breachedPasswords !== undefined && { breachedPasswords: at(breachedPasswords) }),
  };
  const withAuthority = (sink: SinkConfig): SinkConfig =>
    sink.type === "stdout" || sink.ca === undefined ? sink : { ...sink, ca: at(sink.ca) };
  return {
    ...config,
    listen: tls === undefined ? config.listen : { ...config.listen, tls: withFiles(tls) },
    identity: { ...config.identity, issuers: Object.fromEntries(issuers), builtin: { ...builtin, login } },
    audit: { ...config.audit, directory: at(config.audit.directory), sinks: config.audit.sinks.map(withAuthority) },
    state: { ...config.state, directory: at(config.state.directory) },
  };
}
