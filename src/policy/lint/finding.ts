import type { Path, Problem } from "../../config/diagnose.ts";
import type { ProblemExtra } from "../../config/document.ts";
import type { PolicySource } from "../load.ts";

/** How much a finding asks for: a `warning` something to mend, a `note` a look. */
export type Severity = "warning" | "note";

/** Everything that lint can find in policies that are sound, and what each finding means. The documentation is made from it. */
export const lintCodes = {
  rule_never_matches: {
    severity: "warning",
    meaning: "The rule holds at no moment: its period or hours, or its bindings, leave none.",
  },
  rule_expired: { severity: "warning", meaning: "The rule's period is over." },
  rule_overruled: {
    severity: "warning",
    meaning: "A deny without condition forbids whatever the rule or pattern allows, to everyone who has it.",
  },
  rule_redundant: {
    severity: "warning",
    meaning:
      "Another rule says the same, or more, for everyone who has this one; its condition, requirement or limit never counts.",
  },
  condition_always_true: { severity: "warning", meaning: "The condition rests on nothing and is always true." },
  condition_never_true: {
    severity: "warning",
    meaning:
      "The condition cannot be true, for everything or for one kind that the rule names. A deny then holds only where it fails.",
  },
  role_unused: { severity: "warning", meaning: "No binding gives the role, nor any role that inherits from it." },
  binding_gives_nothing: { severity: "warning", meaning: "A role that is given has no rule, own or inherited." },
  binding_expired: { severity: "warning", meaning: "The binding's period is over." },
  grants_everything: {
    severity: "warning",
    meaning: "Everyone whose token comes from an issuer may use every tool, or read every resource, of every server.",
  },
  proof_impossible: {
    severity: "note",
    meaning:
      "Client certificates cannot be shown to the gateway yet: a binding or requirement that rests on one holds for nobody.",
  },
  deny_may_fail: {
    severity: "note",
    meaning: "The condition of a deny reads a member that may not be there. It then fails, and the call is denied.",
  },
  mode_shadow: { severity: "note", meaning: "Rules are in shadow: nothing is decided by them." },
  pattern_matches_nothing: {
    severity: "warning",
    meaning: "With `--online`: no server that the rule is about offers anything that fits.",
  },
  deny_matches_nothing: {
    severity: "note",
    meaning: "The same for a deny with wildcards, which may be there for what a server will offer one day.",
  },
  server_unlisted: {
    severity: "warning",
    meaning: "With `--online`: the server's lists cannot be had, so nothing was compared with them.",
  },
} as const satisfies Readonly<Record<string, { readonly severity: Severity; readonly meaning: string }>>;

export type LintCode = keyof typeof lintCodes;

/** Something of a sound policy that is probably not meant. */
export interface Lint extends Problem {
  readonly code: LintCode;
  readonly severity: Severity;
}

/** @param path of what the finding is about, in the source */
export function findingAt(
  source: Pick<PolicySource, "problem">,
  path: Path,
  code: LintCode,
  message: string,
  extra: ProblemExtra = {},
): Lint {
  return { ...source.problem(path, message, extra), code, severity: lintCodes[code].severity };
}
