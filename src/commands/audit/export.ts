import { randomUUID } from "node:crypto";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { Command, Option } from "commander";
import { type ExportFormatName, exportFormats } from "../../audit/export/formats.ts";
import { compressedSuffix } from "../../audit/files/layout.ts";
import { findSegments } from "../../audit/files/segments.ts";
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
        const selection = await readSelection(io, text, options);
        const rendered = render(selection, options.format);
        if (options.out === undefined) await print(io, rendered);
        else await save(rendered, selection.paths, options.out, options.force === true);
        io.exit(0);
      } catch (error) {
        reportFailure(io, nameFailure(error, options.audit?.join(", ") ?? ""), undefined);
      }
    });
}

async function* render({ paths, query, unlock }: Selection, name: ExportFormatName): AsyncGenerator<string> {
  const format = exportFormats[name];
  let { head } = format;
  for await (const line of selectLines(paths, query, unlock)) {
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

async function save(
  rendered: AsyncIterable<string>,
  paths: readonly string[],
  file: string,
  force: boolean,
): Promise<void> {
  const replaced = force ? await findReplaced(paths, file) : null;
  const draft = replaced === null ? file : `${replaced}.${randomUUID()}`;
  const handle = await openNew(draft, file, replaced === null && force);
  const made = (await handle.stat()).isFile();
  try {
    await pipeline(rendered, handle.createWriteStream());
    if (replaced !== null) await rename(draft, replaced);
  } catch (error) {
    // Half an export looks like a whole one.
    if (made) await rm(draft, { force: true });
    throw (error as NodeJS.ErrnoException).syscall === "write" ? unwritable(file, error) : error;
  }
}

/**
 * The file that a name leads to, which stays as it is until there is another; null where there is none, or no regular one.
 *
 * @param paths of the trail that is read
 */
async function findReplaced(paths: readonly string[], file: string): Promise<string | null> {
  const facts = await stat(file).catch(() => null);
  if (facts === null || !facts.isFile()) return null;
  for (const { closed, active } of (await Promise.all(paths.map(findSegments))).flat()) {
    const parts = closed.flatMap((segment) => [segment.path, `${segment.path}${compressedSuffix}`]);
    for (const part of active === null ? parts : [...parts, active]) {
      const { ino, dev } = (await stat(part).catch(() => null)) ?? {};
      if (ino === facts.ino && dev === facts.dev) throw new Error(`${file}: this is a file of the trail itself`);
    }
  }
  return realpath(file);
}

/** What is in a trail is not for everybody on the machine. */
async function openNew(path: string, file: string, force: boolean): Promise<FileHandle> {
  try {
    return await open(path, force ? "w" : "wx", 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new Error(`${file}: there is such a file already; --force overwrites it`);
    if (code === "ENOENT") throw new Error(`${file}: its directory is not there`);
    throw unwritable(file, error);
  }
}

function unwritable(file: string, error: unknown): Error {
  return new Error(`${file}: it cannot be written (${(error as NodeJS.ErrnoException).code})`);
}
