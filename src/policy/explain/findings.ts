/** What each binding and rule has to do with a question, and why. Pure. */
import { always, dayNames, isWithin, type Period, readPeriod } from "../clock.ts";
import type { CompiledBinding, CompiledRule, Program } from "../compile.ts";
import { compileCondition, type Outcomes, outcome } from "../condition/condition.ts";
import { binds } from "../evaluate.ts";
import { factBits, type PolicySubject } from "../facts.ts";
import type { Question } from "../question.ts";
import type { Missing } from "../require.ts";
import { Scene } from "../scene.ts";
import { selectors } from "../schema.ts";
import { isUnrecorded } from "../unrecorded.ts";
import { fits } from "./fit.ts";
import { type ConditionPart, splitCondition } from "./parts.ts";
import { type Reading, readFacts } from "./reads.ts";

/** A way in which bindings look at callers. */
export type Selector = (typeof selectors)[number];

/** What a binding asks of somebody who is not like that. */
export interface Miss {
  readonly selector: Selector;
  /** Of claims, the one that is meant. */
  readonly claim: string | null;
  readonly wants: readonly (string | number | boolean)[];
}

/** Whether a binding holds, and what it misses. */
export interface BindingFinding {
  readonly binding: CompiledBinding;
  /** `unknown` where it rests on what is not known of the caller. */
  readonly holds: "yes" | "no" | "unknown";
  readonly misses: readonly Miss[];
}

/** How a condition comes out, or one of its parts. */
export interface ConditionFinding {
  readonly text: string;
  readonly outcome: "true" | "false" | "error" | "unknown";
  readonly joint: "&&" | "||" | null;
  readonly parts: readonly ConditionFinding[];
  /** What it names, where it has no parts. */
  readonly reads: readonly Reading[];
}

/** What keeps a rule from its effect. */
export type Blocker =
  | { readonly kind: "pattern" }
  | { readonly kind: "early" | "over"; readonly period: Period; readonly ofBinding: boolean }
  | { readonly kind: "hours" | "time" }
  | { readonly kind: "condition"; readonly finding: ConditionFinding }
  | { readonly kind: "proof"; readonly missing: Missing | "unknown" };

/** What one rule has to do with a question. */
export interface RuleFinding {
  readonly rule: CompiledRule;
  /** Bindings that give it, or may. */
  readonly bindings: readonly CompiledBinding[];
  /** `unknown` where only bindings give it of which it is not known whether they hold. */
  readonly held: "yes" | "unknown";
  /**
   * `holds`: it allows, or denies; of a deny that fails as well. `unproved`: it would allow to somebody who proves more. `maybe`: that
   * rests on what is not known.
   */
  readonly result: "holds" | "unproved" | "maybe" | "not" | "error";
  readonly blockers: readonly Blocker[];
}

/** Whether each binding of a policy holds for whoever asks. */
export function findBindings({ bindings }: Program, { subject, circumstances }: Question): readonly BindingFinding[] {
  const unknown = ((circumstances.unknown ?? 0) & factBits.claims) !== 0;
  return bindings.map((binding) => {
    if (binds(binding, subject)) return { binding, holds: "yes", misses: [] };
    const misses = findMisses(binding, subject);
    const open = unknown && misses.every(({ selector }) => isUnrecorded(selector, subject));
    return { binding, holds: open ? "unknown" : "no", misses };
  });
}

/** What the rules that somebody has on a server, or may have, make of a question; in the order of the files. */
export function findRules(question: Question, bindings: readonly BindingFinding[]): readonly RuleFinding[] {
  const held = new Map<CompiledRule, { bindings: CompiledBinding[]; held: "yes" | "unknown" }>();
  for (const { binding, holds } of bindings) {
    if (holds === "no") continue;
    for (const rule of binding.rules) {
      if (!rule.servers.has(question.server)) continue;
      const before = held.get(rule);
      if (before === undefined) held.set(rule, { bindings: [binding], held: holds });
      else {
        before.bindings.push(binding);
        if (holds === "yes") before.held = "yes";
      }
    }
  }
  return [...held]
    .map(([rule, by]) => ({ rule, ...by, ...judgeRule(rule, question) }))
    .sort((a, b) => a.rule.order - b.rule.order);
}

