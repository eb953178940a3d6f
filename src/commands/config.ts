import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { ConfigError, didYouMean } from "../config/diagnose.ts";

/** The option that names the configuration, the same for every command that reads one. */
export function withConfig(command: Command): Command {
  return command.option("-c, --config <file>", "configuration file", findConfig());
}

/** The values of an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/**
 * Tells whoever named no configuration, and has none where one is looked for, how to name it.
 *
 * @param otherwise what could be named in its place, as in `give policy files with -p`
 */
export function hintAtConfig(error: unknown, file: string, otherwise?: string): unknown {
  if (!(error instanceof ConfigError) || error.kind !== "unreadable" || file !== findConfig()) return error;
  const hint = `name it with -c${otherwise === undefined ? "" : `, or ${otherwise}`}`;
  return new ConfigError(
    error.problems.map((problem) => (problem.file === file ? { hint, ...problem } : problem)),
    "unreadable",
  );
}

/**
 * What to say of an issuer that a configuration does not have; undefined of one that it has.
 *
 * @param issuers names of those that it has
 */
export function nameUnknownIssuer(issuer: string, issuers: readonly string[]): string | undefined {
  if (issuers.includes(issuer)) return undefined;
  const hint = didYouMean(issuer, issuers) ?? `issuers: ${issuers.join(", ")}`;
  return `there is no issuer ${JSON.stringify(issuer)} (${hint})`;
}

/** `sallyport.yaml` of this directory, or the one that quickstart made in it. */
function findConfig(): string {
  const usual = "sallyport.yaml";
  const made = join(".sallyport", usual);
  return !existsSync(usual) && existsSync(made) ? made : usual;
}
