import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { checkPolicies } from "../../../src/policy/check.ts";
import { readInstant } from "../../../src/policy/clock.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { lintPolicies } from "../../../src/policy/lint.ts";
import { type PolicySource, readPolicies } from "../../../src/policy/load.ts";
import { answerQuestion, readQuestion, readSubject } from "../../../src/policy/question.ts";
import { rulesOf } from "../../../src/policy/references.ts";
import { type Suite, suiteSchema } from "../../../src/policy/suite-schema.ts";
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

/** One line for each question of a suite that is answered otherwise than expected, and every answer by what it is. */
function run(example: string) {
  const { sources } = readPolicy(example);
  const suite: Suite = suiteSchema.parse(parse(readText(pathOf(example, "policy_test.yaml"))));
  const program = compilePolicy(sources, surroundingsOf(sources).servers);
  const wrong: string[] = [];
  const effects = new Set<string>();
  const rules = new Set<string | null>();
  const named = new Set<string>();
  const ask = (
    identity: string,
    request: string,
    { at = suite.at, ip = suite.ip, expect = "deny", rule }: Partial<Suite["tests"][number]>,
  ) => {
    const subject = readSubject(suite.identities[identity] as Suite["identities"][string]);
    const setting = { ip, atMs: at === undefined ? undefined : readInstant(at) };
    const question = readQuestion(subject, suite.requests[request] as Suite["requests"][string], setting);
    const verdict = typeof question === "string" ? undefined : answerQuestion(program, question).verdict;
    const effect = verdict?.effect ?? "deny";
    if (effect !== expect) wrong.push(`${identity} × ${request}: ${effect} by ${verdict?.rule}, not ${expect}`);
    if (rule !== undefined && verdict?.rule !== rule)
      wrong.push(`${identity} × ${request}: by ${verdict?.rule}, not ${rule}`);
    effects.add(effect);
    rules.add(verdict?.rule ?? null);
  };
  for (const test of suite.tests) {
    for (const identity of test.identities) {
      for (const request of test.requests) {
        named.add(`${identity} ${request}`);
        ask(identity, request, test);
      }
    }
  }
  for (const identity of Object.keys(suite.identities)) {
    for (const request of Object.keys(suite.requests)) {
      if (!named.has(`${identity} ${request}`)) ask(identity, request, {});
    }
  }
  return { wrong, effects, rules, program };
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

  it("passes its suite, which allows something, refuses something, and has every rule decide", () => {
    const { wrong, effects, rules, program } = run(example);
    expect(wrong).toEqual([]);
    expect(effects).toContain("allow");
    expect(effects).toContain("deny");
    expect(program.rules.map(({ name }) => name).filter((name) => !rules.has(name))).toEqual([]);
  });

  it.each(["policy.yaml", "policy_test.yaml"])("leads an editor to the schema of %s", (file) => {
    const path = pathOf(example, file);
    const [, schema = ""] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(readText(path)) ?? [];
    expect(schema).toMatch(file === "policy.yaml" ? /policy\.schema\.json$/ : /policy-suite\.schema\.json$/);
    expect(existsSync(join(root, dirname(path), schema)), schema).toBe(true);
  });
});
