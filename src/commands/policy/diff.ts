import { Command } from "commander";
import { comparePolicies } from "../../policy/diff.ts";
import { nameServers } from "../../policy/servers.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { describeDifferences, renderDifferences } from "./difference.ts";
import { printJson } from "./printing.ts";
import { loadPolicyFiles } from "./set.ts";

interface DiffOptions {
  readonly json?: true;
}

/** `sallyport policy diff`. Exit code 0 no difference, 1 differences, 2 could not compare. */
export function diffCommand(io: CommandIo): Command {
  return new Command("diff")
    .description("say who gains and who loses what from one policy to another")
    .argument("<old>", "policy file or directory")
    .argument("<new>", "policy file or directory")
    .option("--json", "print one JSON object")
    .action(async (old: string, now: string, options: DiffOptions) => {
      try {
        const [before, after] = [await loadPolicyFiles([old]), await loadPolicyFiles([now])];
        const named = nameServers([...before.sources, ...after.sources]);
        const differences = comparePolicies(before.compile(named.names), after.compile(named.names), named);
        if (options.json === true) printJson(io, { differences: describeDifferences(differences) });
        else io.out(renderDifferences(differences));
        io.exit(differences.length === 0 ? 0 : 1);
      } catch (error) {
        reportFailure(io, error, options.json);
      }
    });
}
