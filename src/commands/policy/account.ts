import type { AuditRecord } from "../../audit/record.ts";
import { sanitize } from "../../audit/sanitize/sanitize.ts";
import type { Effect } from "../../policy/compare/replay.ts";
import type { Advice } from "../../policy/explain/advice.ts";
import { decides, type Explanation } from "../../policy/explain/explain.ts";
import { type ConditionFinding, conditionOf } from "../../policy/explain/findings.ts";
import { adviseBlocker, adviseMiss, describeBlocker } from "../../policy/explain/words.ts";
import { type FactName, factBits } from "../../policy/facts.ts";
import type { Question } from "../../policy/question.ts";
import { show, viewValue } from "../printing.ts";

/**
 * An explanation as one JSON value.
 *
 * @param precedent what the same policies decided then, where a record says so
 * @param taken whether a gateway takes the policies, by their suites
 */
export function describeExplanation(
  explanation: Explanation,
  record: AuditRecord | null,
  precedent: Effect | null,
  taken: boolean,
): unknown {
  const { question, hash, answer, bindings, rules, obstacles, advice } = explanation;
  const { subject, server, target, circumstances } = question;
  return {
    decision: answer.verdict,
    policies: hash,
    taken,
    decided: precedent,
    rehearsed: answer.rehearsed,
    recorded: record && { time: record.time, id: record.id, decision: record.decision, outcome: record.outcome },
    identity: sanitize(subject),
    request: {
      server,
      target,
      method: circumstances.call?.method ?? null,
      arguments: sanitize(circumstances.call?.args),
    },
    at: new Date(circumstances.nowMs).toISOString(),
    ip: circumstances.ip,
    unknown: nameUnknown(question),
    bindings: bindings.map(({ binding, holds, misses }) => ({
      policy: binding.policy,
      roles: binding.roles,
      holds,
      misses,
    })),
    rules: rules.map((finding) => ({
      rule: finding.rule.name,
      policy: finding.rule.policy,
      role: finding.rule.role,
      effect: finding.rule.effect,
      shadow: finding.rule.shadow,
      bindings: finding.bindings.map(({ policy }) => policy),
      held: finding.held,
      result: finding.result,
      decides: decides(explanation, finding),
      why: finding.blockers.map((blocker) => describeBlocker(blocker, finding.rule.text)),
      condition: describeCondition(conditionOf(finding)),
    })),
    obstacles: obstacles.map(({ rule }) => ({ rule: rule.name, policy: rule.policy })),
    advice: advice.map((each) => ({
      text: renderAdvice(each),
      rule: each.rule.name,
      policy: each.rule.policy,
      obstacle: each.obstacle,
    })),
  };
}

function describeCondition(finding: ConditionFinding | undefined): unknown {
  if (finding === undefined) return null;
  const { text, outcome, joint, parts, reads } = finding;
  return {
    ...{ text, outcome, joint },
    parts: parts.map(describeCondition),
    reads: reads.map(({ path, value }) => ({ path, value: value === undefined ? null : viewValue(path, value) })),
  };
}

/**
 * What is not known of a question, as options and records call it.
 *
 * @param among what of it matters, as a sum of `factBits`
 */
export function nameUnknown({ circumstances: { unknown = 0, call } }: Question, among = -1): string[] {
  const names = (Object.keys(factBits) as FactName[]).filter((name) => (unknown & among & factBits[name]) !== 0);
  const shown = names.map((name) => words[name] ?? name);
  return [...new Set(call === null ? [...shown, "the call itself"] : shown)];
}

const words: Partial<Record<FactName, string>> = {
  toolArguments: "arguments",
  promptArguments: "arguments",
  now: "time",
};

/** One way to have it allowed, in a sentence that may be printed. */
export function renderAdvice({ rule, misses, unboundRole, shadow, blockers, obstacle }: Advice): string {
  const steps = [
    ...misses.map(adviseMiss),
    ...(unboundRole === null ? [] : [`have role ${unboundRole} bound, which no binding gives`]),
    ...(shadow ? ["have the rule enforced, which is in shadow"] : []),
    ...blockers.map((blocker) => adviseBlocker(blocker, rule.text)),
  ];
  const then = obstacle === null ? "would allow it" : `would still not allow it: deny rule ${obstacle.rule} beats it`;
  return show(`${steps.join(", and ")}: rule ${rule.name} (${rule.policy}) ${then}`);
}
