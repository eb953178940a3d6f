import { type FileHandle, open, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { Command, Option } from "commander";
import { type ExportFormatName, exportFormats } from "../../audit/export/formats.ts";
import { selectLines } from "../../audit/read/select.ts";
import { version } from "../../version.ts";
import { reportFailure } from "../failure.ts";
import type { StreamIo } from "../io.ts";
import { nameFailure } from "../policy/records.ts";
import { type FilterOptions, readSelection, type Selection, withFilters } from "./filters.ts";

interface ExportOptions extends FilterOptions {
  readonly format: ExportFormatName;
  readonly out?: string;
  readonly force?: true;
}

/** `sallyport audit export`. Exit code 0 done, 2 it could not be read or written. */
export function exportCommand(io: StreamIo): Command {
  const format = new Option("--format <name>", "what is written; required").choices(Object.keys(exportFormats));
  return withFilters(new Command("export"))
    .description("write the records that fit for other systems, in the order of time")
    .addOption(format.makeOptionMandatory())
    .option("--out <file>", "write this file, readable by its owner alone (default: standard output)")
    .option("--force", "write it even if there is one")
    .action(async (text: string | undefined, options: ExportOptions) => {
      try {
        const rendered = render(await readSelection(io, text, options), options.format);
        await (options.out === undefined ? print(io, rendered) : save(rendered, options.out, options.force === true));
        io.exit(0);
      } catch (error) {
        reportFailure(io, nameFailure(error, options.audit ?? ""), undefined);
      }
    });
}

async function* render({ path, query, unlock }: Selection, name: ExportFormatName): AsyncGenerator<string> {
  const format = exportFormats[name];
  let { head } = format;
  for await (const line of selectLines(path, query, unlock)) {
    yield head + format.render(line, version);
    head = "";
  }
  if (head !== "") yield head;
}

async function print(io: StreamIo, rendered: AsyncIterable<string>): Promise<void> {
  for await (const text of rendered) {
    io.out(text);
    if (!(await io.drained())) return;
  }
}

async function save(rendered: AsyncIterable<string>, file: string, force: boolean): Promise<void> {
  const handle = await openNew(file, force);
  const made = (await handle.stat()).isFile();
  try {
    await pipeline(rendered, handle.createWriteStream());
  } catch (error) {
    // Half an export looks like a whole one.
    if (made) await rm(file, { force: true });
    throw error;
  }
}

/** What is in a trail is not for everybody on the machine. */
async function openNew(file: string, force: boolean): Promise<FileHandle> {
  try {
    const handle = await open(file, force ? "w" : "wx", 0o600);
    // One that was there has the mode that it had.
    if (force && (await handle.stat()).isFile()) await handle.chmod(0o600);
    return handle;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new Error(`${file}: there is such a file already; --force overwrites it`);
    if (code === "ENOENT") throw new Error(`${file}: its directory is not there`);
    throw new Error(`${file}: it cannot be written (${code})`);
  }
}
