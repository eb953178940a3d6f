import { Command } from "commander";
import { ConfigError, type Problem, renderProblems, sortProblems } from "../config/diagnose.ts";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { type SuiteReport, testPolicies } from "../config/suites.ts";
import { renderAddress } from "../network/address.ts";
import type { LintCode, Severity } from "../policy/lint/finding.ts";
import { lintPolicies } from "../policy/lint/lint.ts";
import { lintOnline } from "./check/online.ts";
import { hintAtConfig, withConfig } from "./config.ts";
import type { CommandIo } from "./io.ts";

interface CheckOptions {
  config: string;
  json?: true;
  strict?: true;
  online?: true;
}

/**
 * `sallyport check`: reads the configuration and its policies, runs the suites beside them and says everything that is wrong
 * with them, or what they amount to and what of it is probably not meant. Exit code 0 sound, 1 problems, or warnings with
 * `--strict`, 2 the file could not be read.
 */
export function checkCommand(io: CommandIo): Command {
  return withConfig(new Command("check"))
    .description("check the configuration and policies, and report every problem at once")
    .option("--json", "print one JSON object")
    .option("--strict", "exit with 1 when there are warnings")
    .option("--online", "ask the configured servers for their lists, and compare policies with them")
    .action(async (options: CheckOptions) => {
      const print = options.json === true ? printJson : printText;
      try {
        const loaded = await loadConfig(options.config);
        const tested = await testPolicies(loaded);
        const found = sortProblems<Finding>([
          ...lintPolicies(loaded.sources, loaded.policy, Date.now()),
          ...(options.online === true ? await lintOnline(loaded, options.config) : []),
        ]);
        const warnings = [...loaded.warnings, ...found.filter(({ severity }) => severity === "warning")];
        const notes = found.filter(({ severity }) => severity === "note");
        print(io, { summary: summarize(loaded, tested), warnings, notes, problems: [] });
        io.exit(options.strict === true && warnings.length > 0 ? 1 : 0);
      } catch (thrown) {
        const error = hintAtConfig(thrown, options.config);
        if (!(error instanceof ConfigError)) throw error;
        print(io, { summary: null, warnings: [], notes: [], problems: error.problems });
        io.exit(error.kind === "unreadable" ? 2 : 1);
      }
    });
}

/** What lint found has a code. */
type Finding = Problem & { readonly code?: LintCode; readonly severity?: Severity };

interface Findings {
  readonly summary: Summary | null;
  readonly warnings: readonly Finding[];
  /** What deserves a look, and is often meant. */
  readonly notes: readonly Finding[];
  readonly problems: readonly Problem[];
}

interface Summary {
  readonly file: string;
  readonly hash: string;
  /** Of the policy alone: the label of `sallyport_policy_hash`. */
  readonly policyHash: string;
  readonly publicUrl: string;
  readonly listen: string;
  readonly admin: string;
  readonly servers: readonly { readonly name: string; readonly url: string }[];
  readonly issuers: readonly { readonly name: string; readonly issuer: string }[];
  readonly policies: readonly string[];
  readonly roles: readonly string[];
  readonly rules: number;
  readonly bindings: number;
  /** What the suites beside the policies asked, all answered as expected; null where there are none. */
  readonly suites: { readonly files: number; readonly answers: number } | null;
}

function summarize({ config, policy, file, hash }: LoadedConfig, tested: SuiteReport | null): Summary {
  const issuers = Object.entries(config.identity.issuers).map(([name, { issuer }]) => ({ name, issuer }));
  if (config.identity.builtin.enabled) issuers.push({ name: "builtin", issuer: config.publicUrl });
  return {
    file,
    hash,
    policyHash: policy.hash,
    publicUrl: config.publicUrl,
    listen: `${renderAddress(config.listen.address)} (${config.listen.tls === undefined ? "plain HTTP" : "TLS"})`,
    admin: renderAddress(config.admin.address),
    servers: Object.entries(config.servers).map(([name, { url }]) => ({ name, url: url.href })),
    issuers,
    policies: policy.files,
    roles: policy.roles,
    rules: policy.rules.length,
    bindings: policy.bindings.length,
    suites: tested && { files: tested.runs.length, answers: tested.totals.answers },
  };
}

function printJson(io: CommandIo, { problems, ...rest }: Findings): void {
  io.out(`${JSON.stringify({ ok: problems.length === 0, ...rest, problems }, null, 2)}\n`);
}

function printText(io: CommandIo, { summary, warnings, notes, problems }: Findings): void {
  if (summary !== null) io.out(renderSummary(summary));
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

function renderSummary(summary: Summary): string {
  const rows: [string, readonly string[]][] = [
    ["config", [summary.file, `hash ${summary.hash}`]],
    ["public", [summary.publicUrl]],
    ["listen", [summary.listen]],
    ["admin", [summary.admin]],
    ["servers", summary.servers.map(({ name, url }) => `${name}  ${url}`)],
    ["issuers", summary.issuers.map(({ name, issuer }) => `${name}  ${issuer}`)],
    ["policies", summary.policies],
    ["", [`hash ${summary.policyHash}`]],
    ["roles", [`${summary.roles.join(", ")} (${count(summary.rules, "rule")}, ${count(summary.bindings, "binding")})`]],
    ["suites", [describeSuites(summary.suites)]],
  ];
  const lines = rows.flatMap(([label, values]) =>
    shorten(values).map((value, index) => `${(index === 0 ? label : "").padEnd(10)}${value}`),
  );
  return `ok\n\n${lines.join("\n")}\n`;
}

function describeSuites(suites: Summary["suites"]): string {
  if (suites === null) return "none";
  return `${count(suites.files, "suite")}, ${count(suites.answers, "answer")} as expected`;
}

/** One screen, however long the lists are. */
function shorten(values: readonly string[]): readonly string[] {
  return values.length <= maxLines ? values : [...values.slice(0, maxLines), `… and ${values.length - maxLines} more`];
}

const maxLines = 10;

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
