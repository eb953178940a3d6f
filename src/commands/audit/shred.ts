import { realpath } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { Command } from "commander";
import { compressedSuffix } from "../../audit/files/layout.ts";
import { findSealedFiles, type SealedFile } from "../../audit/keep/orders.ts";
import { readMoment } from "../../audit/read/moment.ts";
import { hintAtConfig, withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { count, printJson, show } from "../printing.ts";
import { confirm, give, openOrdered, unconfirmed } from "./ordering.ts";

interface ShredOptions {
  readonly config: string;
  readonly segment?: readonly string[];
  readonly before?: string;
  readonly yes?: true;
  readonly json?: true;
}

/** `sallyport audit shred`. Exit code 0 done or nothing to do, 1 not confirmed, 2 it could not be done. */
export function shredCommand(io: CommandIo): Command {
  return withConfig(new Command("shred"))
    .description(
      "destroy the keys of closed encrypted files: nobody can read them any more, and the chain still verifies",
    )
    .option("--segment <file>", "closed file, as it is named in the audit directory; repeatable", collect)
    .option(
      "--before <time>",
      "all whose records are from before: 2026-08-01, 2026-08-01T10:00 (UTC), or how long ago: 30d",
    )
    .option("--yes", "do not ask")
    .option("--json", "print one JSON object")
    .action(async (options: ShredOptions) => {
      const { json } = options;
      try {
        const trail = await openOrdered(options.config);
        const found = await findSealedFiles(trail.directory, trail.vault);
        const files = await choose(found, options, trail.directory);
        const [first] = files;
        if (first === undefined) {
          if (json === true) printJson(io, { ok: true, files: [] });
          else io.out("no closed file with a key is as old as that\n");
          return io.exit(0);
        }
        const what = `${count(files.length, "file")}: ${files.map(({ name }) => show(name)).join(", ")}`;
        if (options.yes !== true && !(await confirm(`Nobody will ever read ${what}.`)))
          return reportFailure(io, unconfirmed, json, 1);
        const names = files.map(({ name }) => name);
        await give({ action: "shred", files: names }, trail, "audit shred");
        if (json === true) printJson(io, { ok: true, files: names });
        else io.out(`shredded ${what}\n`);
        io.exit(0);
      } catch (error) {
        reportFailure(io, hintAtConfig(error, options.config), json);
      }
    });
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

async function choose(
  found: readonly SealedFile[],
  { segment = [], before }: ShredOptions,
  directory: string,
): Promise<readonly SealedFile[]> {
  if ((before === undefined) === (segment.length === 0))
    throw new Error("name files with --segment, or a time with --before");
  if (before !== undefined) {
    const moment = readMoment(before, Date.now());
    if (moment === undefined)
      throw new Error(`--before ${show(before)} is no time: write 2026-08-01, or how long ago, as in 30d`);
    return found.filter(({ endedMs }) => endedMs <= moment.fromMs);
  }
  const home = await realpath(directory);
  const homes = await Promise.all(segment.map((path) => findHome(path, home)));
  return segment.map((path, at) => {
    // A file of this name in another directory is another file.
    if (homes[at] !== home) throw new Error(`${show(path)} is not in the audit directory, which is ${show(home)}`);
    const name = basename(path, compressedSuffix);
    const file = found.find((each) => each.name === name);
    if (file !== undefined) return file;
    throw new Error(
      `${show(path)} is no closed file with a key: it is not there, written still, in clear, or shredded already`,
    );
  });
}

/** Real path of the directory that a file is said to be in; a mere name is one of the audit directory. */
function findHome(path: string, home: string): Promise<string | null> | string {
  return basename(path) === path ? home : realpath(dirname(path)).catch(() => null);
}
