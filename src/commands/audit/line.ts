import { actionOf, personOf } from "../../audit/export/meaning.ts";
import type { AuditLine } from "../../audit/read/records.ts";
import type { AuditRecord } from "../../audit/record.ts";
import { show } from "../policy/printing.ts";

/** What of a request id is enough to find it again. */
const idChars = 8;

/** A record as one line for people, with its newline: when, id, who, what, how it was decided and how it ended. */
export function renderLine(record: AuditRecord): string {
  const { time, id, server, target, decision, outcome, ms } = record;
  const person = personOf(record);
  const told = tellNote(record);
  const cells = [
    time,
    id?.slice(0, idChars).padEnd(idChars) ?? "-".padEnd(idChars),
    person === null ? told.by : `${person.subject} (${person.issuer})`,
    server,
    [actionOf(record), told.action].filter((part) => part !== null).join(" "),
    target?.name ?? told.name,
    decision.effect,
    decision.reason ?? told.reason,
    outcome.http,
    id === null ? null : `${ms.total}ms`,
  ];
  return `${cells.map((cell) => (cell == null || cell === "" ? "-" : show(String(cell)))).join("  ")}\n`;
}

/** What logins and operators' commands did is in their notes alone. */
function tellNote({ event, note }: AuditRecord) {
  const read = (member: string) => {
    const value = event === "auth" || event === "admin" ? note?.[member] : undefined;
    return typeof value === "string" ? value : null;
  };
  const revoked = event === "admin" ? (read("client") ?? read("grant") ?? read("id")) : null;
  // A configuration that was not taken has problems instead of a reason, and they are long.
  const refused = event === "reload" ? "not_reloaded" : read("reason");
  // The reason of a command is its operator's text; that of a login, why it came to nothing.
  const reason = note?.successful === false ? refused : null;
  return { action: read("action"), by: read("by"), name: read("name") ?? read("subject") ?? revoked, reason };
}

/** The same, or the line as it is in the file. */
export function printLine({ record, text }: AuditLine, json: true | undefined): string {
  return json === true ? `${text}\n` : renderLine(record);
}
