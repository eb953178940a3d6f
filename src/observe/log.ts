import { pino } from "pino";
import { sanitize } from "../audit/sanitize/sanitize.ts";

/** The operator's log: JSON lines on stderr. Audit is no log and does not pass here. */
export interface Log {
  debug(facts: LogFacts, text: string): void;
  info(facts: LogFacts, text: string): void;
  warn(facts: LogFacts, text: string): void;
  error(facts: LogFacts, text: string): void;
}

export type LogFacts = Readonly<Record<string, unknown>>;

/**
 * Every line goes through the sanitizer that the audit uses.
 *
 * @param base what every line says
 */
export function createLog(
  level: "debug" | "info" | "warn" | "error",
  write: (line: string) => void,
  base: LogFacts | null = null,
): Log {
  const logger = pino(
    {
      level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  const line = (name: "debug" | "info" | "warn" | "error") => (facts: LogFacts, text: string) => {
    if (logger.isLevelEnabled(name)) logger[name](sanitize(facts), text);
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}
