import { describe, expect, it } from "vitest";
import { compileCondition } from "../../../src/policy/condition/condition.ts";
import { functions } from "../../../src/policy/condition/signatures.ts";
import { lintCodes } from "../../../src/policy/lint/finding.ts";
import { renderFunctions, renderLint, renderVariables } from "../../../src/policy/tables.ts";
import { readText } from "../deploy/repository.ts";

const cells = (table: string) =>
  table
    .split("\n")
    .slice(2)
    .map((line) => line.slice(2, -2).split(" | "));

describe("the tables of docs/policy.md", () => {
  const named = cells(renderVariables()).map(([name = ""]) => name.replaceAll("`", ""));

  it("have a place on the page", () => {
    const page = readText("docs/policy.md");
    for (const table of [renderVariables(), renderFunctions(), renderLint()]) expect(page).toContain(table);
  });

  it.each(named)("name a variable that conditions know: %s", (name) => {
    expect(compileCondition(`dyn(${name}) == dyn(${name})`)).toHaveProperty("outcomes");
  });

  it("name every function", () => {
    const written = cells(renderFunctions())
      .map(([forms = ""]) => forms)
      .join(" ");
    const words = [...functions.keys()].filter((name) => /^\w+$/.test(name) && !/_/.test(name));
    expect(words.length).toBeGreaterThan(15);
    for (const name of words) expect(written).toMatch(new RegExp(`[\`.]${name}\\(`));
  });

  it("name every finding", () => {
    expect(cells(renderLint()).map(([code = ""]) => code.replaceAll("`", ""))).toEqual(Object.keys(lintCodes));
  });
});
