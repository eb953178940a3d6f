import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coversShape } from "../../../src/mcp/glob.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { takeInventory, type WrittenRule } from "../../../src/policy/lint/inventory.ts";
import { PrefixIndex } from "../../../src/policy/lint/prefixes.ts";
import { noonMs, sourcesOf } from "../../fixtures/policy.ts";
import { servers } from "./sources.ts";

function rulesFor(patterns: readonly (readonly string[])[], kind = "tools"): readonly WrittenRule[] {
  const allow = patterns.map((each) => ({ server: "*", [kind]: each }));
  const sources = sourcesOf(JSON.stringify({ version: 1, roles: { r: { allow } } }));
  return takeInventory(sources, compilePolicy(sources, servers), noonMs).rules;
}

describe("rules near a pattern", () => {
  it("have among them all that cover it, the first of which is found", () => {
    const pattern = fc.stringMatching(/^[ab*?]{1,4}$/);
    fc.assert(
      fc.property(fc.array(fc.array(pattern, { minLength: 1, maxLength: 3 }), { minLength: 1 }), (patterns) => {
        const rules = rulesFor(patterns);
        const index = new PrefixIndex(rules);
        for (const shape of rules.flatMap(({ shapes }) => shapes.tool)) {
          const covers = ({ shapes }: WrittenRule) => shapes.tool.some((one) => coversShape(one, shape));
          expect(index.find("tool", shape, covers)).toBe(rules.find(covers));
          for (const rule of rules.filter(covers))
            expect(index.find("tool", shape, (each) => each === rule)).toBe(rule);
        }
      }),
    );
  });

  it("are few among thousands that begin otherwise", () => {
    const rules = rulesFor([["*"], ...Array.from({ length: 3_000 }, (_, at) => [`t${at}-*`])]);
    const index = new PrefixIndex(rules);
    const shapes = rules.flatMap((rule) => rule.shapes.tool);
    let looked = 0;
    for (const shape of shapes) {
      index.find("tool", shape, () => {
        looked += 1;
        return false;
      });
    }
    expect(looked).toBe(6_001);
  });

  it("are none that name things of another kind", () => {
    const [rule] = rulesFor([["a*"]], "prompts");
    const index = new PrefixIndex(rule === undefined ? [] : [rule]);
    const [shape] = rule?.shapes.prompt ?? [];
    if (shape === undefined) throw new Error("there is no pattern");
    expect([index.find("tool", shape, () => true), index.find("prompt", shape, () => true)]).toEqual([undefined, rule]);
  });
});
