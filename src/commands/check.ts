import { Command, Option } from "commander";
import { ConfigError, type Problem, renderProblems, sortProblems } from "../config/diagnose.ts";
import { checkDirectories } from "../config/directories.ts";
import { loadConfig } from "../config/load.ts";
import { asksForCertificates } from "../config/rules.ts";
import { passSuites, testPolicies } from "../config/suites.ts";
import { nameServers } from "../policy/compare/servers.ts";
import type { LintCode, Severity } from "../policy/lint/finding.ts";
import { lintPolicies } from "../policy/lint/lint.ts";
import { lintOnline } from "./check/online.ts";
import { type PolicySummary, renderSummary, summarizeConfig, summarizePolicies } from "./check/summary.ts";
import { hintAtConfig } from "./config.ts";
import type { CommandIo } from "./io.ts";
import { loadPolicyFiles, type PolicyOptions, withPoliciesAlone } from "./policy/set.ts";
import { count, printJson } from "./printing.ts";

interface CheckOptions extends PolicyOptions {
  readonly strict?: true;
  readonly online?: true;
}

/**
 * `sallyport check`: reads the configuration and its policies, runs the suites beside them and says everything that is wrong
 * with them, or what they amount to and what of it is probably not meant. Exit code 0 sound, 1 problems, or warnings with
 * `--strict`, 2 the file could not be read.
 */
export function checkCommand(io: CommandIo): Command {
  return withPoliciesAlone(new Command("check"))
    .description("check the configuration and policies, or policies alone, and report every problem at once")
    .option("--json", "print one JSON object")
    .option("--strict", "exit with 1 when there are warnings")
    .addOption(
      new Option("--online", "ask the configured servers for their lists, and compare policies with them").conflicts(
        "policies",
      ),
    )
    .action(async (options: CheckOptions) => {
      const print = options.json === true ? printJson : printText;
      try {
        const { summary, found } = await (options.policies === undefined
          ? checkConfigured(options)
          : checkAlone(options.policies));
        const warnings = found.filter(({ severity }) => severity !== "note");
        const notes = found.filter(({ severity }) => severity === "note");
        const ok = options.strict !== true || warnings.length === 0;
        print(io, { ok, summary, warnings, notes, problems: [] });
        io.exit(ok ? 0 : 1);
      } catch (thrown) {
        const error = hintAtConfig(thrown, options.config, "give policy files with -p");
        if (!(error instanceof ConfigError)) throw error;
        print(io, { ok: false, summary: null, warnings: [], notes: [], problems: error.problems });
        io.exit(error.kind === "unreadable" ? 2 : 1);
      }
    });
}

interface Checked {
  readonly summary: PolicySummary;
  readonly found: readonly Finding[];
}

async function checkConfigured(options: CheckOptions): Promise<Checked> {
  const loaded = await loadConfig(options.config, process.env, new Date(), (config) => checkDirectories(config));
  const tested = await testPolicies(loaded);
  const found = sortProblems<Finding>([
    ...lintPolicies(loaded.sources, loaded.policy, Date.now(), asksForCertificates(loaded.config)),
    ...(options.online === true ? await lintOnline(loaded, options.config) : []),
  ]);
  return { summary: summarizeConfig(loaded, tested), found: [...loaded.warnings, ...found] };
}

/** Policies without a configuration: whichever servers rules name are there, and others. */
async function checkAlone(paths: readonly string[]): Promise<Checked> {
  const set = await loadPolicyFiles(paths);
  const { sources, suites, directory, shownIn, warnings } = set;
  const tested = await passSuites({ paths: suites, directory, shownIn }, set);
  const program = set.compile([...nameServers(sources).names, anyOther]);
  return {
    summary: summarizePolicies(program, tested),
    found: [...warnings, ...lintPolicies(sources, program, Date.now())],
  };
}

/** No server has this name: only a pattern means it. */
const anyOther = "\u2026";

/** What lint found has a code. */
type Finding = Problem & { readonly code?: LintCode; readonly severity?: Severity };

interface Findings {
  /** As the exit code has it: with `--strict` warnings count. */
  readonly ok: boolean;
  readonly summary: PolicySummary | null;
  readonly warnings: readonly Finding[];
  /** What deserves a look, and is often meant. */
  readonly notes: readonly Finding[];
  readonly problems: readonly Problem[];
}

function printText(io: CommandIo, { ok, summary, warnings, notes, problems }: Findings): void {
  const verdict = ok ? "ok" : `NOT ok: ${count(warnings.length, "warning")}, and --strict`;
  if (summary !== null) io.out(`${verdict}\n\n${renderSummary(summary)}`);
  for (const [noun, found] of [
    ["warning", warnings],
    ["note", notes],
  ] as const) {
    if (found.length > 0) io.err(`\n${count(found.length, noun)}\n\n${renderProblems(found.map(nameCode))}`);
  }
  if (problems.length > 0) io.err(`${renderProblems(problems)}\n${count(problems.length, "problem")}\n`);
}

function nameCode(finding: Finding): Problem {
  return finding.code === undefined ? finding : { ...finding, message: `${finding.message} (${finding.code})` };
}
