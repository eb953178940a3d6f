/** Recorded calls, put again to a policy: which of them would be decided otherwise. Pure. */
import type { AuditRecord, ShadowDecision } from "../../audit/record.ts";
import { always } from "../clock.ts";
import type { CompiledRule, Program } from "../compile.ts";
import { findBindings, findRules, type RuleFinding } from "../explain/findings.ts";
import { fits } from "../explain/fit.ts";
import { factBits } from "../facts.ts";
import { answerQuestion, argumentBits, type Question, recallQuestion } from "../question.ts";
import { type Tallied, Tally } from "./tally.ts";
import { termsKey, termsOf } from "./terms.ts";

export type Effect = ShadowDecision["effect"];

/** How one side decides a call. */
export interface Decided {
  readonly effect: Effect;
  readonly rule: string | null;
  readonly policy: string | null;
  /** False where it rests on what is not recorded. */
  readonly certain: boolean;
  /** What it may be, by what is not recorded; the effect alone where it is certain. */
  readonly possible: readonly Effect[];
  /** Hash of the policies that decide. */
  readonly policies: string | null;
  /** Everything that it rests on; equal ones decide alike whatever is not recorded. */
  readonly grounds: string | null;
}

export interface Decider {
  /** Whether more counts of the call than whose it is and what of: its time, or its arguments where they are known. */
  isSingular(question: Question): boolean;
  decide(question: Question, record: AuditRecord): Decided;
}

/** What the gateway made of a call then; null where no policy was asked. */
export function recallDecision({ event, decision }: AuditRecord): Effect | null {
  if (!asking.has(event)) return null;
  const { effect, reason } = decision;
  if (reason !== null && Object.hasOwn(verdicts, reason)) return verdicts[reason as keyof typeof verdicts];
  return effect === "allow" ? "allow" : null;
}

const asking = new Set(["request", "notification", "response", "stream"]);
const verdicts = {
  policy_denied: "deny",
  condition_failed: "deny",
  step_up_required: "challenge",
  // Limits are looked at behind the policy, which had allowed it.
  rule_limited: "allow",
  tool_limited: "allow",
  tool_busy: "allow",
} as const;

/** Decides as it was decided. */
export const asRecorded: Decider = {
  isSingular: () => false,
  decide: (_question, record) => {
    const { rule, policy, policies = null } = record.decision;
    const effect = recallDecision(record) ?? "deny";
    return { effect, rule, policy, certain: true, possible: [effect], policies, grounds: null };
  },
};

/** Decides by a policy. @param programFor the policy compiled so that it knows a server */
export function byPolicy(programFor: (server: string) => Program): Decider {
  const singular = new Map<Program, readonly CompiledRule[]>();
  return {
    isSingular({ server, target, circumstances: { unknown = 0 } }) {
      const program = programFor(server);
      const rules =
        singular.get(program) ??
        program.bindings.flatMap(({ rules }) => rules.filter((rule) => isSingularRule(rule, 0)));
      singular.set(program, rules);
      return rules.some((rule) => isSingularRule(rule, unknown) && rule.servers.has(server) && fits(rule, target));
    },
    decide(question) {
      const program = programFor(question.server);
      const { effect, rule, policy, certain } = answerQuestion(program, question).verdict;
      const said = { effect, rule, policy, certain, policies: program.hash };
      if (certain) return { ...said, possible: [effect], grounds: null };
      const open = findOpen(program, question);
      return { ...said, possible: findPossible(effect, open), grounds: findGrounds(open) };
    },
  };
}

function isSingularRule({ period, hours, condition, require }: CompiledRule, unknown: number): boolean {
  const reads = (condition?.reads ?? 0) & (factBits.now | argumentBits) & ~unknown;
  return period !== always || hours !== null || reads !== 0 || require?.maxAge !== undefined;
}

/** Rules that may have a part in the decision. */
function findOpen(program: Program, question: Question): readonly RuleFinding[] {
  const rules = findRules(question, findBindings(program, question));
  return rules.filter(({ rule, result }) => result !== "not" && !rule.shadow);
}

function findPossible(said: Effect, open: readonly RuleFinding[]): readonly Effect[] {
  const denies = open.filter(({ rule }) => rule.effect === "deny");
  const allows = open.filter(({ rule, result }) => rule.effect === "allow" && result !== "error");
  const held = allows.filter(({ held }) => held === "yes");
  const isAllowed = held.some(({ result }) => result === "holds");
  const isNamed = held.some(({ blockers }) => blockers.every(({ kind }) => kind === "proof"));
  const wants = allows.some(({ blockers }) => blockers.some(({ kind }) => kind === "proof"));
  const may = {
    allow: allows.some(({ result }) => result === "holds" || result === "maybe"),
    challenge: !isAllowed && wants,
    deny: denies.length > 0 || !isNamed,
  };
  return (["allow", "challenge", "deny"] as const).filter((effect) => effect === said || may[effect]);
}

