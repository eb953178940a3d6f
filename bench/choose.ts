import { type Comparison, comparisons } from "./comparisons.ts";
import { names } from "./names.ts";

/**
 * Picks comparisons by parts of their title or of the names of what they compare, the short ones of bench/names.ts
 * included; `target` picks those that have one.
 *
 * @param texts any of them will do; all comparisons where there is none
 */
export function choose(texts: readonly string[]): readonly Comparison[] {
  if (texts.length === 0) return comparisons;
  return comparisons.filter((comparison) => {
    const words = describe(comparison).toLowerCase();
    return texts.some((text) => words.includes(text.toLowerCase()));
  });
}

function describe({ title, own, base, most }: Comparison): string {
  const candidates = [own.candidate, base.candidate].flatMap((name) => [name, names[name]]);
  return [title, own.scene.name, ...candidates, most === null ? "" : "target"].join("\n");
}
