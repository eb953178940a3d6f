import { sanitizeText } from "./audit/sanitize/sanitize.ts";
import { ConfigError } from "./config/diagnose.ts";
import type { LoadedConfig } from "./config/load.ts";
import { asksForCertificates } from "./config/rules.ts";
import { lintPolicies } from "./policy/lint/lint.ts";

/** What is told of a reload. */
export interface ReloadAccount {
  /** For the log. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** For the audit record, which bounds what the log may list at length. */
  readonly note: Readonly<Record<string, unknown>>;
}

/**
 * Puts a reload into words.
 *
 * @param cause what asked for it
 * @param before the configuration that ran until now
 * @param running the one that runs from now on
 * @param failure why it is still the one of before; null where it is the new one
 * @param nowMs milliseconds since the epoch
 */
export function describeReload(
  cause: string,
  before: LoadedConfig,
  running: LoadedConfig,
  failure: Error | null,
  nowMs: number,
): ReloadAccount {
  const said = { cause, config: running.hash, policy: running.policy.hash };
  if (failure !== null) {
    const problems = problemsOf(failure);
    return { facts: { ...said, problems }, note: { ...said, successful: false, ...shorten(problems) } };
  }
  const warnings = countWarnings(running, nowMs);
  const previous = { config: before.hash, policy: before.policy.hash };
  return { facts: warnings === 0 ? said : { ...said, warnings }, note: { ...said, previous, successful: true } };
}

/** As many as `sallyport check` has to tell; null where lint fails, which must not undo a reload that has happened. */
function countWarnings({ config, warnings, sources, policy }: LoadedConfig, nowMs: number): number | null {
  try {
    const found = lintPolicies(sources, policy, nowMs, asksForCertificates(config));
    return warnings.length + found.filter(({ severity }) => severity === "warning").length;
  } catch {
    return null;
  }
}

/** One line for each problem, as `sallyport check` names them. The source stays out: it may hold what is secret. */
function problemsOf(failure: Error): string[] {
  if (!(failure instanceof ConfigError)) return [failure.message];
  return failure.problems.map(({ file, line, column, path, message, hint }) => {
    const place = `${file}:${line}:${column}`;
    return [place, path, message, hint].filter((part) => part !== undefined && part !== "").join(" · ");
  });
}

/** Together they stay below what a record shows of its note. */
const maxProblems = 20;
const maxCharacters = 500;

function shorten(problems: readonly string[]) {
  const more = problems.length - maxProblems;
  return {
    problems: problems.slice(0, maxProblems).map((problem) => sanitizeText(problem, maxCharacters)),
    ...(more > 0 && { moreProblems: more }),
  };
}
