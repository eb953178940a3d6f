import { join } from "node:path";
import { checkCommand } from "../../../src/commands/check.ts";
import { writeTree } from "../config/fixture.ts";

/** What a command said, and the exit codes it gave. */
export interface Said {
  readonly out: string;
  readonly err: string;
  readonly codes: readonly number[];
}

/** Runs `sallyport check` over files in a directory of their own. */
export async function check(files: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Said> {
  const directory = await writeTree(files);
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
  await checkCommand(io).parseAsync(["-c", join(directory, "sallyport.yaml"), ...args], { from: "user" });
  return said;
}
