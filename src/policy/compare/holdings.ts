/** What somebody holds by a policy: each pattern of each rule by itself, so that policies can be compared. Pure. */
import type { CompiledRule, Program, TargetKind } from "../compile.ts";
import { binds } from "../evaluate.ts";
import { covers } from "../explain/fit.ts";
import type { PolicySubject } from "../facts.ts";
import { isFree, isWeaker, type Terms, termsKey, termsOf } from "./terms.ts";

/** One pattern of one rule. */
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

/** Everything that somebody holds. */
export interface Portfolio {
  /** Each meaning once, by what they are about. */
  readonly shelves: ReadonlyMap<string, Shelf>;
  /** Keys of all holdings. */
  readonly keys: ReadonlySet<string>;
}

/** What is held of one kind of things of one server. */
export interface Shelf {
  /** What is allowed in fact: without what a deny without terms takes away altogether. */
  readonly grants: readonly Holding[];
  readonly denies: readonly Holding[];
  readonly shadowAllows: readonly Holding[];
  readonly shadowDenies: readonly Holding[];
}

export const emptyShelf: Shelf = { grants: [], denies: [], shadowAllows: [], shadowDenies: [] };

/** Portfolios by a policy. Many people have the same rules, and then the same portfolio. */
export class PortfolioBook {
  readonly #program: Program;
  readonly #numbers = new Map<CompiledRule, number>();
  readonly #kept = new Map<string, Portfolio>();

  constructor(program: Program) {
    this.#program = program;
  }

  portfolioOf(subject: PolicySubject): Portfolio {
    return this.ofRules(this.#program.bindings.filter((each) => binds(each, subject)).flatMap(({ rules }) => rules));
  }

  ofRules(rules: readonly CompiledRule[]): Portfolio {
    const numbers = [...new Set(rules)].map((rule) => this.#numberOf(rule));
    const key = numbers.sort((a, b) => a - b).join();
    const kept = this.#kept.get(key) ?? arrange(rules);
    this.#kept.set(key, kept);
    return kept;
  }

  #numberOf(rule: CompiledRule): number {
    const number = this.#numbers.get(rule) ?? this.#numbers.size;
    this.#numbers.set(rule, number);
    return number;
  }
}

function arrange(rules: readonly CompiledRule[]): Portfolio {
  const found = new Map(rules.flatMap(spread).map((holding) => [holding.key, holding]));
  const shelves = Map.groupBy(found.values(), ({ server, kind }) => JSON.stringify([server, kind]));
  return { keys: new Set(found.keys()), shelves: new Map([...shelves].map(([about, all]) => [about, shelve(all)])) };
}

function shelve(all: readonly Holding[]): Shelf {
  const of = (wanted: Holding["effect"], inShadow: boolean) =>
    all.filter(({ effect, shadow }) => effect === wanted && shadow === inShadow);
  const denies = of("deny", false);
  const bans = denies.filter(({ terms }) => isFree(terms));
  const grants = of("allow", false).filter(({ pattern }) => !bans.some((ban) => covers(ban.pattern, pattern)));
  return { grants, denies, shadowAllows: of("allow", true), shadowDenies: of("deny", true) };
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

/** Whether whatever the one says of a thing, the other says as well; both of the same shelf. */
export function includes(wide: Holding, narrow: Holding): boolean {
  return isWeaker(wide.terms, narrow.terms) && covers(wide.pattern, narrow.pattern);
}
