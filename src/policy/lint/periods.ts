/** Rules and bindings whose time is over, or never comes. */
import { type HoursText, type Period, readInstant } from "../clock.ts";
import type { CompiledRule } from "../compile.ts";
import { findingAt, type Lint } from "./finding.ts";
import type { Inventory, WrittenRule } from "./inventory.ts";

export function findUntimely({ rules, bindings, nowMs }: Inventory): Lint[] {
  const search = new HoursSearch();
  const expired = bindings.flatMap(({ binding, source, path }) => {
    const { until } = binding.text;
    if (until === undefined || (readInstant(until) ?? Infinity) > nowMs) return [];
    const message = "the binding's period is over: it gives nobody anything";
    return [findingAt(source, [...path, "until"], "binding_expired", message)];
  });
  return [...expired, ...rules.flatMap((written) => findRuleUntimely(written, nowMs, search))];
}

function findRuleUntimely({ rule, source, path, given }: WrittenRule, nowMs: number, search: HoursSearch): Lint[] {
  if (rule.period.untilMs <= nowMs) {
    return [findingAt(source, [...path, "until"], "rule_expired", "the rule's period is over: it decides nothing")];
  }
  const periods = given.size === 0 ? [rule.period] : [...given.values()].map(({ period }) => period);
  const moments = periods.filter(({ fromMs, untilMs }) => fromMs < untilMs);
  if (moments.length === 0) {
    const message = "the rule never holds: its period and those of its bindings have no moment in common";
    return [findingAt(source, path, "rule_never_matches", message)];
  }
  if (moments.some((period) => search.mayHold(rule, period))) return [];
  const message = "the rule never holds: none of these hours is within its period";
  return [findingAt(source, [...path, "hours"], "rule_never_matches", message)];
}

const minuteMs = 60_000;
/** In a period this long every time of each day of the week comes, a clock that is set forward aside. */
const longMs = 8 * 24 * 60 * minuteMs;

/** Looks for a moment of a period at which hours hold. */
class HoursSearch {
  readonly #known = new Map<string, boolean>();
  /** Moments that may still be looked at: asking for the time in a zone takes microseconds. Afterwards, anything may hold. */
  #left = 50_000;

  mayHold({ hours, text }: CompiledRule, { fromMs, untilMs }: Period): boolean {
    if (hours === null || text.hours === undefined || untilMs - fromMs > longMs) return true;
    const key = JSON.stringify([text.hours, fromMs, untilMs]);
    const before = this.#known.get(key);
    if (before !== undefined) return before;
    const stepMs = minuteMs * (lengthOf(text.hours) >= 2 * 60 ? 30 : 1);
    let found = hours(untilMs - 1);
    for (let ms = fromMs; ms < untilMs && !found; ms += stepMs) {
      this.#left -= 1;
      found = this.#left < 0 || hours(ms);
    }
    this.#known.set(key, found);
    return found;
  }
}

/** Minutes by the clock on the wall, of which a change of clocks can take an hour or so. */
function lengthOf({ from = "00:00", to = "24:00" }: HoursText): number {
  const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  const length = minutes(to) - minutes(from);
  return length > 0 ? length : length + 24 * 60;
}
