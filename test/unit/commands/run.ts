import { join } from "node:path";
import type { Command } from "commander";
import { checkCommand } from "../../../src/commands/check.ts";
import type { CommandIo } from "../../../src/commands/io.ts";
import { writeTree } from "../config/fixture.ts";

/** What a command said, and the exit codes it gave. */
export interface Said {
  readonly out: string;
  readonly err: string;
  readonly codes: readonly number[];
}

/** Runs a command with the words that follow its name. */
export async function run(make: (io: CommandIo) => Command, ...words: readonly string[]): Promise<Said> {
  const said = { out: "", err: "", codes: [] as number[] };
  const io = {
    out: (text: string) => {
      said.out += text;
    },
    err: (text: string) => {
      said.err += text;
    },
    exit: (code: number) => {
      said.codes.push(code);
    },
  };
  await make(io).parseAsync(words, { from: "user" });
  return said;
}

/** Runs `sallyport check` over files in a directory of their own. */
export async function check(files: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Said> {
  return run(checkCommand, "-c", join(await writeTree(files), "sallyport.yaml"), ...args);
}
