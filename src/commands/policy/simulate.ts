import { Command } from "commander";
import { Rehearsal } from "../../policy/compare/rehearsal.ts";
import { collect } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJson } from "../printing.ts";
import { findTrail, followTrail, replayTrail } from "./records.ts";
import { loadPolicySet, type PolicyOptions, withPolicies } from "./set.ts";
import { renderRehearsal, renderReplay } from "./turns.ts";

interface SimulateOptions extends PolicyOptions {
  readonly audit?: readonly string[];
  readonly shadowReport?: true;
}

/** `sallyport policy simulate`. Exit code 0 nothing would be decided otherwise, 1 something would, 2 it could not run. */
export function simulateCommand(io: CommandIo): Command {
  return withPolicies(new Command("simulate"))
    .description("say which recorded calls a policy would decide otherwise than they were, or its rules in shadow")
    .option("--audit <path>", "audit file or directory (default: the one of the configuration); repeatable", collect)
    .option("--shadow-report", "what rules in shadow would have decided otherwise, as it was recorded")
    .option("--json", "print one JSON object")
    .action(async (options: SimulateOptions) => {
      try {
        await (options.shadowReport === true ? reportShadow(io, options) : simulate(io, options));
      } catch (error) {
        reportFailure(io, error, options.json);
      }
    });
}

async function reportShadow(io: CommandIo, { audit, config, policies, json }: SimulateOptions): Promise<void> {
  if (policies !== undefined) throw new Error("--shadow-report is about what was recorded: leave --policies out");
  const rehearsal = new Rehearsal();
  for await (const record of followTrail(io, await findTrail(io, audit, config))) rehearsal.hear(record);
  const report = rehearsal.finish();
  if (json === true) printJson(io, report);
  else io.out(renderRehearsal(report));
  io.exit(report.turns.length === 0 ? 0 : 1);
}

async function simulate(io: CommandIo, options: SimulateOptions): Promise<void> {
  const policies = await loadPolicySet(options);
  const report = await replayTrail(io, await findTrail(io, options.audit, options.config), null, policies);
  if (options.json === true) printJson(io, report);
  else io.out(renderReplay(report));
  io.exit(report.changed === 0 ? 0 : 1);
}
