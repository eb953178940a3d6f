/** What somebody holds by a policy: each pattern of each rule by itself, so that policies can be compared. Pure. */
import type { CompiledRule, Program, TargetKind } from "./compile.ts";
import { binds } from "./evaluate.ts";
import type { PolicySubject } from "./facts.ts";
import { covers } from "./fit.ts";
import { isFree, isWeaker, type Terms, termsKey, termsOf } from "./terms.ts";

export interface Holding {
  readonly effect: "allow" | "deny";
  readonly shadow: boolean;
  readonly server: string;
  readonly kind: TargetKind;
  readonly pattern: string;
  readonly terms: Terms;
  readonly rule: CompiledRule;
  /** The same for holdings that mean the same. */
  readonly key: string;
}

const kinds = ["tool", "prompt", "resource"] as const;

/** What somebody holds, each meaning once. */
export function holdingsOf(program: Program, subject: PolicySubject): readonly Holding[] {
  const rules = new Set(program.bindings.filter((binding) => binds(binding, subject)).flatMap(({ rules }) => rules));
  const found = new Map<string, Holding>();
  for (const rule of rules)
    for (const holding of spread(rule)) if (!found.has(holding.key)) found.set(holding.key, holding);
  return [...found.values()];
}

const spreads = new WeakMap<CompiledRule, readonly Holding[]>();

/** Many callers hold the same rules, so what is made of a rule is kept with it. */
function spread(rule: CompiledRule): readonly Holding[] {
  const kept = spreads.get(rule);
  if (kept !== undefined) return kept;
  const terms = termsOf(rule);
  const { effect, shadow } = rule;
  const made = [...rule.servers].flatMap((server) =>
    kinds.flatMap((kind) =>
      rule.patterns[kind].map(({ pattern }) => {
        const key = JSON.stringify([effect, shadow, server, kind, pattern, termsKey(terms)]);
        return { effect, shadow, server, kind, pattern, terms, rule, key };
      }),
    ),
  );
  spreads.set(rule, made);
  return made;
}

/** Whether they are about the same things of the same server. */
function isAbout(one: Holding, other: Holding): boolean {
  return one.server === other.server && one.kind === other.kind;
}

/** Whether whatever the one says of anything, the other says as well. */
export function includes(wide: Holding, narrow: Holding): boolean {
  return isAbout(wide, narrow) && covers(wide.pattern, narrow.pattern) && isWeaker(wide.terms, narrow.terms);
}

/** What is allowed in fact: without what a deny without terms takes away altogether. */
export function grantsOf(holdings: readonly Holding[]): Holding[] {
  const denies = holdings.filter(({ effect, shadow, terms }) => effect === "deny" && !shadow && isFree(terms));
  return holdings.filter(
    (each) =>
      each.effect === "allow" &&
      !each.shadow &&
      !denies.some((deny) => isAbout(deny, each) && covers(deny.pattern, each.pattern)),
  );
}
