import { actionOf, personOf } from "../../audit/export/meaning.ts";
import type { AuditLine } from "../../audit/read/records.ts";
import type { AuditRecord } from "../../audit/record.ts";
import { show, showId } from "../printing.ts";

/** What of a request id is enough to find it again. */
const idChars = 8;

/** A record as one line for people, with its newline: when, id, who, what, how it was decided and how it ended. */
export function renderLine(record: AuditRecord): string {
  const { time, id, server, target, decision, outcome, ms } = record;
  const person = personOf(record);
  const told = tellNote(record);
  const before = [
    time,
    id?.slice(0, idChars).padEnd(idChars) ?? "-".padEnd(idChars),
    person === null ? told.by : `${person.subject} (${person.issuer})`,
    server,
    [actionOf(record), told.action].filter((part) => part !== null).join(" "),
  ];
  const after = [
    decision.effect,
    decision.reason ?? told.reason,
    outcome.http === null ? null : String(outcome.http),
    id === null ? null : `${ms.total}ms`,
  ];
  const name = renderCell(target?.name ?? told.name, showId);
  return `${[...before.map((cell) => renderCell(cell)), name, ...after.map((cell) => renderCell(cell))].join("  ")}\n`;
}

function renderCell(cell: string | null | undefined, shown = show): string {
  return cell == null || cell === "" ? "-" : shown(cell);
}

/** What logins and operators' commands did is in their notes alone. */
function tellNote({ event, note }: AuditRecord) {
  const read = (member: string) => {
    const value = event === "auth" || event === "admin" ? note?.[member] : undefined;
    return typeof value === "string" ? value : null;
  };
  const ended = event === "admin" ? (read("client") ?? read("id")) : read("targetId");
  // A configuration that was not taken has problems instead of a reason, and they are long.
  const refused = event === "reload" ? "not_reloaded" : read("reason");
  // The reason of a command is its operator's text; that of a login, why it came to nothing.
  const reason = note?.successful === false ? refused : null;
  return { action: read("action"), by: read("by"), name: read("name") ?? read("subject") ?? ended, reason };
}

/** The same, or the line as it is in the file. */
export function printLine({ record, text }: AuditLine, json: true | undefined): string {
  return json === true ? `${text}\n` : renderLine(record);
}
