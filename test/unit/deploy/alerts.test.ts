import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { refusals } from "../../../src/denial.ts";
import { hasPromtool } from "../../fixtures/promtool.ts";
import { anchorsOf, pages } from "../docs/pages.ts";
import { dissect, expectKnown, matcher } from "./promql.ts";
import { readText, root } from "./repository.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}

interface Case {
  readonly name: string;
  readonly input_series: readonly { readonly series: string }[];
  readonly promql_expr_test: readonly { readonly expr: string; readonly exp_samples: readonly { labels: string }[] }[];
}

const { groups } = parse(readText("deploy/prometheus-alerts.yml")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const { tests } = parse(readText("deploy/prometheus-alerts.test.yml")) as { tests: Case[] };
const names = rules.map(({ alert }) => alert);

function readLabels(series: string): Record<string, string> {
  return Object.fromEntries([...series.matchAll(matcher)].map(([, label = "", value = ""]) => [label, value]));
}

function place(labels: Record<string, string>): string {
  return `${labels.job}/${labels.instance}`;
}

it("there are rules, each of a name of its own", () => {
  expect(names.length).toBeGreaterThan(20);
  expect(new Set(names).size).toBe(names.length);
});

describe.each(rules)("$alert", ({ alert, expr, labels, annotations }) => {
  const { selectors } = dissect(expr);

  it("asks for metrics and labels that there are", () => expectKnown(expr));

  it("asks for reasons that there are", () => {
    const reasons = selectors
      .filter(({ metric }) => metric !== "sallyport_audit_sink_dropped_total")
      .flatMap(({ matchers }) => matchers.filter(({ label }) => label === "reason").flatMap(({ values }) => values));
    for (const reason of reasons) expect(Object.keys(refusals)).toContain(reason);
  });

  it("says how urgent it is, what is wrong and what to do", () => {
    expect(["page", "ticket"]).toContain(labels.severity);
    expect(annotations.summary).toMatch(/^[A-Z].+\.$/);
    expect(annotations.description).toMatch(/^[^\s].+\.$/);
    const [path, anchor] = annotations.runbook_url.split("#");
    const page = pages.find((each) => each.path === path);
    expect(page, path).toBeDefined();
    if (page !== undefined && anchor !== undefined) expect(anchorsOf(page)).toContain(anchor);
  });

  it("has a row in the documentation", () => {
    const { runbook_url } = annotations;
    const link = runbook_url.startsWith("docs/deployment.md") ? runbook_url.slice(18) : runbook_url.slice(5);
    const rows = readText("docs/deployment.md").match(new RegExp(`^\\| \`${alert}\` \\|.*$`, "gm")) ?? [];
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatch(new RegExp(`^\\| \`${alert}\` \\| ${labels.severity} \\| .+ \\| .+ \\|$`));
    expect(rows[0]).toContain(`](${link})`);
  });

  it("is tested with what fires it and what just does not", () => {
    const mine = tests.filter(({ name }) => name === alert);
    expect(mine).toHaveLength(1);
    const [{ input_series, promql_expr_test } = { input_series: [], promql_expr_test: [] }] = mine;
    for (const each of promql_expr_test) {
      expect(each.expr).toBe(`ALERTS{alertname="${alert}", alertstate="firing"}`);
    }
    const firing = promql_expr_test.flatMap(({ exp_samples }) =>
      exp_samples.map((sample) => readLabels(sample.labels)),
    );
    expect(firing).not.toEqual([]);
    const fired = new Set(firing.map((each) => (each.instance === undefined ? each.job : place(each))));
    const silent = input_series
      .map(({ series }) => readLabels(series))
      .filter((each) => !fired.has(place(each)) && !fired.has(String(each.job)));
    expect(silent.length > 0 || promql_expr_test.some(({ exp_samples }) => exp_samples.length === 0)).toBe(true);
    // What its texts name it has.
    const said = `${annotations.summary} ${annotations.description}`.matchAll(/\$labels\.(\w+)/g);
    for (const [, label = ""] of said) for (const each of firing) expect(each).toHaveProperty(label);
  });
});

it("nothing else is documented or tested", () => {
  const documented = [...readText("docs/deployment.md").matchAll(/^\| `(Sallyport\w+)` \|/gm)].map(([, name]) => name);
  expect(documented).toEqual(names);
  expect(tests.map(({ name }) => name)).toEqual(names);
});

describe.skipIf(!hasPromtool)("promtool", () => {
  it.each([
    ["check", "config", "deploy/prometheus.yml"],
    ["check", "rules", "deploy/prometheus-alerts.yml"],
    ["test", "rules", "deploy/prometheus-alerts.test.yml"],
  ])("%s %s %s", (...args) => {
    const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: root, encoding: "utf8" });
    expect(stdout + stderr).not.toContain("FAILED");
    expect(status).toBe(0);
  });
});
