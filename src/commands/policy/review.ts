import { Command, InvalidArgumentError } from "commander";
import { collect } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { alignRows, count, printJson, show } from "../printing.ts";
import { findTrail } from "./records.ts";
import { makeReview, type ReviewReport } from "./review-report.ts";
import { loadPolicySet, type PolicyOptions, withPolicies } from "./set.ts";
import { nameHolders, nameUnread, renderCsv, renderMarkdown } from "./sheets.ts";
import { writeReport } from "./writing.ts";

interface ReviewOptions extends PolicyOptions {
  readonly audit?: readonly string[];
  readonly days: number;
  readonly csv?: string;
  readonly markdown?: string;
}

/** `sallyport policy review`. Exit code 0 done, 2 it could not run. */
export function reviewCommand(io: CommandIo): Command {
  return withPolicies(new Command("review"))
    .description("list who can do what and when it was last used, unused grants first")
    .option("--audit <path>", "audit file or directory (default: the one of the configuration); repeatable", collect)
    .option("--days <number>", "how far back a use counts", readDays, 90)
    .option("--csv <file>", "write a table for spreadsheets; - for standard output")
    .option("--markdown <file>", "write a page to be signed; - for standard output")
    .option("--json", "print one JSON object")
    .action(async (options: ReviewOptions) => {
      try {
        const sheets = [
          { path: options.csv, render: renderCsv },
          { path: options.markdown, render: renderMarkdown },
        ];
        const printed = sheets.filter(({ path }) => path === "-");
        if (printed.length + (options.json === true ? 1 : 0) > 1) throw new Error("only one of them can be printed");
        const policies = await loadPolicySet(options);
        const trail = await findTrail(io, options.audit, options.config);
        const report = await makeReview(io, policies, trail, options.days, Date.now());
        for (const { path, render } of sheets) {
          // Who may do what is not for everybody on the machine.
          if (path !== undefined && path !== "-") await writeReport(path, render(report), 0o600);
        }
        const [sheet] = printed;
        if (sheet !== undefined) io.out(sheet.render(report));
        else if (options.json === true) printJson(io, report);
        else io.out(renderReview(report));
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, options.json);
      }
    });
}

function readDays(text: string): number {
  const days = Number(text);
  if (!/^\d{1,5}$/.test(text) || days < 1) throw new InvalidArgumentError("Expected a number of days.");
  return days;
}

const maxRows = 500;

function renderReview({ grants, usables, period, policy, trail, unlisted }: ReviewReport): string {
  const idle = grants.filter(({ uses }) => uses === 0).length;
  const rows = grants
    .slice(0, maxRows)
    .map(({ who, others, server, kind, pattern, terms, except, rule, policy: place, uses, lastUsed }) => [
      `  ${uses === 0 ? "unused" : `${uses}x`}`,
      show(lastUsed ?? "never"),
      nameHolders({ who, others }),
      show(server),
      `${kind} ${show(pattern)}`,
      `${show(rule)} (${show(place)})`,
      [...(terms === "always" ? [] : [terms]), ...(except.length === 0 ? [] : [`except ${except.join(", ")}`])]
        .map(show)
        .join("; "),
    ]);
  const things = usables
    .slice(0, maxRows)
    .map(({ server, kind, pattern, who, uses, lastUsed }) => [
      `  ${show(server)}`,
      `${kind} ${show(pattern)}`,
      `${uses}x`,
      show(lastUsed ?? "never"),
      `${who.slice(0, maxNames).map(show).join("; ")}${who.length > maxNames ? ` and ${who.length - maxNames} more` : ""}`,
    ]);
  const lines = [
    `${count(grants.length, "grant")}, ${idle} of them unused since ${period.from} (${count(period.days, "day")})`,
    `policy ${policy.files.map(show).join(", ")}; hash ${policy.hash}`,
    `trail ${trail.paths.map(show).join(", ")}: ${count(trail.records, "record")}`,
    ...(trail.unread === 0 ? [] : [nameUnread(trail.unread)]),
    ...(unlisted === 0 ? [] : [`${count(unlisted, "record")} of more people than can be listed`]),
    "",
    "by person:",
    ...alignRows(rows),
    ...(grants.length > maxRows ? [`  … and ${grants.length - maxRows} more, which --csv and --json list`] : []),
    "",
    "by tool, prompt and resource:",
    ...alignRows(things),
    ...(usables.length > maxRows ? [`  … and ${usables.length - maxRows} more, which --json lists`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

const maxNames = 8;
