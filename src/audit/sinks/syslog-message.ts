/** Records as syslog messages: RFC 5424, framed by octet counting (RFC 6587 section 3.4.1, RFC 5425 section 4.3). Pure. */
import { recordOf } from "../read/records.ts";
import { gradeOf } from "./severity.ts";

/** Facilities (RFC 5424 section 6.2.1) that a program like this may have. */
export const facilities = {
  user: 1,
  daemon: 3,
  auth: 4,
  authpriv: 10,
  audit: 13,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;

/** What all messages of a process say of it. */
export interface SyslogOrigin {
  readonly facility: keyof typeof facilities;
  readonly host: string;
  readonly appName: string;
  readonly processId: number;
  readonly version: string;
}

/** Where `sequenceId` begins anew (RFC 5424 section 7.3.1). */
const maxSequence = 2_147_483_647;

/**
 * A line of the trail as one framed message. MSG is the line as it is: JSON has no byte order mark (RFC 8259 section 8.1), so
 * it goes as octets (MSG-ANY), not as what RFC 5424 marks as UTF-8.
 *
 * Structured data of one's own needs an enterprise number, which there is none of, and the one for documentation (RFC 5612) is
 * not for use. Of the registered elements, `origin` says what sent it and `meta` the record's `seq`, from which gaps show.
 *
 * @param line without its newline
 */
export function renderSyslog(line: string, origin: SyslogOrigin): string {
  const record = recordOf(line);
  const { facility, host, appName, processId, version } = origin;
  const priority = facilities[facility] * 8 + gradeOf(record).syslog;
  const name = (text: string, most: number) => text.replaceAll(/[^\x21-\x7e]/g, "").slice(0, most) || "-";
  const header = `<${priority}>1 ${record.time} ${name(host, 255)} ${name(appName, 48)} ${processId} ${name(record.event, 32)}`;
  const sequence = ((record.seq - 1) % maxSequence) + 1;
  const data = `[origin software="sallyport" swVersion="${escapeParameter(version)}"][meta sequenceId="${sequence}"]`;
  const message = `${header} ${data} ${line}`;
  return `${Buffer.byteLength(message)} ${message}`;
}

/** RFC 5424 section 6.3.3. */
function escapeParameter(text: string): string {
  return text.replaceAll(/["\\\]]/g, "\\$&");
}
