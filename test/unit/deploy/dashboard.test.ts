import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { stringify } from "yaml";
import { listMetrics } from "../../../src/metric-page.ts";
import { hasPromtool } from "../../fixtures/promtool.ts";
import { dissect, expectKnown } from "./promql.ts";
import { readText } from "./repository.ts";

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

const dashboard = JSON.parse(readText("deploy/grafana-dashboard.json")) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
};
const { panels } = dashboard;
const drawn = panels.filter(({ type }) => type !== "row");
const expressions = drawn.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

it("every panel is one of its own and has a place of its own", () => {
  expect(drawn.length).toBeGreaterThan(20);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  const taken = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)} ${y + Math.floor(cell / w)}`),
  );
  expect(new Set(taken).size).toBe(taken.length);
  for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
});

describe.each(drawn)("$title", ({ datasource, targets = [] }) => {
  it("asks the chosen Prometheus about the chosen gateways for what there is", () => {
    expect(datasource?.uid).toMatch(/^\$\{datasource\}$/);
    expect(targets).not.toEqual([]);
    for (const { expr, legendFormat } of targets) {
      expectKnown(expr);
      const { selectors, grouping } = dissect(expr);
      for (const { matchers } of selectors) {
        const chosen = matchers.map(({ label, values }) => `${label} ${values.join("|")}`);
        expect(chosen).toEqual(expect.arrayContaining(["job $job", "instance $instance"]));
      }
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(grouping).toContain(label);
    }
  });
});

it("what a gateway is chosen by is there", () => {
  const variables = dashboard.templating.list.filter(({ definition }) => definition !== undefined);
  expect(variables.map(({ name }) => name)).toEqual(["job", "instance"]);
  for (const { definition = "" } of variables) expect(definition).toContain("label_values(sallyport_build_info");
});

it("every metric of the gateway's own is shown, but for those that say the same as another", async () => {
  const shown = new Set(expressions.flatMap((expr) => dissect(expr).selectors.map(({ metric }) => metric)));
  const isShown = (name: string) => ["", "_bucket", "_sum", "_count"].some((part) => shown.has(name + part));
  const own = (await listMetrics()).map(({ name }) => name).filter((name) => name.startsWith("sallyport_"));
  expect(own.filter((name) => !isShown(name))).toEqual([
    // Alerts tell of these; another panel has their consequence.
    "sallyport_audit_sink_failures_total",
    "sallyport_audit_sink_last_success_timestamp_seconds",
    "sallyport_audit_write_errors_total",
    "sallyport_config_hash",
    "sallyport_limit_store_errors_total",
    "sallyport_policy_errors_total",
    "sallyport_upstream_token_fetches_total",
  ]);
});

it.skipIf(!hasPromtool)("Prometheus can read every expression", () => {
  const rules = expressions.map((expr, index) => ({
    record: `panel:${index}`,
    expr: expr.replaceAll("$__rate_interval", "1m"),
  }));
  const directory = mkdtempSync(join(tmpdir(), "sallyport-dashboard-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "rules.yml");
  writeFileSync(file, stringify({ groups: [{ name: "dashboard", rules }] }));
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "rules", file], { encoding: "utf8" });
  expect(stdout + stderr).not.toContain("FAILED");
  expect(status).toBe(0);
});
