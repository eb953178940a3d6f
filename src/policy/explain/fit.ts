import { compileGlob, globCoversTemplate, globOverlapsTemplate } from "../../mcp/glob.ts";
import type { Target } from "../../mcp/methods.ts";
import type { CompiledRule } from "../compile.ts";

/**
 * Whether a rule's patterns are about a target, as the evaluator takes it: any allow is about the server itself, and of a template a
 * deny has to match every expansion.
 */
export function fits({ effect, patterns }: CompiledRule, target: Target): boolean {
  if (target.kind === "server") return effect === "allow";
  const { kind, name } = target;
  if (kind !== "template") return patterns[kind].some((glob) => glob.matches(name));
  return patterns.resource.some((glob) =>
    effect === "deny" ? globCoversTemplate(glob, name) : globOverlapsTemplate(glob, name),
  );
}

/** Whether every name that one pattern matches is matched by the other. A yes is certain; a no may be too careful. */
export function covers(wide: string, narrow: string): boolean {
  if (wide === narrow || wide === "*") return true;
  // Most patterns differ in how they begin, which takes less to see.
  if (!narrow.startsWith(prefixOf(wide)) || /[{}]/.test(narrow)) return false;
  return globCoversTemplate(compileGlob(wide), narrow.replaceAll("*", anything));
}

/** Whether some name is matched by both patterns. A no is certain; a yes may be too careful. */
export function overlaps(one: string, other: string): boolean {
  const [first, second] = [prefixOf(one), prefixOf(other)];
  if (!first.startsWith(second) && !second.startsWith(first)) return false;
  return /[{}]/.test(other) || globOverlapsTemplate(compileGlob(one), other.replaceAll(/[*?]/g, anything));
}

/** What stands before the first wildcard. */
function prefixOf(pattern: string): string {
  const at = pattern.search(/[*?]/);
  return at === -1 ? pattern : pattern.slice(0, at);
}

/** An expression of a template, which may stand for any text. */
const anything = "{x}";
