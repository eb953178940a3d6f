/** Under which terms a rule holds, in a form that is the same for rules that mean the same. Pure. */
import { dayNames, type Period } from "../clock.ts";
import type { CompiledRule } from "../compile.ts";
import { renderHours } from "../explain/findings.ts";
import { canonicalCondition } from "../explain/parts.ts";
import { describeMissing, oneLine } from "../explain/words.ts";

/** Everything of a rule besides its patterns and its effect. */
export interface Terms {
  readonly period: Period;
  /** Each in one spelling, null where there is none. */
  readonly when: string | null;
  readonly hours: string | null;
  readonly require: string | null;
  readonly limit: string | null;
  /** For people; `always` where there are none. */
  readonly text: string;
}

/** The terms of a rule, as a binding gives it. */
export function termsOf({ period, condition, require, limit, text }: CompiledRule): Terms {
  const { hours, server, tools = [], prompts = [], resources = [] } = text;
  const sorted = (values: readonly string[] | undefined) => [...new Set(values)].sort();
  const shared = [server, sorted(tools), sorted(prompts), sorted(resources)];
  const demands = require && {
    scopes: sorted(require.scopes),
    acr: sorted(require.acr),
    amr: sorted(require.amr),
    maxAge: require.maxAge === undefined ? null : Math.floor(require.maxAge / 1_000),
    certificate: require.certificate === true,
    proof: require.proof === true,
  };
  const parts = [
    condition === null ? "" : `when ${oneLine(condition.text)}`,
    Number.isFinite(period.fromMs) ? `from ${moment(period.fromMs)}` : "",
    Number.isFinite(period.untilMs) ? `until ${moment(period.untilMs)}` : "",
    hours === undefined ? "" : `at ${renderHours(text)}`,
    demands === null ? "" : `with ${describeMissing(demands)}`,
    limit === null ? "" : `at most ${limit.requests} in ${limit.windowMs / 1_000} s`,
  ].filter((part) => part !== "");
  return {
    period,
    when: condition === null ? null : canonicalCondition(condition.text),
    hours: hours === undefined ? null : spellHours(hours),
    require: demands === null ? null : JSON.stringify({ ...demands, maxAge: require?.maxAge ?? null }),
    // One counter serves everything that a rule is about, so rules that share it differ from rules that do not.
    limit: limit === null ? null : JSON.stringify([limit, shared]),
    text: parts.join(", ") || "always",
  };
}

function spellHours({
  timeZone,
  days = [...dayNames],
  from = "00:00",
  to = "24:00",
}: NonNullable<CompiledRule["text"]["hours"]>): string {
  return JSON.stringify([timeZone, dayNames.filter((day) => days.includes(day)), from, to]);
}

function moment(ms: number): string {
  return new Date(ms).toISOString();
}

/** The same text for terms that mean the same. */
export function termsKey({ period, when, hours, require, limit }: Terms): string {
  return JSON.stringify([period.fromMs, period.untilMs, when, hours, require, limit].map(String));
}

/** Whether whatever the one lets through, the other lets through as well; a yes is certain. */
export function isWeaker(weak: Terms, strong: Terms): boolean {
  const among = (["when", "hours", "require", "limit"] as const).every(
    (name) => weak[name] === null || weak[name] === strong[name],
  );
  return among && weak.period.fromMs <= strong.period.fromMs && weak.period.untilMs >= strong.period.untilMs;
}

/** Whether there are no terms. */
export function isFree(terms: Terms): boolean {
  return terms.text === "always";
}
