/**
 * The decision: a pure function of the compiled policy and the facts. One function serves calls and lists; where something is
 * not known, such as the arguments while listing, it says what may be.
 */
import { globCoversTemplate, globOverlapsTemplate } from "../mcp/glob.ts";
import type { Target } from "../mcp/methods.ts";
import type { CompiledBinding, CompiledRule, Program, RuleLimit } from "./compile.ts";
import { outcome } from "./condition/condition.ts";
import type { Circumstances, PolicySubject } from "./facts.ts";
import { countMissing, type Missing } from "./require.ts";
import { Scene } from "./scene.ts";
import { arrange, type Ruleset, rulesFor } from "./shelves.ts";

/** All rules that hold for one identity on one server. */
export interface View {
  readonly subject: PolicySubject;
  readonly server: string;
  readonly enforced: Ruleset;
  /** With the rules in shadow as if they were enforced; null where there are none. */
  readonly rehearsed: Ruleset | null;
  /** What conditions of any of the rules read, as a sum of `factBits`. */
  readonly reads: number;
}

/** What policy says about a target, and which rule says so. */
export interface Verdict {
  /** `challenge`: it would be allowed to a caller who proves more. */
  readonly effect: "allow" | "deny" | "challenge";
  readonly reason: "allowed" | "denied_by_rule" | "no_rule" | "condition_failed" | "unproved";
  readonly rule: string | null;
  /** `file:line` of the rule. */
  readonly policy: string | null;
  /** What to prove, of a challenge. */
  readonly missing: Missing | null;
  /** How often the rule allows it, where it does. */
  readonly limit: RuleLimit | null;
  /** False where it rests on what is not known: an allow or a challenge may then be a denial in the end. */
  readonly certain: boolean;
}

/** Collects the rules that hold for an identity on a server. The same bindings always give the same rules, arranged once. */
export function viewOf(program: Program, subject: PolicySubject, server: string): View {
  const held = program.bindings.flatMap((binding, index) => (binds(binding, subject) ? [index] : []));
  return { subject, server, ...arrangeFor(program, held, server) };
}

type Arranged = Omit<View, "subject" | "server">;

const arranged = new WeakMap<Program, Map<string, Arranged>>();
/** Sets of bindings that hold together: as many as there are kinds of callers, unless somebody makes tokens up. */
const maxArranged = 1_000;

/** @param held indexes of the bindings */
function arrangeFor(program: Program, held: readonly number[], server: string): Arranged {
  const known = arranged.get(program) ?? new Map<string, Arranged>();
  arranged.set(program, known);
  const key = [server, ...held].join(" ");
  const found =
    known.get(key) ?? arrangeRules(new Set(held.flatMap((at) => program.bindings[at]?.rules ?? [])), server);
  if (known.size >= maxArranged) known.clear();
  known.set(key, found);
  return found;
}

function arrangeRules(rules: ReadonlySet<CompiledRule>, server: string): Arranged {
  const here = [...rules].filter(({ servers }) => servers.has(server));
  const enforced = here.filter(({ shadow }) => !shadow);
  return {
    enforced: arrange(enforced),
    rehearsed: enforced.length === here.length ? null : arrange(here),
    reads: here.reduce((sum, { condition }) => sum | (condition?.reads ?? 0), 0),
  };
}

/** What conditions of the rules read that fit a target, as a sum of `factBits`: nothing for a name that no rule is about. */
export function readsFor({ enforced, rehearsed }: View, target: Target): number {
  if (target.kind === "server") return 0;
  const rules = [enforced, ...(rehearsed === null ? [] : [rehearsed])].flatMap(({ allow, deny }) => [
    ...rulesFor(deny, target, globCoversTemplate),
    ...rulesFor(allow, target, globOverlapsTemplate),
  ]);
  return rules.reduce((sum, { condition }) => sum | (condition?.reads ?? 0), 0);
}

/** Whether a binding gives its roles to someone. Its period is that of the rules it gives. */
export function binds(binding: CompiledBinding, subject: PolicySubject): boolean {
  const { groups, subjects, issuers, clients, apiKeys, certificates, claims } = binding;
  return (
    isAmong(subjects, subject.subject) &&
    isAmong(issuers, subject.issuer) &&
    isAmong(clients, subject.client) &&
    isAmong(apiKeys, subject.apiKey) &&
    isAmong(certificates, subject.certificate) &&
    (groups === undefined || subject.groups.some((group) => groups.has(group))) &&
    claims.every(([claim, values]) => hasValue(subject.claims, claim, values))
  );
}

function isAmong(values: ReadonlySet<string> | undefined, value: string | null): boolean {
  return values === undefined || (value !== null && values.has(value));
}

function hasValue(claims: PolicySubject["claims"], claim: string, values: ReadonlySet<unknown>): boolean {
  if (!Object.hasOwn(claims, claim)) return false;
  const value = claims[claim];
  return Array.isArray(value) ? value.some((each) => values.has(each)) : values.has(value);
}

