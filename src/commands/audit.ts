import { Command } from "commander";
import { sanitizeText } from "../audit/sanitize.ts";
import { type AuditReport, findTrails, verifyAudit } from "../audit/verify.ts";
import { loadConfig } from "../config/load.ts";
import { exportCommand } from "./audit/export.ts";
import { searchCommand } from "./audit/search.ts";
import { statsCommand } from "./audit/stats.ts";
import { tailCommand } from "./audit/tail.ts";
import { withConfig } from "./config.ts";
import { reportFailure } from "./failure.ts";
import type { StreamIo } from "./io.ts";

interface VerifyOptions {
  readonly config: string;
  readonly json?: true;
}

/** `sallyport audit`; commands that only read are in audit/. Exit code of `verify`: 0 nothing found, 1 findings, 2 the file could not be read. */
export function auditCommand(io: StreamIo): Command {
  const audit = new Command("audit").description("look at the audit trail");
  withConfig(audit.command("verify"))
    .description("check that no record was changed, deleted, put in or moved")
    .argument("[path]", "audit file, or a directory of them; default: the directory that the configuration names")
    .option("--json", "print one JSON object")
    .action(async (path: string | undefined, options: VerifyOptions) => {
      try {
        const files = await findTrails(path ?? (await loadConfig(options.config)).config.audit.directory);
        const trails: AuditReport[] = [];
        for (const file of files) trails.push(await verifyAudit(file));
        const ok = trails.every((report) => report.ok);
        const [only] = trails;
        const found = trails.length === 1 ? only : { ok, trails };
        io.out(options.json === true ? `${JSON.stringify(found, null, 2)}\n` : trails.map(renderReport).join("\n"));
        io.exit(ok ? 0 : 1);
      } catch (error) {
        reportFailure(io, error, options.json);
      }
    });
  return audit
    .addCommand(searchCommand(io))
    .addCommand(tailCommand(io))
    .addCommand(exportCommand(io))
    .addCommand(statsCommand(io));
}

const maxShown = 20;

function renderReport(report: AuditReport): string {
  const { findings, tornTail } = report;
  const total = findings.length + report.moreFindings;
  const first = findings[0];
  const times = `${sanitizeText(report.firstTime ?? "")} to ${sanitizeText(report.lastTime ?? "")}`;
  const lines = [
    report.ok ? "ok" : `NOT ok: ${total} ${total === 1 ? "finding" : "findings"}`,
    "",
    `file      ${report.file}`,
    `records   ${report.records}${report.records === 0 ? "" : `, from ${times}`}`,
    `last      ${report.lastSeq}, hash ${report.lastHash}`,
    `end       ${report.stopped ? "the gateway stopped in good order" : "no stop record: the gateway runs, was killed, or the end was cut off"}`,
  ];
  if (report.declaredTorn > 0) lines.push(`torn      ${report.declaredTorn}, each declared by the start that followed`);
  if (tornTail !== undefined) lines.push(`tail      line ${tornTail.line}, ${tornTail.bytes} bytes: ${tornTail.text}`);
  if (first !== undefined) {
    lines.push("", `The trail can be trusted up to line ${first.line - 1}.`, "");
    lines.push(...findings.slice(0, maxShown).map(({ line, kind, text }) => `line ${line}: ${kind}: ${text}`));
    if (total > maxShown) lines.push(`… and ${total - maxShown} more`);
  }
  return `${lines.join("\n")}\n`;
}
