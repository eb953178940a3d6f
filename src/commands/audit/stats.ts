import { Command } from "commander";
import { selectLines } from "../../audit/read/select.ts";
import { type AuditStats, StatsCounter, type Tally, type TallyTable } from "../../audit/read/stats.ts";
import { reportFailure } from "../failure.ts";
import type { StreamIo } from "../io.ts";
import { nameFailure } from "../policy/records.ts";
import { alignRows, count, printJson, show } from "../printing.ts";
import { type FilterOptions, readCount, readSelection, withFilters } from "./filters.ts";

interface StatsOptions extends FilterOptions {
  readonly top: number;
  readonly json?: true;
}

/** `sallyport audit stats`. Exit code 0 done, 2 it could not be read. */
export function statsCommand(io: StreamIo): Command {
  return withFilters(new Command("stats"))
    .description("add up the records that fit: decisions, reasons, people, tools and servers")
    .option("--top <number>", "most rows of each table", readCount, 10)
    .option("--json", "print one JSON object")
    .action(async (text: string | undefined, options: StatsOptions) => {
      try {
        const { paths, query, unlock } = await readSelection(io, text, options);
        const counter = new StatsCounter();
        for await (const { record } of selectLines(paths, query, unlock)) counter.hear(record);
        const stats = counter.finish(options.top);
        if (options.json === true) printJson(io, stats);
        else io.out(renderStats(stats));
        io.exit(0);
      } catch (error) {
        reportFailure(io, nameFailure(error, options.audit?.join(", ") ?? ""), options.json);
      }
    });
}

function renderStats({
  records,
  from,
  to,
  decisions,
  reasons,
  otherReasons,
  people,
  tools,
  servers,
}: AuditStats): string {
  const { allow, deny, none } = decisions;
  const calls = ["calls", "denied", "failed"];
  const times = ["median", "p99"];
  const reasonRows = reasons.map(({ reason, count: number }) => [`  ${show(reason)}`, String(number)]);
  if (otherReasons > 0) reasonRows.push(["  others", String(otherReasons)]);
  return `${[
    `${count(records, "record")}${from === null ? "" : `, from ${show(from)} to ${show(to ?? "")}`}`,
    `calls: ${allow} allowed, ${deny} denied, ${none} without a decision`,
    "",
    "by reason:",
    ...(reasonRows.length === 0 ? ["  none"] : alignRows(reasonRows)),
    "",
    "by person:",
    ...renderTable([...calls, "last seen"], people, (row) => [
      `${row.subject} (${row.issuer})`,
      ...numbersOf(row),
      row.lastSeen,
    ]),
    "",
    "by tool:",
    ...renderTable([...calls, ...times], tools, (row) => [
      `${row.server} ${row.tool}`,
      ...numbersOf(row),
      renderMs(row.medianMs),
      renderMs(row.p99Ms),
    ]),
    "",
    "by server:",
    ...renderTable([...calls, ...times], servers, (row) => [
      row.server,
      ...numbersOf(row),
      renderMs(row.medianMs),
      renderMs(row.p99Ms),
    ]),
  ].join("\n")}\n`;
}

function renderTable<Row extends Tally>(
  head: readonly string[],
  { rows, others }: TallyTable<Row>,
  cellsOf: (row: Row) => readonly string[],
): string[] {
  if (rows.length === 0 && others === null) return ["  none"];
  const shown = [["", ...head], ...rows.map(cellsOf), ...(others === null ? [] : [["others", ...numbersOf(others)]])];
  return alignRows(shown.map(([name = "", ...cells]) => [`  ${show(name)}`, ...cells.map(show)]));
}

function numbersOf({ calls, denials, errors }: Tally): string[] {
  return [calls, denials, errors].map(String);
}

function renderMs(ms: number | null): string {
  return ms === null ? "-" : `${ms}ms`;
}
