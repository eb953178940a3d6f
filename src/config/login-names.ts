/** Names of identity providers, which the subjects of their people begin with: `<name>:<subject there>`. */
import type { Path } from "./diagnose.ts";
import { problem, type RuleFinding } from "./finding.ts";

/** What subjects of others begin with. */
const takenNames = new Set(["client", "builtin"]);

/** @param at where the provider is configured, by its name */
export function checkProviderName(name: string, at: Path): RuleFinding[] {
  if (!takenNames.has(name)) return [];
  return [problem(at, "subjects of others begin with this name; choose another", { at: "key" })];
}
