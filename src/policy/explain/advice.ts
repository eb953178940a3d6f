/** What would have to change for something to be allowed; every piece of advice is tried before it is given. Pure. */
import { always } from "../clock.ts";
import type { CompiledBinding, CompiledRule, Program } from "../compile.ts";
import type { PolicySubject } from "../facts.ts";
import { answerQuestion, type Question } from "../question.ts";
import { type BindingFinding, type Blocker, judgeRule, type Miss, type RuleFinding } from "./findings.ts";
import { fits } from "./fit.ts";

/** One way to have something allowed. */
export interface Advice {
  /** Rule that would allow it. */
  readonly rule: CompiledRule;
  /** What the caller has to become, by a binding. */
  readonly misses: readonly Miss[];
  /** Role that no binding gives. */
  readonly unboundRole: string | null;
  /** The rule has to be taken out of shadow. */
  readonly shadow: boolean;
  /** What of the rule itself does not hold. */
  readonly blockers: readonly Blocker[];
  /** Deny rule that stands in the way even then, by name and place; null where it would be allowed. */
  readonly obstacle: { readonly rule: string | null; readonly policy: string | null } | null;
}

/** @returns what needs least first */
export function advise(
  program: Program,
  question: Question,
  bindings: readonly BindingFinding[],
  rules: readonly RuleFinding[],
): readonly Advice[] {
  const wishes = [...heldWishes(rules, question), ...missedWishes(bindings, rules, question)];
  wishes.push(...unboundWishes(program, question));
  const nearest = wishes
    .filter((wish) => effort(wish) > 0)
    .sort(byEffort)
    .slice(0, maxTried);
  return nearest.map((wish) => ({ ...wish, obstacle: tryOut(program, question, wish) })).sort(byEffort);
}

/** Each is tried by asking again, and nobody reads more. */
const maxTried = 50;

type Wish = Omit<Advice, "obstacle">;

function heldWishes(rules: readonly RuleFinding[], question: Question): Wish[] {
  return rules.flatMap(({ rule, held, blockers }) => {
    if (held !== "yes" || rule.effect === "deny" || !fits(rule, question.target)) return [];
    return { rule, misses: [], unboundRole: null, shadow: rule.shadow, blockers };
  });
}

function missedWishes(bindings: readonly BindingFinding[], rules: readonly RuleFinding[], question: Question): Wish[] {
  const held = new Set(rules.filter((finding) => finding.held === "yes").map(({ rule }) => rule));
  return bindings.flatMap(({ binding, misses }) => {
    const become = { ...question, subject: becomeLike(question.subject, misses) };
    return binding.rules
      .filter((rule) => !held.has(rule) && mayAllow(rule, question))
      .map((rule) => ({ rule, misses, unboundRole: null, shadow: rule.shadow, ...judgeRule(rule, become) }));
  });
}

function unboundWishes({ bindings, rules }: Program, question: Question): Wish[] {
  const given = new Set(bindings.flatMap((binding) => binding.rules.map(({ order }) => order)));
  return rules
    .filter((rule) => !given.has(rule.order) && mayAllow(rule, question))
    .map((rule) => ({
      rule,
      misses: [],
      unboundRole: rule.role,
      shadow: rule.shadow,
      ...judgeRule(rule, question),
    }));
}

function mayAllow(rule: CompiledRule, { server, target }: Question): boolean {
  return rule.effect === "allow" && rule.servers.has(server) && fits(rule, target);
}

/** Somebody who is, besides, what a binding asks for. */
function becomeLike(subject: PolicySubject, misses: readonly Miss[]): PolicySubject {
  let who = subject;
  for (const miss of misses) who = { ...who, ...become(who, miss) };
  return who;
}

function become({ groups, claims }: PolicySubject, { selector, claim, wants: [value] }: Miss): Partial<PolicySubject> {
  const text = String(value);
  switch (selector) {
    case "groups":
      return { groups: [...groups, text], claims: { ...claims, groups: [...groups, text] } };
    case "subjects":
      return { subject: text };
    case "issuers":
      return { issuer: text };
    case "clients":
      return { client: text };
    case "apiKeys":
      return { apiKey: text };
    case "certificates":
      return { certificate: text };
    default:
      return { claims: { ...claims, [claim ?? ""]: value } };
  }
}

/** Asks again with the wish fulfilled: the rule as if nothing of its own stood in the way, given to the caller. */
function tryOut(program: Program, question: Question, { rule, misses }: Wish): Advice["obstacle"] {
  const freed = { ...rule, condition: null, period: always, hours: null, require: null, shadow: false };
  const subject = becomeLike(question.subject, misses);
  // What a binding gives besides, whoever is what it asks for has by the binding itself.
  const asked = { ...program, bindings: [...program.bindings, { ...everybody, rules: [freed] }] };
  const { verdict } = answerQuestion(asked, { ...question, subject });
  return verdict.effect === "deny" ? { rule: verdict.rule, policy: verdict.policy } : null;
}

const everybody: Omit<CompiledBinding, "rules"> = {
  groups: undefined,
  subjects: undefined,
  issuers: undefined,
  clients: undefined,
  apiKeys: undefined,
  certificates: undefined,
  claims: [],
  roles: [],
  policy: "",
  text: { roles: [] },
};

function byEffort(one: Wish | Advice, other: Wish | Advice): number {
  return effort(one) - effort(other) || one.rule.order - other.rule.order;
}

function effort({ misses, unboundRole, shadow, blockers, ...tried }: Wish | Advice): number {
  const isBlocked = "obstacle" in tried && tried.obstacle !== null;
  const steps = misses.length + blockers.length + Number(shadow);
  return steps + (unboundRole === null ? 0 : 10) + (isBlocked ? 100 : 0);
}
