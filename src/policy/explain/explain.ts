import type { Program } from "../compile.ts";
import { answerQuestion, type PolicyAnswer, type Question } from "../question.ts";
import { type Advice, advise } from "./advice.ts";
import { type BindingFinding, findBindings, findRules, type RuleFinding } from "./findings.ts";

/** Why a policy answers a question as it does. */
export interface Explanation {
  readonly question: Question;
  /** Hash of the policies. */
  readonly hash: string;
  readonly answer: PolicyAnswer;
  readonly bindings: readonly BindingFinding[];
  /** Rules that the caller has on the server, or may have. */
  readonly rules: readonly RuleFinding[];
  /** Deny rules that stand in the way, where it is not allowed. */
  readonly obstacles: readonly RuleFinding[];
  /** Ways to have it allowed for certain; none where it is. */
  readonly advice: readonly Advice[];
}

/** Explains the answer that a question gets: the very answer, from `answerQuestion`, and what each rule had to do with it. */
export function explainQuestion(program: Program, question: Question): Explanation {
  const answer = answerQuestion(program, question);
  const bindings = findBindings(program, question);
  const rules = findRules(question, bindings);
  const isSettled = answer.verdict.effect === "allow" && answer.verdict.certain;
  const obstacles = isSettled ? [] : rules.filter(standsInTheWay);
  const advice = isSettled ? [] : advise(program, question, bindings, rules);
  return { question, hash: program.hash, answer, bindings, rules, obstacles, advice };
}

function standsInTheWay({ rule, result }: RuleFinding): boolean {
  return rule.effect === "deny" && !rule.shadow && result !== "not";
}

/** Whether a rule is the one that decided. */
export function decides({ answer: { verdict }, rules }: Explanation, finding: RuleFinding): boolean {
  const isNamed = ({ rule, held }: RuleFinding) =>
    held === "yes" && !rule.shadow && rule.name === verdict.rule && rule.policy === verdict.policy;
  const named = rules.filter(isNamed);
  const effect = ({ result }: RuleFinding) => ["holds", "error", "unproved", "maybe", "not"].indexOf(result);
  return named.toSorted((a, b) => effect(a) - effect(b))[0] === finding;
}
