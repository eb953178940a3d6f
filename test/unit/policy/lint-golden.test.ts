import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { renderProblems } from "../../../src/config/diagnose.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { lintPolicies } from "../../../src/policy/lint/lint.ts";
import { lintOffers, type Offer } from "../../../src/policy/lint/offers.ts";
import { noonMs, sourcesOf } from "../../fixtures/policy.ts";
import { servers } from "./sources.ts";

/** Every `<name>.yaml` here is a policy, and `<name>.txt` what lint finds in it at noon of 2 March 2026, in full. */
const directory = fileURLToPath(new URL("../../golden/lint/", import.meta.url));
const names = readdirSync(directory).filter((name) => name.endsWith(".yaml"));

/** What each of the servers offers. */
const offer: Offer = {
  tools: ["forecast", "get-rain"],
  prompts: [],
  resources: ["news://today", "weather://oslo"],
  templates: ["weather://{city}/now", "file:///logs/{day}"],
};

describe("policies and what lint says of them", () => {
  it.each(names)("%s", async (name) => {
    const sources = sourcesOf(readFileSync(`${directory}${name}`, "utf8"));
    const program = compilePolicy(sources, servers);
    const found =
      name === "offers.yaml"
        ? lintOffers(sources, program, new Map(servers.map((server) => [server, offer])))
        : lintPolicies(sources, program, noonMs);
    const said = found.map((finding) => `${finding.severity} ${finding.code}\n${renderProblems([finding])}`);
    await expect(said.join("\n")).toMatchFileSnapshot(`${directory}${name.replace(/yaml$/, "txt")}`);
  });
});