/**
 * Judges one thing. Default deny; a deny beats every allow, whatever the order of rules and files. A condition that fails
 * denies in a deny, and does not allow in an allow.
 *
 * Never throws. A resource template may be seen when an allow may match some expansion of it and no single deny matches all of them.
 */
export function judge(view: View, target: Target, circumstances: Circumstances): Verdict {
  return decideBy(view.enforced, view, target, circumstances);
}

/** What the verdict would be if the rules in shadow were enforced; null where there are none. */
export function rehearse(view: View, target: Target, circumstances: Circumstances): Verdict | null {
  return view.rehearsed === null ? null : decideBy(view.rehearsed, view, target, circumstances);
}

function decideBy(
  { allow, deny, grants }: Ruleset,
  { subject, server }: View,
  target: Target,
  circumstances: Circumstances,
): Verdict {
  const scene = new Scene(subject, server, target, circumstances);
  const denial = new Denying(scene);
  const allowance = new Allowing(scene);
  if (target.kind === "server") {
    grants.some((rule) => allowance.hear(rule));
    return allowance.plumbing();
  }
  if (rulesFor(deny, target, globCoversTemplate).some((rule) => denial.hear(rule))) return denial.verdict();
  rulesFor(allow, target, globOverlapsTemplate).some((rule) => allowance.hear(rule));
  return allowance.verdict(denial.maybe);
}

/** Hears the deny rules that fit, one after the other; `hear` says whether no further one needs to be heard. */
class Denying {
  readonly #scene: Scene;
  #rule: CompiledRule | null = null;
  #failed = false;
  /** A rule denies it, or not, by what is not known. */
  maybe = false;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  hear(rule: CompiledRule): boolean {
    const outcomes = this.#scene.outcomesOf(rule);
    if ((outcomes & outcome.false) === 0) {
      this.#rule = rule;
      this.#failed = outcomes === outcome.error;
      return true;
    }
    if (outcomes !== outcome.false) this.maybe = true;
    return false;
  }

  verdict(): Verdict {
    return speak("deny", this.#failed ? "condition_failed" : "denied_by_rule", this.#rule);
  }
}

/** A rule that would allow it to somebody who proves more. */
interface Unproved {
  readonly rule: CompiledRule;
  readonly missing: Missing;
  /** Whether that is all it rests on. */
  readonly certain: boolean;
}

/** The same for allow rules. */
class Allowing {
  readonly #scene: Scene;
  #sure: CompiledRule | null = null;
  #maybe: CompiledRule | null = null;
  #failed: CompiledRule | null = null;
  #unproved: Unproved | null = null;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  hear(rule: CompiledRule): boolean {
    const outcomes = this.#scene.outcomesOf(rule);
    if ((outcomes & outcome.true) === 0) {
      if (outcomes === outcome.error) this.#failed ??= rule;
      return false;
    }
    const missing = this.#scene.missingFor(rule);
    if (missing === null && outcomes === outcome.true) {
      this.#sure = rule;
      return true;
    }
    if (missing === null || missing === "unknown") this.#maybe ??= rule;
    else this.#weigh({ rule, missing, certain: outcomes === outcome.true });
    return false;
  }

  /** Of rules that could be met by proving more the nearest counts, and of equally near ones one that rests on nothing unknown. */
  #weigh(unproved: Unproved): void {
    const before = this.#unproved;
    const nearer = before === null ? -1 : countMissing(unproved.missing) - countMissing(before.missing);
    if (nearer < 0 || (nearer === 0 && unproved.certain && before?.certain === false)) this.#unproved = unproved;
  }

  /**
   * Plumbing shows nothing, so it is for whoever may do anything at all, be it under some arguments or after proving more; and it
   * is no use of a rule that would count.
   */
  plumbing(): Verdict {
    const rule = this.#sure ?? this.#maybe ?? this.#unproved?.rule;
    if (rule === undefined) return this.verdict(false);
    const certain = this.#sure !== null || (this.#maybe === null && this.#unproved?.certain === true);
    return { ...speak("allow", "allowed", rule, certain), limit: null };
  }

  verdict(maybeDenied: boolean): Verdict {
    if (this.#sure !== null) return speak("allow", "allowed", this.#sure, !maybeDenied);
    if (this.#maybe !== null) return speak("allow", "allowed", this.#maybe, false);
    if (this.#unproved !== null) {
      const { rule, missing, certain } = this.#unproved;
      return { ...speak("challenge", "unproved", rule, certain && !maybeDenied), missing };
    }
    if (this.#failed !== null) return speak("deny", "condition_failed", this.#failed);
    return noRule;
  }
}

const noRule: Verdict = {
  effect: "deny",
  reason: "no_rule",
  rule: null,
  policy: null,
  missing: null,
  limit: null,
  certain: true,
};

function speak(
  effect: Verdict["effect"],
  reason: Verdict["reason"],
  rule: CompiledRule | null,
  certain = true,
): Verdict {
  const limit = effect === "allow" && rule !== null ? rule.limit : null;
  return { effect, reason, rule: rule?.name ?? null, policy: rule?.policy ?? null, missing: null, limit, certain };
}
