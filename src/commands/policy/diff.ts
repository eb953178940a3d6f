import { Command } from "commander";
import { comparePolicies } from "../../policy/compare/diff.ts";
import { nameServers } from "../../policy/compare/servers.ts";
import { collect, withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJson } from "../printing.ts";
import { describeDifferences, renderDifferences } from "./difference.ts";
import { findTrail, replayTrail } from "./records.ts";
import { loadPolicyFiles } from "./set.ts";
import { renderReplay } from "./turns.ts";

interface DiffOptions {
  readonly config: string;
  readonly replay?: readonly string[];
  readonly json?: true;
}

/** `sallyport policy diff`. Exit code 0 no difference, 1 differences, 2 could not compare. */
export function diffCommand(io: CommandIo): Command {
  return withConfig(new Command("diff"))
    .description("say who gains and who loses what from one policy to another")
    .argument("<old>", "policy file or directory")
    .argument("<new>", "policy file or directory")
    .option(
      "--replay <audit>",
      "audit file or directory: which of its calls would be decided otherwise; repeatable",
      collect,
    )
    .option("--json", "print one JSON object")
    .action(async (old: string, now: string, options: DiffOptions) => {
      try {
        const [before, after] = [await loadPolicyFiles([old]), await loadPolicyFiles([now])];
        const named = nameServers([...before.sources, ...after.sources]);
        const differences = comparePolicies(before.compile(named.names), after.compile(named.names), named);
        const trail = options.replay === undefined ? null : await findTrail(io, options.replay, options.config);
        const replay = trail === null ? null : await replayTrail(io, trail, before, after);
        if (options.json === true) printJson(io, { differences: describeDifferences(differences), replay });
        else io.out(`${renderDifferences(differences)}${replay === null ? "" : `\n${renderReplay(replay)}`}`);
        io.exit(differences.length === 0 && (replay?.changed ?? 0) === 0 ? 0 : 1);
      } catch (error) {
        reportFailure(io, error, options.json);
      }
    });
}
