import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { runSuites } from "../../../src/config/suites.ts";
import { checkPolicies } from "../../../src/policy/check.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { lintPolicies } from "../../../src/policy/lint/lint.ts";
import { type PolicySource, readPolicies } from "../../../src/policy/load.ts";
import { rulesOf } from "../../../src/policy/references.ts";
import { readText, root } from "../deploy/repository.ts";

const directory = "policies/examples";
const examples = readdirSync(`${root}/${directory}`).sort();
const pathOf = (example: string, file: string) => `${directory}/${example}/${file}`;

function readPolicy(example: string) {
  return readPolicies([{ file: "policy.yaml", text: readText(pathOf(example, "policy.yaml")) }]);
}

/** Servers and issuers that a policy names. */
function surroundingsOf(sources: readonly PolicySource[]) {
  const servers = sources.flatMap((source) => [...rulesOf(source)].map(({ rule }) => rule.server));
  const issuers = sources.flatMap(({ policy }) => policy.bindings.flatMap((binding) => binding.issuers ?? []));
  return { servers: [...new Set(servers.filter((name) => !/[*?]/.test(name)))], issuers: [...new Set(issuers)] };
}

async function run(example: string) {
  const { sources } = readPolicy(example);
  const shownIn = `${directory}/${example}`;
  const suites = { paths: [`${root}/${shownIn}/policy_test.yaml`], directory: `${root}/${shownIn}`, shownIn };
  const surroundings = surroundingsOf(sources);
  const program = compilePolicy(sources, surroundings.servers);
  // Somebody of another issuer may ask as well.
  const tested = { ...surroundings, issuers: undefined, groupsClaimOf: () => "groups", compile: () => program };
  return await runSuites(suites, tested);
}

it("has the examples that the documentation speaks of", () => {
  expect(examples).toEqual([
    "break-glass",
    "ci-robot",
    "on-call-at-night",
    "read-only-analyst",
    "refunds-under-a-limit",
    "tenants",
  ]);
});

describe.each(examples)("the example %s", (example) => {
  it("loads without problems, warnings and notes", () => {
    const reading = readPolicy(example);
    const surroundings = surroundingsOf(reading.sources);
    const checked = checkPolicies(reading.sources, { ...surroundings, roleNames: reading.roleNames });
    expect([...reading.problems, ...checked.problems, ...checked.warnings]).toEqual([]);
    const program = compilePolicy(reading.sources, [...surroundings.servers, "another"]);
    // Before the dates in it are over.
    expect(lintPolicies(reading.sources, program, Date.parse("2026-12-01"))).toEqual([]);
  });

  it("passes its suite, which allows something, refuses something, and has every rule decide", async () => {
    const { runs, failures, coverage } = await run(example);
    expect(failures).toEqual([]);
    const effects = runs.flatMap(({ tests }) => tests.flatMap(({ answers }) => answers.map(({ got }) => got)));
    expect(effects).toContain("allow");
    expect(effects).toContain("deny");
    expect(coverage.rules.filter((rule) => rule.answers === 0)).toEqual([]);
  });

  it.each(["policy.yaml", "policy_test.yaml"])("leads an editor to the schema of %s", (file) => {
    const path = pathOf(example, file);
    const [, schema = ""] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(readText(path)) ?? [];
    expect(schema).toMatch(file === "policy.yaml" ? /policy\.schema\.json$/ : /policy-suite\.schema\.json$/);
    expect(existsSync(join(root, dirname(path), schema)), schema).toBe(true);
  });
});
