import { compileGlob } from "../../mcp/glob.ts";

/** What the operator of a server says of names in its arguments. */
export interface OwnNames {
  /** True for the name of a secret that nobody else would take for one. */
  redacts(name: string): boolean;
  /** True for a name that only looks like that of a secret. */
  keeps(name: string): boolean;
}

/**
 * Reads the names of `servers.*.audit`. Spelling does not matter, as with the names that are known to everybody.
 *
 * @param redact names of secrets, with `*` and `?`
 * @param keep names of what is none, exactly
 * @returns null where nothing is said
 */
export function compileOwnNames(redact: readonly string[], keep: readonly string[]): OwnNames | null {
  if (redact.length === 0 && keep.length === 0) return null;
  const secret = redact.map((pattern) => compileGlob(fold(pattern)));
  const harmless = new Set(keep.map(fold));
  return {
    redacts(name) {
      const folded = fold(name);
      return secret.some((glob) => glob.matches(folded));
    },
    keeps: (name) => harmless.has(fold(name)),
  };
}

/** `patientId`, `patient_id` and `Patient-ID` are one name; what is not seen hides none. */
function fold(name: string): string {
  return name
    .normalize("NFKC")
    .replace(/[\p{Cf}\p{Mn}\s_.-]/gu, "")
    .toLowerCase();
}
