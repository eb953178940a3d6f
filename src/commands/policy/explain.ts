import { Command } from "commander";
import type { AuditRecord } from "../../audit/record.ts";
import { ConfigError } from "../../config/diagnose.ts";
import { runSuites } from "../../config/suites.ts";
import { explainQuestion } from "../../policy/explain/explain.ts";
import type { Question } from "../../policy/question.ts";
import { collect } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJson } from "../printing.ts";
import { describeExplanation } from "./account.ts";
import { type AskingOptions, readAsked, recallAsked, withQuestion } from "./asking.ts";
import { renderExplanation, renderUnasked } from "./explanation.ts";
import { findPrecedent } from "./precedent.ts";
import { findRecord, findTrail } from "./records.ts";
import { loadPolicySet, type PolicyOptions, type PolicySet, withPolicies } from "./set.ts";

interface ExplainOptions extends PolicyOptions, AskingOptions {
  readonly audit?: readonly string[];
}

/** `sallyport policy explain`. Exit code 0 it is allowed, 1 it is not, 2 it could not be asked. */
export function explainCommand(io: CommandIo): Command {
  return withQuestion(withPolicies(new Command("explain")))
    .description("say why a request is allowed or denied, and what would have to change")
    .argument(
      "[request-id]",
      "request id of a call that was made, as in X-Request-Id and the audit trail, or at least 8 characters of its beginning",
    )
    .option("--audit <path>", "audit file or directory (default: the one of the configuration); repeatable", collect)
    .option("--json", "print one JSON object")
    .action(async (id: string | undefined, options: ExplainOptions, command: Command) => {
      if (id === undefined && options.policies !== undefined && command.getOptionValueSource("config") === "cli") {
        // The configuration says only where a trail is, and how it is read.
        command.error("error: option '-c, --config <file>' cannot be used with option '-p' without a request id");
      }
      try {
        const policies = await loadPolicySet(options);
        const { question, record } = await findQuestion(io, id, options, policies);
        if (question === null) return reportUnasked(io, record, options);
        const explanation = explainQuestion(policies.compile([question.server]), question);
        const precedent = findPrecedent(record, explanation.hash, options);
        const taken = await isTaken(policies);
        if (options.json === true) printJson(io, describeExplanation(explanation, record, precedent, taken));
        else io.out(renderExplanation(explanation, record, precedent, taken));
        const { effect, certain } = explanation.answer.verdict;
        io.exit((precedent ?? (certain ? effect : null)) === "allow" ? 0 : 1);
      } catch (error) {
        reportFailure(io, error, options.json);
      }
    });
}

/** Whether the suites beside the policies let a gateway take them; where they fail, it goes on with those of before. */
async function isTaken(policies: PolicySet): Promise<boolean> {
  const { suites: paths, directory, shownIn, isTested } = policies;
  if (!isTested || paths.length === 0) return true;
  try {
    return (await runSuites({ paths, directory, shownIn }, policies)).failures.length === 0;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

interface Found {
  readonly question: Question | null;
  readonly record: AuditRecord | null;
}

async function findQuestion(
  io: CommandIo,
  id: string | undefined,
  options: ExplainOptions,
  policies: PolicySet,
): Promise<Found> {
  if (id === undefined) return { question: readAsked(options, policies, Date.now()), record: null };
  const trail = await findTrail(io, options.audit, options.config);
  const record = await findRecord(io, trail, id);
  return { question: recallAsked(record, options, policies), record };
}

function reportUnasked(io: CommandIo, record: AuditRecord | null, { json }: ExplainOptions): void {
  if (json === true) printJson(io, { decision: null, recorded: record });
  else io.out(renderUnasked(record));
  io.exit(1);
}
