import { dirname, resolve } from "node:path";
import { ConfigError } from "./diagnose.ts";
import { readYaml, type YamlFile } from "./document.ts";
import { readText } from "./files.ts";
import { isPolicy } from "./misplaced.ts";

const maxFileBytes = 1_048_576;
const noConfig = "this is a policy, not a configuration";
const byItself = "check and the policy commands take it with -p";

/** A configuration file as YAML, before anything in it was understood. */
export interface OpenConfig {
  readonly yaml: YamlFile;
  /** Absolute path of the file, and the directory that relative paths in it are relative to. */
  readonly file: string;
  readonly directory: string;
  /** The same directory as problems name it. */
  readonly shownIn: string;
}

/** @throws ConfigError when the file cannot be read or is not YAML */
export async function openConfig(named: string): Promise<OpenConfig> {
  const file = resolve(named);
  const read = await readText(file, { maxBytes: maxFileBytes });
  if ("fault" in read) {
    throw new ConfigError([{ file: named, line: 1, column: 1, path: "", message: read.fault }], "unreadable");
  }
  const yaml = readYaml(named, read.value);
  if (Array.isArray(yaml)) throw new ConfigError(yaml);
  if (isPolicy(yaml.value)) throw new ConfigError([yaml.problem([], noConfig, { hint: byItself })]);
  return { yaml, file, directory: dirname(file), shownIn: dirname(named) };
}
