import { vi } from "vitest";
import { main } from "../../../src/main.ts";

/** What `--help` says of a command. */
interface Usage {
  readonly commands: ReadonlySet<string>;
  /** Each spelling of an option, and whether a value follows it. */
  readonly options: ReadonlyMap<string, boolean>;
  readonly maxOperands: number;
}

const known = new Map<string, Promise<Usage>>();

/**
 * Compares a command line with what `--help` says.
 *
 * @param line `sallyport check -c sallyport.yaml`, with or without `npx` in front
 * @returns what does not fit, or undefined
 */
export async function findUsageFault(line: string): Promise<string | undefined> {
  const [program, ...words] = splitWords(line.replace(/^npx /, ""));
  if (program !== "sallyport") return `not a sallyport command: ${line}`;
  const path: string[] = [];
  let usage = await readUsage(path);
  while (words[0] !== undefined && usage.commands.has(words[0])) {
    path.push(words.shift() as string);
    usage = await readUsage(path);
  }
  // What comes without a command is for the default one.
  if (path.length === 0 && !words.some((word) => usage.options.has(word))) usage = await readUsage(["serve"]);
  let operands = 0;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!word.startsWith("-")) {
      operands += 1;
      continue;
    }
    const [name = "", inline] = word.split("=", 2);
    const takesValue = usage.options.get(name);
    if (takesValue === undefined) return `no option ${name} in: ${line}`;
    if (takesValue && inline === undefined && words.shift() === undefined) return `no value of ${name} in: ${line}`;
  }
  return operands > usage.maxOperands ? `too many words, or no such command, in: ${line}` : undefined;
}

function readUsage(path: readonly string[]): Promise<Usage> {
  const key = path.join(" ");
  const usage = known.get(key) ?? readHelp([...path, "--help"]).then(parseHelp);
  known.set(key, usage);
  return usage;
}

async function readHelp(argv: readonly string[]): Promise<string> {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    await main(argv);
    return write.mock.calls.map(([text]) => String(text)).join("");
  } finally {
    write.mockRestore();
  }
}

function parseHelp(help: string): Usage {
  const [, operands = ""] = /^Usage: sallyport[^[<\n]*(.*)$/m.exec(help) ?? [];
  const section = (title: string) => new RegExp(`^${title}:\\n((?:  .*\\n?)*)`, "m").exec(help)?.[1] ?? "";
  const options = new Map<string, boolean>();
  for (const [, spellings = "", value] of section("Options").matchAll(/^ {2}(-[\w-]+(?:, --[\w-]+)?)( [<[])?/gm)) {
    for (const spelling of spellings.split(", ")) options.set(spelling, value !== undefined);
  }
  const commands = [...section("Commands").matchAll(/^ {2}([\w-]+)/gm)].map(([, name = ""]) => name);
  // `[suite...]` takes any number.
  const maxOperands = /\.\.\.[\]>]/.test(operands)
    ? Infinity
    : [...operands.matchAll(/[[<](?!options\]|command\])[\w-]+[\]>]/g)].length;
  return { commands: new Set(commands), options, maxOperands };
}

/** Words of a POSIX shell, as far as documentation needs them: quotes hold words together. */
function splitWords(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) => word.replaceAll(/['"]/g, ""));
}
