/** Records as OpenTelemetry logs: an ExportLogsServiceRequest of OTLP 1.x in its JSON encoding. Pure. */
import { recordOf } from "../read/records.ts";
import { gradeOf } from "./severity.ts";

/** What all records of a process say of it. */
export interface OtlpResource {
  readonly version: string;
  readonly host: string;
}

/**
 * The body of a request. Each record's body is the line as it is; what one filters by is in attributes as well, under the
 * names of OpenTelemetry's conventions where they have one.
 *
 * @param lines without their newlines
 */
export function renderOtlpLogs(lines: readonly string[], { version, host }: OtlpResource): string {
  const resource = attributesOf({ "service.name": "sallyport", "service.version": version, "host.name": host });
  const scope = { name: "sallyport.audit", version };
  const logRecords = lines.map(logRecordOf);
  return JSON.stringify({ resourceLogs: [{ resource: { attributes: resource }, scopeLogs: [{ scope, logRecords }] }] });
}

function logRecordOf(line: string): object {
  const record = recordOf(line);
  const { trail, seq, event, id, peer, identity, server, method, target, decision } = record;
  const grade = gradeOf(record);
  // Whole milliseconds as nanoseconds; JSON numbers cannot hold them, and the encoding wants 64-bit integers as text.
  const timeUnixNano = `${Date.parse(record.time)}000000`;
  return {
    timeUnixNano,
    observedTimeUnixNano: timeUnixNano,
    severityNumber: grade.otlp,
    severityText: grade.name,
    eventName: `sallyport.audit.${event}`,
    body: { stringValue: line },
    attributes: attributesOf({
      "sallyport.trail": trail,
      "sallyport.seq": seq,
      "sallyport.event": event,
      "sallyport.request.id": id,
      "client.address": peer?.ip,
      "user.id": identity?.subject,
      "sallyport.issuer": identity?.issuer,
      "sallyport.server": server,
      "mcp.method.name": method,
      "sallyport.target.kind": target?.kind,
      "sallyport.target.name": target?.name,
      "sallyport.decision.effect": decision.effect,
      "sallyport.decision.rule": decision.rule,
      "sallyport.decision.reason": decision.reason,
    }),
  };
}

/** What is neither text nor a whole number says nothing here. */
function attributesOf(values: Readonly<Record<string, unknown>>): object[] {
  return Object.entries(values).flatMap(([key, value]): object[] => {
    if (typeof value === "string") return [{ key, value: { stringValue: value } }];
    return Number.isSafeInteger(value) ? [{ key, value: { intValue: String(value) } }] : [];
  });
}

/**
 * How many records a collector says it refused (`partialSuccess` of an ExportLogsServiceResponse); 0 for an answer that is none.
 *
 * @param body of an answer with status 200
 */
export function readRejected(body: string): number {
  try {
    const { partialSuccess } = JSON.parse(body) as { partialSuccess?: { rejectedLogRecords?: unknown } };
    const rejected = Number(partialSuccess?.rejectedLogRecords ?? 0);
    return Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0;
  } catch {
    return 0;
  }
}
