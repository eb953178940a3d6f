import { setTimeout as delay } from "node:timers/promises";
import { Command } from "commander";
import { findSegments, type Trail } from "../../audit/files/segments.ts";
import { findIfThere, TrailFollower } from "../../audit/read/follow.ts";
import { type AuditLine, readSegment } from "../../audit/read/records.ts";
import { reportFailure } from "../failure.ts";
import type { StreamIo } from "../io.ts";
import { nameFailure } from "../policy/records.ts";
import { type FilterOptions, readCount, readSelection, type Selection, withFilters } from "./filters.ts";
import { printLine } from "./line.ts";

interface TailOptions extends FilterOptions {
  readonly follow?: true;
  readonly lines: number;
  readonly json?: true;
}

/** How often the files are looked at, in milliseconds. */
const pollMs = 250;

/** `sallyport audit tail`. Exit code 0 done or interrupted, 2 it could not be read. */
export function tailCommand(io: StreamIo): Command {
  return withFilters(new Command("tail"))
    .description("print the last records that fit, and with -f those that come")
    .option("-f, --follow", "go on until interrupted, through closed files and files that are not there yet")
    .option("-n, --lines <number>", "how many of those that are there", readCount, 10)
    .option("--json", "print the lines as they are in the file")
    .action(async (text: string | undefined, options: TailOptions) => {
      const interruption = new AbortController();
      const interrupt = () => interruption.abort();
      process.once("SIGINT", interrupt);
      try {
        await tail(io, await readSelection(io, text, options), options, interruption.signal);
        io.exit(0);
      } catch (error) {
        reportFailure(io, nameFailure(error, options.audit?.join(", ") ?? ""), undefined);
      } finally {
        process.off("SIGINT", interrupt);
      }
    });
}

async function tail(io: StreamIo, selection: Selection, options: TailOptions, signal: AbortSignal): Promise<void> {
  const { paths, query, unlock } = selection;
  const { follow, lines: wanted, json } = options;
  const print = async (lines: readonly AuditLine[]) => {
    for (const line of byTime(lines)) {
      io.out(printLine(line, json));
      if (!(await io.drained())) return false;
    }
    return io.drained();
  };
  const followers = new Map<string, TrailFollower>();
  const beginWith = (path: string, trails: readonly Trail[]) => {
    for (const { number } of trails) {
      const key = `${number} ${path}`;
      if (!followers.has(key)) followers.set(key, new TrailFollower(path, number));
    }
  };
  try {
    for (const path of paths) beginWith(path, await (follow === true ? findIfThere(path) : findSegments(path)));
    let last: AuditLine[] = [];
    for (const follower of followers.values()) last = last.concat(await readLast(follower, selection, wanted));
    let read = await print(byTime(last).slice(Math.max(0, last.length - wanted)));
    while (follow === true && read && (await pause(signal))) {
      // Another worker, or the first one.
      for (const path of paths) beginWith(path, await findIfThere(path));
      const come: AuditLine[] = [];
      for (const follower of followers.values()) {
        for await (const lines of follower.read()) come.push(...lines.map(unlock).filter(query.matches));
      }
      read = await print(come);
    }
  } finally {
    for (const follower of followers.values()) await follower.close();
  }
}

/** The last lines that fit of one trail, oldest first; closed files are read from the newest, and no more than needed. */
async function readLast(follower: TrailFollower, selection: Selection, wanted: number): Promise<AuditLine[]> {
  let last = await keepLast(follower.read(), selection, wanted);
  for (const segment of await follower.findOlder()) {
    if (last.length >= wanted) break;
    last = [...(await keepLast(readSegment(segment), selection, wanted - last.length)), ...last];
  }
  return last;
}

async function keepLast(
  chunks: AsyncIterable<readonly AuditLine[]>,
  { query, unlock }: Selection,
  wanted: number,
): Promise<AuditLine[]> {
  const kept: AuditLine[] = [];
  for await (const lines of chunks) {
    for (const line of lines.map(unlock)) if (query.matches(line)) kept.push(line);
    // Not with each chunk: what is kept would be moved as often.
    if (kept.length > 2 * wanted) kept.splice(0, kept.length - wanted);
  }
  return kept.slice(Math.max(0, kept.length - wanted));
}

/** Lines of the same time stay in their order. */
function byTime(lines: readonly AuditLine[]): AuditLine[] {
  return lines.toSorted(({ record: a }, { record: b }) => (a.time < b.time ? -1 : Number(a.time > b.time)));
}

/** False when it was interrupted. */
function pause(signal: AbortSignal): Promise<boolean> {
  return delay(pollMs, true, { signal }).catch(() => false);
}
