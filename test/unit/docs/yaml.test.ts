import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { loadConfig } from "../../../src/config/load.ts";
import { testPolicies } from "../../../src/config/suites.ts";
import { lintPolicies } from "../../../src/policy/lint/lint.ts";
import type { Policy } from "../../../src/policy/schema.ts";
import { stageConfig } from "../deploy/stage.ts";
import { type Block, findBlocks, pages } from "./pages.ts";

const anyPolicy = `version: 1
roles: { all: { allow: [{ server: "*", tools: ["*"] }] } }
bindings: [{ roles: [all], groups: [all] }]
`;

const minimal = {
  version: 1,
  publicUrl: "https://mcp.example.com",
  servers: { weather: { url: "http://127.0.0.1:3001/mcp" } },
  policies: ["policies/*.yaml"],
};

const blocks = pages.flatMap(findBlocks).filter(({ info }) => /^ya?ml\b/.test(info));

/** A configuration around a block, and the policy beside it. */
function complete({ info, text }: Block): { config: string; policy: string } {
  if (info === "yaml") return { config: text, policy: anyPolicy };
  if (info === "yaml policy") return { config: stringify(surroundingsOf(parse(text) as Policy)), policy: text };
  if (info === "yaml role") return complete({ info: "yaml policy", text: wrapRole(text), place: "" });
  const [, key] = /^yaml fragment=(\w+)$/.exec(info) ?? [];
  const value = parse(text) as Record<string, unknown>;
  if (key === undefined || Object.keys(value).join() !== key) throw new Error(`not of a kind that is known: ${info}`);
  const { [key]: _replaced, ...rest } = minimal as Record<string, unknown>;
  // The block stays as it is written, in case that is what is wrong with it.
  return { config: `${stringify(rest)}${text}`, policy: anyPolicy };
}

/** A policy of this one role, which somebody has. The block stays as it is written. */
function wrapRole(text: string): string {
  const indented = text.replaceAll(/^(?=.)/gm, "    ");
  return `version: 1\nroles:\n  page:\n${indented}bindings:\n  - { roles: [page], groups: [page], issuers: [builtin] }\n`;
}

/** What stands where others have the name of an issuer. */
const own = ["builtin", "api-keys"];

/** A configuration with every server and issuer that a policy names. */
function surroundingsOf({ roles = {}, bindings = [] }: Policy): object {
  const rules = Object.values(roles).flatMap(({ allow = [], deny = [] }) => [...allow, ...deny]);
  const servers = rules.map(({ server }) => server).filter((name) => !/[*?]/.test(name));
  const issuers = bindings.flatMap((binding) => binding.issuers ?? []).filter((name) => !own.includes(name));
  const url = "http://127.0.0.1:3001/mcp";
  return {
    ...minimal,
    servers: Object.fromEntries((servers.length > 0 ? servers : ["weather"]).map((name) => [name, { url }])),
    identity: {
      apiKeys: { enabled: true },
      issuers: Object.fromEntries(issuers.map((name) => [name, { issuer: `https://${name}.example.com/` }])),
    },
  };
}

describe("YAML in the documentation", () => {
  it("is there", () => {
    expect(blocks.length).toBeGreaterThan(4);
  });

  it.each(blocks.filter(({ info }) => info === "yaml suite"))("$place ($info) passes", async ({ place, text }) => {
    const before = blocks.slice(
      0,
      blocks.findIndex((block) => block.place === place),
    );
    const [page] = place.split(":");
    const about = before.findLast((block) => block.info === "yaml policy" && block.place.startsWith(`${page}:`));
    if (about === undefined) throw new Error("no policy stands before this suite");
    const { config, policy } = complete(about);
    const { file, env } = await stageConfig(config, { "policies/page.yaml": policy, "policies/page_test.yaml": text });
    await expect(testPolicies(await loadConfig(file, env))).resolves.toMatchObject({ failures: [] });
  });

  it.each(blocks.filter(({ info }) => info !== "yaml suite"))("$place ($info) loads", async (block) => {
    const { config, policy } = complete(block);
    const { file, env } = await stageConfig(config, { "policies/page.yaml": policy });
    await expect(loadConfig(file, env)).resolves.toHaveProperty("hash");
  });

  const policies = blocks.filter(({ info }) => info === "yaml policy" || info === "yaml role");
  it.each(policies)("$place ($info) means what it says", async (block) => {
    const { config, policy } = complete(block);
    const { file, env } = await stageConfig(config, { "policies/page.yaml": policy });
    const loaded = await loadConfig(file, env);
    const found = lintPolicies(loaded.sources, loaded.policy, Date.parse("2026-12-01"));
    expect(found.filter(({ severity }) => severity === "warning")).toEqual([]);
  });
});
