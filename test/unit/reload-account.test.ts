import { describe, expect, it } from "vitest";
import { sanitize } from "../../src/audit/sanitize/sanitize.ts";
import { ConfigError, type Problem } from "../../src/config/diagnose.ts";
import type { LoadedConfig } from "../../src/config/load.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { describeReload } from "../../src/reload-account.ts";
import { noonMs, sourcesOf } from "../fixtures/policy.ts";

function loadedWith(policy: string, warnings: readonly Problem[] = []): LoadedConfig {
  const sources = sourcesOf(policy);
  return {
    hash: "c0",
    sources,
    config: { listen: {} },
    policy: { ...compilePolicy(sources, ["alpha"]), hash: "b0" },
    warnings,
  } as LoadedConfig;
}

const bound =
  "version: 1\nroles: { r: { allow: [{ server: alpha, tools: [echo] }] } }\nbindings: [{ roles: [r], groups: [g] }]\n";
const unbound = bound.replace(/bindings:.*\n/, "");
const running = loadedWith(bound);
const said = { cause: "SIGHUP", config: "c0", policy: "b0" };

function problem(changes: Partial<Problem>): Problem {
  return { file: "a.yaml", line: 3, column: 7, path: "", message: "there is no such file", ...changes };
}

describe("a reload that was taken", () => {
  const before = { ...running, hash: "old", policy: { ...running.policy, hash: "older" } };
  it.each<[string, LoadedConfig, object]>([
    ["nothing to warn of", running, {}],
    ["a warning of the configuration", loadedWith(bound, [problem({})]), { warnings: 1 }],
    ["a warning of lint", loadedWith(unbound), { warnings: 1 }],
    ["a note of lint", loadedWith(bound.replace("version: 1", "version: 1\nmode: shadow")), {}],
    ["both", loadedWith(unbound, [problem({})]), { warnings: 2 }],
    ["policies that lint fails on", { ...running, sources: null as never }, { warnings: null }],
  ])("says how many warnings there are, and what ran before: %s", (_case, loaded, more) => {
    expect(describeReload("SIGHUP", before, loaded, null, noonMs)).toEqual({
      facts: { ...said, ...more },
      note: { ...said, previous: { config: "old", policy: "older" }, successful: true },
    });
  });
});

describe("a reload that was refused", () => {
  it.each<[string, Error, string[]]>([
    ["an error", new Error("these need a restart: workers"), ["these need a restart: workers"]],
    [
      "problems",
      new ConfigError([problem({}), problem({ path: "servers.a", hint: "look again" })]),
      ["a.yaml:3:7 · there is no such file", "a.yaml:3:7 · servers.a · there is no such file · look again"],
    ],
    [
      "a line of the source",
      new ConfigError([problem({ excerpt: { text: "bearer: canary", caret: 0 } })]),
      ["a.yaml:3:7 · there is no such file"],
    ],
  ])("says the same in the log and the record of %s, and nothing of the source", (_case, failure, problems) => {
    expect(describeReload("SIGHUP", running, running, failure, noonMs)).toEqual({
      facts: { ...said, problems },
      note: { ...said, successful: false, problems },
    });
  });

  it("lists twenty in its record at most, none of them long, and counts the others", () => {
    const long = "x ".repeat(5_000);
    const failure = new ConfigError(Array.from({ length: 23 }, (_, line) => problem({ line, message: long })));
    const { facts, note } = describeReload("SIGHUP", running, running, failure, noonMs);
    expect(facts).toMatchObject({ problems: { length: 23 } });
    expect(note).toMatchObject({ problems: { length: 20 }, moreProblems: 3 });
    const { problems } = note as { problems: readonly string[] };
    expect(problems.filter((line) => line.length > 500)).toEqual([]);
    // Nor is anything of it cut by what every record goes through.
    expect(sanitize(note)).toEqual(note);
  });
});
