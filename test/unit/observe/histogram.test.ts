import { Histogram, Registry } from "prom-client";
import { expect, it } from "vitest";
import { createHistogram } from "../../../src/observe/histogram.ts";

it("shows what prom-client's own shows", async () => {
  const [mine, theirs] = [new Registry(), new Registry()];
  const buckets = [0.001, 0.01, 0.1];
  const shape = { name: "t_seconds", help: 'Time, "in" seconds.', buckets };
  const observe = createHistogram(mine, { ...shape, labels: ["server", "method"] });
  const histogram = new Histogram({ ...shape, labelNames: ["server", "method"], registers: [theirs] });
  const seen: [number, string, string][] = [
    [0.001, "a", "tools/call"],
    [0.0011, "a", "tools/call"],
    [0.1, "b", 'we"ird\n\\'],
    [7, "a", "tools/call"],
    [0, "a", "other"],
  ];
  for (const [value, server, method] of seen) {
    observe(value, server, method);
    histogram.observe({ server, method }, value);
  }
  const linesOf = async (registry: Registry) => (await registry.metrics()).split("\n").map(sortLabels).sort();
  expect(await linesOf(mine)).toEqual(await linesOf(theirs));
});

/** Prometheus knows no order of labels. */
function sortLabels(line: string): string {
  const [, name, labels = "", value] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
  return name === undefined
    ? line
    : `${name}{${(labels.match(/\w+="(?:[^"\\]|\\.)*"/g) ?? []).sort().join(",")}} ${value}`;
}
