import type { Path } from "./diagnose.ts";
import type { Finding } from "./issues.ts";

/** What a rule of the configuration found. */
export interface RuleFinding extends Finding {
  readonly severity: "problem" | "warning";
  /** Other members that the finding rests on: where one of them could not be read, the finding is void. */
  readonly reads?: readonly Path[];
}

/** What the files that a configuration names are worth. */
export interface MaterialFindings {
  readonly findings: readonly RuleFinding[];
  /** Absolute paths that were looked at. */
  readonly files: readonly string[];
}

/** What keeps a configuration from being used. */
export function problem(path: Path, message: string, extra: Partial<RuleFinding> = {}): RuleFinding {
  return { severity: "problem", path, message, ...extra };
}

/** What can be used, and is probably not meant. */
export function warning(path: Path, message: string, extra: Partial<RuleFinding> = {}): RuleFinding {
  return { severity: "warning", path, message, ...extra };
}
