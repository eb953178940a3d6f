import { existsSync } from "node:fs";
import { Command } from "commander";
import { selectLines } from "../../audit/read/select.ts";
import { reportFailure } from "../failure.ts";
import type { StreamIo } from "../io.ts";
import { nameFailure } from "../policy/records.ts";
import { type FilterOptions, readCount, readSelection, type Selection, withFilters } from "./filters.ts";
import { printLine } from "./line.ts";

interface SearchOptions extends FilterOptions {
  readonly limit?: number;
  readonly json?: true;
}

/** `sallyport audit search`. Exit code 0 something was found, 1 nothing was, 2 it could not be searched, as with grep. */
export function searchCommand(io: StreamIo): Command {
  return withFilters(new Command("search"))
    .description("print the records that fit, one line each, in the order of time")
    .option("--limit <number>", "stop after so many", readCount)
    .option("--json", "print the lines as they are in the file")
    .action(async (text: string | undefined, options: SearchOptions) => {
      try {
        const found = await search(io, await readSelection(io, text, options), options);
        // Other commands take the trail in this place.
        if (found === 0 && text !== undefined && existsSync(text)) {
          io.err(`"${text}" was searched for as a text; a trail is named with --audit\n`);
        }
        io.exit(found === 0 ? 1 : 0);
      } catch (error) {
        reportFailure(io, nameFailure(error, options.audit?.join(", ") ?? ""), undefined);
      }
    });
}

async function search(
  io: StreamIo,
  { paths, query, unlock }: Selection,
  { limit = Infinity, json }: SearchOptions,
): Promise<number> {
  let found = 0;
  if (limit === 0) return found;
  for await (const line of selectLines(paths, query, unlock)) {
    found += 1;
    io.out(printLine(line, json));
    if (found >= limit || !(await io.drained())) break;
  }
  return found;
}
