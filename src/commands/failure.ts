import { ConfigError, renderProblems } from "../config/diagnose.ts";
import type { CommandIo } from "./io.ts";
import { printJson } from "./printing.ts";

/** Says why a command could not run, and ends it with 2, or with another code. */
export function reportFailure(io: CommandIo, error: unknown, json: true | undefined, code = 2): void {
  const text = renderFailure(error);
  if (json === true) printJson(io, { ok: false, error: text });
  else io.err(`${text}\n`);
  io.exit(code);
}

function renderFailure(error: unknown): string {
  if (error instanceof ConfigError) return renderProblems(error.problems).trimEnd();
  return error instanceof Error ? error.message : String(error);
}
