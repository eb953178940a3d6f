import { sortProblems } from "../config/diagnose.ts";
import { explainForeign, findForeign } from "../mcp/dialect.ts";
import { canMatchUri } from "../mcp/names.ts";
import type { PolicySource } from "./load.ts";
import { type ReferenceFindings, rulesOf } from "./references.ts";

/**
 * Finds patterns that are written like regular expressions or shell patterns. In a deny that is a mistake, since nothing else
 * would say that it denies next to nothing; names may be spelled so, and `?` then stands for the character that is meant. An
 * allow of such a name is only warned of: it allows no more than it says. Pure.
 */
export function checkDialects(sources: readonly PolicySource[]): ReferenceFindings {
  const found = sources.flatMap((source) =>
    [...rulesOf(source)].flatMap(({ effect, rule, path }) =>
      (["tools", "prompts", "resources"] as const).flatMap((kind) =>
        (rule[kind] ?? []).flatMap((pattern, index) => {
          // What nothing can match is a mistake anyway, and spelling.ts tells it.
          if (pattern.includes("${") || (kind === "resources" && !canMatchUri(pattern))) return [];
          const foreign = findForeign(pattern, kind === "resources" ? "uri" : "name");
          if (foreign === undefined) return [];
          const verb = effect === "deny" ? "denies" : "allows";
          const message = explainForeign(foreign, verb);
          return [{ effect, problem: source.problem([...path, kind, index], message, { hint: foreign.hint }) }];
        }),
      ),
    ),
  );
  const of = (wanted: "allow" | "deny") =>
    sortProblems(found.flatMap(({ effect, problem }) => (effect === wanted ? [problem] : [])));
  return { problems: of("deny"), warnings: of("allow") };
}
