/** What expressions of PromQL that ship with the gateway ask for, so that none asks for what there is not. */
import { expect } from "vitest";
import { listMetrics } from "../../../src/metric-page.ts";

/** Labels of every line: two that Prometheus puts there, and that of workers. */
const everywhere = ["job", "instance", "worker"];

/** Every metric, with its labels. */
const known: ReadonlyMap<string, readonly string[]> = new Map([
  ["up", []],
  ...(await listMetrics()).flatMap(({ name, type, labels }) => {
    const parts = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    return parts.map((part) => [name + part, part === "_bucket" ? [...labels, "le"] : labels] as const);
  }),
]);

interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

/** One label and its value, or the values that a pattern lists. */
export const matcher = /(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g;
const words = new Set(["and", "or", "unless", "on", "by", "offset"]);

/** The parts of an expression that name something. */
export function dissect(expr: string): { selectors: Selector[]; grouping: string[] } {
  const selectors: Selector[] = [];
  const grouping: string[] = [];
  const bare = expr
    .replaceAll(/\b(?:by|on) \(([^)]*)\)/g, (_, list: string) => {
      grouping.push(...list.split(/,\s*/));
      return " ";
    })
    .replaceAll(/\[(?:\d+[smhd]|\$__rate_interval)\]|offset \d+[smhd]/g, " ");
  for (const [, name = "", braces = "", call = ""] of bare.matchAll(/([a-z_]\w*)(\{[^}]*\})?\s*(\()?/g)) {
    if (call !== "" || words.has(name)) continue;
    const matchers = [...braces.matchAll(matcher)].map(([, label = "", values = ""]) => ({
      label,
      values: values.split("|"),
    }));
    selectors.push({ metric: name, matchers });
  }
  return { selectors, grouping };
}

/** Fails where an expression asks for a metric or a label that there is not, or for nothing. */
export function expectKnown(expr: string): void {
  const { selectors, grouping } = dissect(expr);
  expect(selectors).not.toEqual([]);
  for (const { metric, matchers } of selectors) {
    expect([...known.keys()]).toContain(metric);
    for (const { label } of matchers) expect([...everywhere, ...(known.get(metric) ?? [])]).toContain(label);
  }
  const possible = [...everywhere, ...selectors.flatMap(({ metric }) => known.get(metric) ?? [])];
  for (const label of grouping) expect(possible).toContain(label);
}
