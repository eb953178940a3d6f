import { type Path, type Problem, sortProblems } from "../config/diagnose.ts";
import { findForeign } from "../mcp/dialect.ts";
import { canMatchUri, canonicalUri, isPlainName } from "../mcp/names.ts";
import type { PolicySource } from "./load.ts";
import { rulesOf } from "./references.ts";

/**
 * Finds patterns that nothing can match because of how they are spelled: names and URIs are judged in one form only, so a
 * deny for `File:///secret/*` would never hold, nor one for `${NAME}`, which only the configuration fills in. Pure.
 */
export function checkSpelling(sources: readonly PolicySource[]): Problem[] {
  const problems: Problem[] = [];
  for (const source of sources) {
    const look = (texts: readonly string[] = [], path: Path, spell: (text: string) => Spelling | undefined) => {
      texts.forEach((text, index) => {
        const found = text.includes("${") ? noReference : spell(text);
        if (found !== undefined) problems.push(source.problem([...path, index], found.message, { hint: found.hint }));
      });
    };
    for (const { rule, path } of rulesOf(source)) {
      for (const kind of ["tools", "prompts"] as const) look(rule[kind], [...path, kind], spellName);
      look(rule.resources, [...path, "resources"], spellUri);
    }
    source.policy.bindings.forEach((binding, index) => {
      for (const selector of ["groups", "subjects", "clients", "apiKeys", "certificates"] as const)
        look(binding[selector], ["bindings", index, selector], () => undefined);
      for (const [claim, values] of Object.entries(binding.claims ?? {}))
        look(values.map(String), ["bindings", index, "claims", claim], () => undefined);
    });
  }
  return sortProblems(problems);
}

interface Spelling {
  readonly message: string;
  readonly hint?: string | undefined;
}

function spellName(pattern: string): Spelling | undefined {
  return isPlainName(pattern.replaceAll(/[*?]/g, "x")) ? undefined : { message: noName };
}

function spellUri(pattern: string): Spelling | undefined {
  if (canMatchUri(pattern)) return undefined;
  const canonical = /[*?]/.test(pattern) ? undefined : canonicalUri(pattern);
  const hint = canonical === undefined ? findForeign(pattern, "uri")?.hint : `write "${canonical}"`;
  return { message: noUri, hint };
}

const noReference: Spelling = { message: "this stands as it is: policies know no references" };
const noName = "no name that is let through can match this: check white space and characters that do not show";
const noUri = "no URI that is let through can match this: it is not in the form that URIs are compared in";
