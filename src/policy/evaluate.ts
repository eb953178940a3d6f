/**
 * The decision: a pure function of the compiled policy and the facts. One function serves calls and lists; where something is
 * not known, such as the arguments while listing, it says what may be.
 */
import { type Glob, globCoversTemplate, globOverlapsTemplate } from "../mcp/glob.ts";
import type { Target } from "../mcp/methods.ts";
import { always } from "./clock.ts";
import type { CompiledBinding, CompiledRule, Program, RuleLimit, TargetKind } from "./compile.ts";
import { outcome } from "./condition.ts";
import type { Circumstances, PolicySubject } from "./facts.ts";
import { countMissing, type Missing } from "./require.ts";
import { Scene } from "./scene.ts";

/** All rules that hold for one identity on one server. */
export interface View {
  readonly subject: PolicySubject;
  readonly server: string;
  readonly enforced: Ruleset;
  /** With the rules in shadow as if they were enforced; null where there are none. */
  readonly rehearsed: Ruleset | null;
}

export interface Ruleset {
  readonly allow: Shelves;
  readonly deny: Shelves;
  /** Every allow rule, and every deny, the plainest first. */
  readonly grants: readonly CompiledRule[];
  readonly denials: readonly CompiledRule[];
}

type Shelves = Readonly<Record<TargetKind, Shelf>>;

/**
 * The patterns of one kind, by what it takes to judge by their rules: plain ones, then those with conditions, then those that
 * count. The first that allows is the one that is named, so nothing is evaluated, and nothing counted, where a plain rule says
 * enough.
 */
type Shelf = readonly Tier[];

/** Literals are looked up, so that a thousand of them cost what one costs. */
interface Tier {
  readonly literals: ReadonlyMap<string, readonly CompiledRule[]>;
  readonly globs: readonly Entry[];
  /** Both, one by one, as resource templates are compared with them. */
  readonly every: readonly Entry[];
}

interface Entry {
  readonly glob: Glob;
  readonly rule: CompiledRule;
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

/** Collects the rules that hold for an identity on a server. The same identity always has the same view. */
export function viewOf(program: Program, subject: PolicySubject, server: string): View {
  const held = new Set<CompiledRule>();
  for (const binding of program.bindings) {
    if (!binds(binding, subject)) continue;
    for (const rule of binding.rules) if (rule.servers.has(server)) held.add(rule);
  }
  const ordered = [...held].sort((a, b) => rankOf(a) - rankOf(b) || a.order - b.order);
  const enforced = ordered.filter(({ shadow }) => !shadow);
  const rehearsed = enforced.length === ordered.length ? null : arrange(ordered);
  return { subject, server, enforced: arrange(enforced), rehearsed };
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
  if (target.kind !== "server" && search(deny[shelfOf(target)], target, globCoversTemplate, denial))
    return denial.verdict();
  const allowance = new Allowing(scene);
  if (target.kind === "server") grants.some((rule) => allowance.hear(rule));
  else search(allow[shelfOf(target)], target, globOverlapsTemplate, allowance);
  return allowance.verdict(denial.maybe);
}

/** Hears the rules that fit, one after the other. */
interface Hearing {
  /** Whether no further rule needs to be heard. */
  hear(rule: CompiledRule): boolean;
}

class Denying implements Hearing {
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

class Allowing implements Hearing {
  readonly #scene: Scene;
  #sure: CompiledRule | null = null;
  #maybe: CompiledRule | null = null;
  #failed: CompiledRule | null = null;
  #unproved: { readonly rule: CompiledRule; readonly missing: Missing; readonly certain: boolean } | null = null;

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
    else if (this.#unproved === null || countMissing(missing) < countMissing(this.#unproved.missing)) {
      this.#unproved = { rule, missing, certain: outcomes === outcome.true };
    }
    return false;
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

type NamedTarget = Exclude<Target, { kind: "server" }>;

function shelfOf({ kind }: NamedTarget): TargetKind {
  return kind === "template" ? "resource" : kind;
}

/** Has every rule heard whose pattern fits, in the order of precedence, until one is enough. */
function search(
  shelf: Shelf,
  { kind, name }: NamedTarget,
  fitsTemplate: (glob: Glob, template: string) => boolean,
  hearing: Hearing,
): boolean {
  for (const { literals, globs, every } of shelf) {
    if (kind === "template") {
      for (const { glob, rule } of every) if (fitsTemplate(glob, name) && hearing.hear(rule)) return true;
      continue;
    }
    for (const rule of literals.get(name) ?? []) if (hearing.hear(rule)) return true;
    for (const { glob, rule } of globs) if (glob.matches(name) && hearing.hear(rule)) return true;
  }
  return false;
}

/** How much it takes to judge by a rule; the least is asked first. */
function rankOf(rule: CompiledRule): 0 | 1 | 2 {
  if (rule.limit !== null) return 2;
  return isPlain(rule) ? 0 : 1;
}

/** Whether nothing but its patterns and a deny stands between the rule and its effect. */
export function isPlain({ condition, period, hours, require, limit }: CompiledRule): boolean {
  return condition === null && period === always && hours === null && require === null && limit === null;
}

function arrange(ordered: readonly CompiledRule[]): Ruleset {
  const grants = ordered.filter(({ effect }) => effect === "allow");
  const denials = ordered.filter(({ effect }) => effect === "deny");
  return { allow: shelve(grants), deny: shelve(denials), grants, denials };
}

function shelve(rules: readonly CompiledRule[]): Shelves {
  const shelf = (kind: TargetKind) =>
    [0, 1, 2].map((rank) =>
      fillTier(
        rules.filter((rule) => rankOf(rule) === rank),
        kind,
      ),
    );
  return { tool: shelf("tool"), prompt: shelf("prompt"), resource: shelf("resource") };
}

function fillTier(rules: readonly CompiledRule[], kind: TargetKind): Tier {
  const literals = new Map<string, CompiledRule[]>();
  const every = rules.flatMap((rule) => rule.patterns[kind].map((glob): Entry => ({ glob, rule })));
  for (const { glob, rule } of every) {
    if (!glob.literal) continue;
    const same = literals.get(glob.pattern) ?? [];
    literals.set(glob.pattern, same);
    if (!same.includes(rule)) same.push(rule);
  }
  return { literals, globs: every.filter(({ glob }) => !glob.literal), every: kind === "resource" ? every : [] };
}
