import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";

/** The option that names the configuration, the same for every command that reads one. */
export function withConfig(command: Command): Command {
  return command.option("-c, --config <file>", "configuration file", findConfig());
}

/** `sallyport.yaml` of this directory, or the one that quickstart made in it. */
function findConfig(): string {
  const usual = "sallyport.yaml";
  const made = join(".sallyport", usual);
  return !existsSync(usual) && existsSync(made) ? made : usual;
}
