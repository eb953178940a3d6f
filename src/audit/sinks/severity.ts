import { type Severity, severityOf } from "../export/meaning.ts";
import type { AuditRecord } from "../record.ts";

export interface Grade {
  /** Numerical code of syslog (RFC 5424 section 6.2.1). */
  readonly syslog: number;
  /** What the data model of OpenTelemetry Logs has for it (its appendix B). */
  readonly otlp: number;
  readonly name: string;
}

const grades: Readonly<Record<Severity, Grade>> = {
  informational: { syslog: 6, otlp: 9, name: "informational" },
  low: { syslog: 5, otlp: 10, name: "notice" },
  medium: { syslog: 4, otlp: 13, name: "warning" },
};

/** Denials are warnings, what else failed is a notice. */
export function gradeOf(record: AuditRecord): Grade {
  return grades[severityOf(record)];
}
