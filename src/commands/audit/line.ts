import { actionOf } from "../../audit/export/meaning.ts";
import type { AuditLine } from "../../audit/read/records.ts";
import type { AuditRecord } from "../../audit/record.ts";
import { show } from "../policy/printing.ts";

/** What of a request id is enough to find it again. */
const idChars = 8;

/** A record as one line for people, with its newline: when, id, who, what, how it was decided and how it ended. */
export function renderLine(record: AuditRecord): string {
  const { time, id, identity, server, target, decision, outcome, ms } = record;
  const who = identity === null ? null : `${identity.subject} (${identity.issuer})`;
  const cells = [
    time,
    id?.slice(0, idChars).padEnd(idChars) ?? "-".padEnd(idChars),
    who,
    server,
    actionOf(record),
    target?.name,
    decision.effect,
    decision.reason,
    outcome.http,
    id === null ? null : `${ms.total}ms`,
  ];
  return `${cells.map((cell) => (cell == null || cell === "" ? "-" : show(String(cell)))).join("  ")}\n`;
}

/** The same, or the line as it is in the file. */
export function printLine({ record, text }: AuditLine, json: true | undefined): string {
  return json === true ? `${text}\n` : renderLine(record);
}