function findGrounds(open: readonly RuleFinding[]): string {
  const grounds = open.map(({ rule, held, bindings }) => {
    const whose = bindings.map(({ text: { claims, apiKeys, certificates } }) =>
      JSON.stringify([claims, apiKeys, certificates]),
    );
    return JSON.stringify([rule.effect, termsKey(termsOf(rule)), held === "yes" ? [] : whose.sort()]);
  });
  return [...new Set(grounds)].sort().join("\n");
}

/** A way in which calls would be decided otherwise. */
export interface Turn {
  /** Whether both are: otherwise it may be that nothing turns. */
  readonly certain: boolean;
  readonly certainBefore: boolean;
  readonly certainAfter: boolean;
  readonly from: Effect;
  readonly to: Effect;
  /** What each may be. */
  readonly possibleBefore: readonly Effect[];
  readonly possibleAfter: readonly Effect[];
  /** Rules that decide, as `name (file:line)`. */
  readonly ruleBefore: string | null;
  readonly ruleAfter: string | null;
  readonly issuer: string;
  readonly subject: string;
  readonly server: string;
  readonly kind: string;
  readonly name: string | null;
}

export interface ReplayReport {
  /** Records that were read, those of them that a policy was asked about, and those whose question is not recorded whole. */
  readonly records: number;
  readonly asked: number;
  readonly unrecalled: number;
  /** Records that are encrypted, and whose key is not there: nobody knows whether they are of calls. */
  readonly unread: number;
  /** Calls that would certainly be decided otherwise. */
  readonly changed: number;
  /** Calls that would be or not, by what is not recorded. */
  readonly open: number;
  /** Calls that are counted, and whose callers and targets are too many to be listed. */
  readonly unlisted: number;
  readonly turns: readonly Tallied<Turn>[];
}

const maxKept = 50_000;

/** Puts one recorded call after the other to two sides. Memory does not grow with the trail. */
export class Replay {
  readonly #before: Decider;
  readonly #after: Decider;
  readonly #turns = new Tally<Turn>();
  readonly #kept = new Map<string, Turn | null>();
  #records = 0;
  #asked = 0;
  #unrecalled = 0;
  #unread = 0;
  #changed = 0;
  #open = 0;

  constructor(before: Decider, after: Decider) {
    this.#before = before;
    this.#after = after;
  }

  hear(record: AuditRecord): void {
    this.#records += 1;
    if (record.sealed !== undefined) this.#unread += 1;
    if (recallDecision(record) === null) return;
    this.#asked += 1;
    const question = recallQuestion(record);
    if (question === null) {
      this.#unrecalled += 1;
      return;
    }
    const turn = this.#turnOf(question, record);
    if (turn === null) return;
    if (turn.certain) this.#changed += 1;
    else this.#open += 1;
    this.#turns.add(turn, record);
  }

  /** Most calls are like calls before them. */
  #turnOf(question: Question, record: AuditRecord): Turn | null {
    if (this.#before.isSingular(question) || this.#after.isSingular(question)) return this.#compare(question, record);
    const { identity, server, event, method, peer, decision } = record;
    const { target } = question;
    const { rule, policy, policies, reason, effect } = decision;
    const key = JSON.stringify([
      ...[identity, server, event, method, peer?.ip, target, question.circumstances.unknown],
      ...[rule, policy, policies, reason, effect],
    ]);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const turn = this.#compare(question, record);
    if (this.#kept.size >= maxKept) this.#kept.clear();
    this.#kept.set(key, turn);
    return turn;
  }

  #compare(question: Question, record: AuditRecord): Turn | null {
    const before = this.#before.decide(question, record);
    const after = this.#after.decide(question, record);
    const certain = before.certain && after.certain;
    // What the same policies decided then needs no guess about what is not recorded.
    if (before.policies !== null && before.policies === after.policies) return null;
    const isAlike = String(before.possible) === String(after.possible);
    // Two that may both come out either way, on terms of their own, can differ.
    if (isAlike && (before.possible.length === 1 || before.grounds === after.grounds)) return null;
    const { subject, server, target } = question;
    return {
      certain,
      certainBefore: before.certain,
      certainAfter: after.certain,
      from: before.effect,
      to: after.effect,
      possibleBefore: before.possible,
      possibleAfter: after.possible,
      ruleBefore: nameRule(before),
      ruleAfter: nameRule(after),
      issuer: subject.issuer,
      subject: subject.subject,
      server,
      kind: target.kind,
      name: target.kind === "server" ? null : target.name,
    };
  }

  finish(): ReplayReport {
    return {
      records: this.#records,
      asked: this.#asked,
      unrecalled: this.#unrecalled,
      unread: this.#unread,
      changed: this.#changed,
      open: this.#open,
      unlisted: this.#turns.beyond,
      turns: this.#turns.list().toSorted((a, b) => Number(b.what.certain) - Number(a.what.certain)),
    };
  }
}

function nameRule({ rule, policy }: Decided): string | null {
  return rule === null ? null : `${rule} (${policy})`;
}
