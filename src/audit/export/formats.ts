import type { AuditLine } from "../read/records.ts";
import type { AuditRecord } from "../record.ts";
import { renderCef } from "./cef.ts";
import { csvHead, renderCsv } from "./csv.ts";
import { renderEcs } from "./ecs.ts";
import { renderOcsf } from "./ocsf.ts";

/** How an export looks. */
export interface ExportFormat {
  /** What stands before the first record. */
  readonly head: string;
  /** @param version of this product, for formats that name it */
  render(line: AuditLine, version: string): string;
}

/** Every format there is, by its name on the command line. */
export const exportFormats = {
  csv: { head: csvHead, render: ({ record }) => renderCsv(record) },
  ecs: plain(renderEcs),
  ocsf: plain(renderOcsf),
  cef: plain(renderCef),
  jsonl: { head: "", render: ({ text }) => `${text}\n` },
} as const satisfies Record<string, ExportFormat>;

export type ExportFormatName = keyof typeof exportFormats;

function plain(render: (record: AuditRecord, version: string) => string): ExportFormat {
  return { head: "", render: ({ record }, version) => render(record, version) };
}
