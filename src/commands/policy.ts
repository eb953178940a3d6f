import { Command } from "commander";
import type { CommandIo } from "./io.ts";
import { diffCommand } from "./policy/diff.ts";
import { explainCommand } from "./policy/explain.ts";
import { reviewCommand } from "./policy/review.ts";
import { simulateCommand } from "./policy/simulate.ts";
import { testCommand } from "./policy/test.ts";

/** `sallyport policy`: one file for each command in policy/. */
export function policyCommand(io: CommandIo): Command {
  return new Command("policy")
    .description("test, explain, compare and review policies")
    .addCommand(testCommand(io))
    .addCommand(explainCommand(io))
    .addCommand(diffCommand(io))
    .addCommand(reviewCommand(io))
    .addCommand(simulateCommand(io));
}