/** How one rule comes out by itself, and what keeps it from its effect. */
export function judgeRule(rule: CompiledRule, question: Question): Pick<RuleFinding, "result" | "blockers"> {
  if (!fits(rule, question.target)) return { result: "not", blockers: [{ kind: "pattern" }] };
  const scene = sceneOf(question);
  const outcomes = scene.outcomesOf(rule);
  const blockers = findBlockers(rule, question, scene);
  if (rule.effect === "deny") {
    if ((outcomes & outcome.false) !== 0) return { result: outcomes === outcome.false ? "not" : "maybe", blockers };
    return { result: outcomes === outcome.error ? "error" : "holds", blockers };
  }
  if ((outcomes & outcome.true) === 0) return { result: outcomes === outcome.error ? "error" : "not", blockers };
  const missing = scene.missingFor(rule);
  if (missing !== null && missing !== "unknown") return { result: "unproved", blockers };
  return { result: missing === null && outcomes === outcome.true ? "holds" : "maybe", blockers };
}

function sceneOf({ subject, server, target, circumstances }: Question): Scene {
  return new Scene(subject, server, target, circumstances);
}

function findBlockers(rule: CompiledRule, { circumstances, ...question }: Question, scene: Scene): Blocker[] {
  const { nowMs, unknown = 0 } = circumstances;
  const { period, hours, condition } = rule;
  const blockers: Blocker[] = [];
  const timed = period !== always || hours !== null;
  if (timed && (unknown & factBits.now) !== 0) blockers.push({ kind: "time" });
  else if (!isWithin(period, nowMs)) blockers.push(describePeriod(rule, nowMs));
  else if (hours !== null && !hours(nowMs)) blockers.push({ kind: "hours" });
  if (condition !== null) {
    const finding = weigh(splitCondition(condition.text), rule, { circumstances, ...question }, scene);
    if (finding.outcome !== "true") blockers.push({ kind: "condition", finding });
  }
  const missing = scene.missingFor(rule);
  if (missing !== null) blockers.push({ kind: "proof", missing });
  return blockers;
}

function describePeriod({ period, text }: CompiledRule, nowMs: number): Blocker {
  const own = readPeriod(text);
  return nowMs < period.fromMs
    ? { kind: "early", period, ofBinding: own.fromMs !== period.fromMs }
    : { kind: "over", period, ofBinding: own.untilMs !== period.untilMs };
}

function weigh(
  { text, joint, parts }: ConditionPart,
  rule: CompiledRule,
  question: Question,
  scene: Scene,
): ConditionFinding {
  const compiled = compileCondition(text);
  const condition = "outcomes" in compiled ? compiled : rule.condition;
  const outcomes = scene.outcomesOf({ ...rule, period: always, hours: null, condition });
  return {
    text,
    outcome: nameOutcome(outcomes),
    joint,
    parts: parts.map((part) => weigh(part, rule, question, scene)),
    reads: joint === null ? readFacts(text, question) : [],
  };
}

function nameOutcome(outcomes: Outcomes): ConditionFinding["outcome"] {
  if (outcomes === outcome.true) return "true";
  if (outcomes === outcome.false) return "false";
  return outcomes === outcome.error ? "error" : "unknown";
}

function findMisses(binding: CompiledBinding, subject: PolicySubject): Miss[] {
  const { claims, ...rest } = unselected(binding);
  const misses: Miss[] = [];
  for (const selector of selectors) {
    if (selector === "claims" || binding[selector] === undefined) continue;
    const alone = { ...rest, claims: [], [selector]: binding[selector] };
    if (!binds(alone, subject)) misses.push({ selector, claim: null, wants: [...binding[selector]] });
  }
  for (const claim of binding.claims) {
    const wants = [...claim[1]] as Miss["wants"];
    if (!binds({ ...rest, claims: [claim] }, subject)) misses.push({ selector: "claims", claim: claim[0], wants });
  }
  return misses;
}

function unselected(binding: CompiledBinding): CompiledBinding {
  const open = Object.fromEntries(selectors.map((selector) => [selector, undefined]));
  return { ...binding, ...open, claims: [] };
}

/** How the condition of a rule came out, where it keeps the rule from its effect. */
export function conditionOf({ blockers }: RuleFinding): ConditionFinding | undefined {
  return blockers.flatMap((blocker) => (blocker.kind === "condition" ? blocker.finding : []))[0];
}

/** The days and times of a rule, as people write them. */
export function renderHours({ hours }: CompiledRule["text"]): string {
  if (hours === undefined) return "any time";
  const { timeZone, days = dayNames, from = "00:00", to = "24:00" } = hours;
  return `${days.length === dayNames.length ? "every day" : days.join(", ")} ${from}-${to} ${timeZone}`;
}
