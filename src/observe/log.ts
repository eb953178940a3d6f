import { pino } from "pino";
import { sanitize } from "../audit/sanitize.ts";

/** The operator's log: JSON lines on stderr. Audit is no log and does not pass here. */
export interface Log {
  debug(facts: LogFacts, text: string): void;
  info(facts: LogFacts, text: string): void;
  warn(facts: LogFacts, text: string): void;
  error(facts: LogFacts, text: string): void;
}

export type LogFacts = Readonly<Record<string, unknown>>;

/** Every line goes through the sanitizer that the audit uses; errors become their message, code and stack first. */
export function createLog(level: "debug" | "info" | "warn" | "error", write: (line: string) => void): Log {
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    { write },
  );
  const line = (name: "debug" | "info" | "warn" | "error") => (facts: LogFacts, text: string) => {
    if (logger.isLevelEnabled(name)) logger[name](sanitizeFacts(facts), text);
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

function sanitizeFacts(facts: LogFacts): Record<string, unknown> {
  const plain = Object.entries(facts).map(([key, value]) => [key, value instanceof Error ? explain(value) : value]);
  return { ...(sanitize(Object.fromEntries(plain)) as object) };
}

function explain(error: Error): Record<string, unknown> {
  const code = "code" in error ? { code: error.code } : {};
  const cause = error.cause instanceof Error ? { cause: explain(error.cause) } : {};
  return { name: error.name, message: error.message, ...code, stack: error.stack?.split("\n").slice(1, 6), ...cause };
}
