/** What is wrong with an answer, in words for who wrote the test. Pure. */

import { always } from "../clock.ts";
import type { CompiledRule } from "../compile.ts";
import type { Verdict, View } from "../evaluate.ts";
import { fits } from "../explain/fit.ts";
import { describeMissing } from "../explain/words.ts";
import { factBits } from "../facts.ts";
import type { Question } from "../question.ts";
import type { SuiteTest } from "./schema.ts";

/** A name that the gateway refuses before any rule is asked. */
export interface RefusedName {
  /** Why, in a sentence. */
  readonly refused: string;
}

/** What was asked, of which rules. */
export interface Asked {
  readonly question: Question;
  readonly view: View;
}

/**
 * @param test null for what must be denied because no test names it
 * @returns null where the answer is as expected
 */
export function explainFailure(
  answer: Verdict | RefusedName,
  test: Pick<SuiteTest, "expect" | "rule"> | null,
  asked: Asked | null,
): string | null {
  if (asked !== null && !("refused" in answer) && !answer.certain) {
    const unsaid = findUnsaid(asked);
    if (unsaid !== null) return unsaid;
  }
  const got = "refused" in answer ? "deny" : answer.effect;
  if (test === null) return got === "deny" ? null : `no test names it, so it must be denied; got ${describe(answer)}`;
  const { expect, rule } = test;
  if (got !== expect) return `expected ${expect}, got ${describe(answer)}`;
  if (rule === undefined || (!("refused" in answer) && answer.rule === rule)) return null;
  return `expected ${expect} by ${rule}, got ${describe(answer)}`;
}

function describe(answer: Verdict | RefusedName): string {
  if ("refused" in answer) return `deny: ${answer.refused}`;
  const { effect, reason, rule, policy, missing } = answer;
  const place = `${rule} at ${policy}`;
  switch (reason) {
    case "no_rule":
      return "deny: no rule allows it";
    case "condition_failed":
      return `deny: the condition of ${place} fails`;
    case "unproved":
      return `challenge by ${place}, which wants ${missing === null ? "more" : describeMissing(missing)}`;
    default:
      return `${effect} by ${place}`;
  }
}

/** What a suite can leave out, and what to write then. */
const sayings = [
  [factBits.now, "at (when it is asked)"],
  [factBits.ip, "ip (where it is asked from)"],
  [factBits.annotations, "annotations (what the server says of the tool)"],
] as const;

/**
 * Which words are missing, of an answer that rests on what is not said.
 *
 * @returns null where nothing that could be said would settle it: whether anything may be asked of a server, or whether some
 * expansion of a template may be read, is a question about all of them
 */
function findUnsaid({ question, view }: Asked): string | null {
  const { unknown = 0 } = question.circumstances;
  const rules = [...view.enforced.denials, ...view.enforced.grants].filter((rule) => fits(rule, question.target));
  const first = rules.find((rule) => (readsOf(rule) & unknown) !== 0);
  if (first === undefined) return null;
  const read = rules.reduce((sum, rule) => sum | readsOf(rule), 0) & unknown;
  const words = sayings.filter(([bit]) => (bit & read) !== 0).map(([, word]) => word);
  return `the answer rests on what is not said, since ${first.name} at ${first.policy} does: say ${words.join(" and ")}`;
}

function readsOf({ condition, period, hours, require }: CompiledRule): number {
  const timed = period !== always || hours !== null || require?.maxAge !== undefined;
  return (condition?.reads ?? 0) | (timed ? factBits.now : 0);
}
