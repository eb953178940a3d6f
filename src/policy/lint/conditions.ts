/** Conditions that decide nothing, or otherwise than they read. */
import type { TargetKind } from "../compile.ts";
import { type Outcomes, outcome } from "../condition/condition.ts";
import { factBits } from "../facts.ts";
import { findingAt, type Lint } from "./finding.ts";
import { type FoldedCondition, foldCondition } from "./folding.ts";
import { type Inventory, kindKeys, type WrittenRule } from "./inventory.ts";

/** Each condition is folded once, however many rules have it. */
export function findIdleConditions({ rules }: Inventory): Lint[] {
  const folded = new Map<string, FoldedCondition>();
  return rules.flatMap((written) => {
    const { when } = written.rule.text;
    if (when === undefined) return [];
    const condition = folded.get(when) ?? foldCondition(when);
    folded.set(when, condition);
    return judgeCondition(written, condition);
  });
}

const toolBits = factBits.toolName | factBits.toolArguments | factBits.annotations;
const promptBits = factBits.promptName | factBits.promptArguments;

/** What a condition cannot read about things of a kind. */
const foreignBits: Readonly<Record<TargetKind, number>> = {
  tool: promptBits | factBits.uri,
  prompt: toolBits | factBits.uri,
  resource: toolBits | promptBits,
};

function judgeCondition({ rule, source, path }: WrittenRule, condition: FoldedCondition): Lint[] {
  const at = [...path, "when"];
  const ways = kindKeys
    .filter(([kind]) => rule.patterns[kind].length > 0)
    .map(([kind, key]) => ({ key, outcomes: condition.outcomes(foreignBits[kind]) }));
  if (ways.every(({ outcomes }) => outcomes === outcome.true)) {
    return [findingAt(source, at, "condition_always_true", "this is always true: the rule says the same without it")];
  }
  const canBeTrue = (condition.outcomes(0) & outcome.true) !== 0;
  const never = ways.filter(({ outcomes }) => (outcomes & outcome.true) === 0);
  const findings = never.map(({ key, outcomes }) => {
    const because = canBeTrue ? `for ${key}, which do not have what it reads, ` : "";
    const said = outcomes === outcome.error ? "this always fails" : "this is never true";
    return findingAt(source, at, "condition_never_true", `${because}${said}: ${effectOf(rule.effect, outcomes)}`);
  });
  // What is true for nothing is not true for each kind.
  if (!canBeTrue) return findings.slice(0, 1);
  return rule.effect === "deny" && never.length < ways.length ? [...findings, ...findFailing(condition)] : findings;

  function findFailing({ unguarded }: FoldedCondition): Lint[] {
    const [first] = unguarded;
    if (first === undefined) return [];
    const message = `where there is no ${first} this fails, and the call is denied`;
    return [findingAt(source, at, "deny_may_fail", message, { hint: `if that is not meant: has(${first}) && …` })];
  }
}

function effectOf(effect: "allow" | "deny", outcomes: Outcomes): string {
  if (effect === "allow") return "the rule allows nothing";
  if (outcomes === outcome.error) return "the rule denies whatever it names";
  return outcomes === outcome.false ? "the rule denies nothing" : "the rule denies only where it fails";
}
