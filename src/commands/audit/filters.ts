import { type Command, InvalidArgumentError } from "commander";
import { compileQuery, type Query, type QueryOptions } from "../../audit/read/query.ts";
import type { Unlock } from "../../audit/read/records.ts";
import { collect, withConfig } from "../config.ts";
import type { CommandIo } from "../io.ts";
import { findTrail } from "../policy/records.ts";

/** What the commands that read a trail have in common. */
export interface FilterOptions extends Omit<QueryOptions, "text"> {
  readonly config: string;
  readonly audit?: readonly string[];
}

/** What is to be read. */
export interface Selection {
  /** Each a file, or a directory of trails. */
  readonly paths: readonly string[];
  readonly query: Query;
  /** With the keys of the configuration. */
  readonly unlock: Unlock;
}

/** The options that say which trail is meant, and which records of it. */
export function withFilters(command: Command): Command {
  return withConfig(command)
    .argument("[text]", "only lines with this text in them, in letters of either case")
    .option("--audit <path>", "audit file or directory (default: the one of the configuration); repeatable", collect)
    .option("--since <time>", "from this time on: 2026-08-01, 2026-08-01T10:00 (UTC), or how long ago: 30m, 1h, 2d")
    .option("--until <time>", "before this time; a day is meant to its end")
    .option(
      "--subject <name>",
      "whose; names may be patterns, and of an option that is repeated one has to fit",
      collect,
    )
    .option("--issuer <name>", "issuer of the identity, as in the configuration", collect)
    .option("--server <name>", "server, as in the configuration", collect)
    .option("--method <name>", 'MCP method, as in "tools/*"', collect)
    .option("--tool <name>", "about this tool", collect)
    .option("--prompt <name>", "about this prompt", collect)
    .option("--resource <uri>", "about this resource or template of resources", collect)
    .option("--target <name>", "about what has this name, of any kind", collect)
    .option("--decision <effect>", "allow or deny", collectEffect)
    .option("--reason <name>", "refused for this reason", collect)
    .option("--event <name>", "kind of record", collect)
    .option("--ip <address>", "address of the caller, or a block of them", collect)
    .option("--id <id>", "request id, or its first eight characters or more", collect)
    .option("--session <fingerprint>", "session, or its first eight characters or more", collect);
}

function collectEffect(value: string, before: readonly string[] | undefined): readonly string[] {
  if (value !== "allow" && value !== "deny") throw new InvalidArgumentError("Expected allow or deny.");
  return collect(value, before);
}

/** A number of things, from 0 on, for an option. */
export function readCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Expected a number.");
  return Number(text);
}

/**
 * Finds the trail that is meant, and compiles what is looked for in it.
 *
 * @throws QueryError for what no record could have, ConfigError where no trail is named and no configuration there
 */
export async function readSelection(
  io: CommandIo,
  text: string | undefined,
  options: FilterOptions,
): Promise<Selection> {
  const query = compileQuery({ ...options, text }, Date.now());
  return { query, ...(await findTrail(io, options.audit, options.config)) };
}
