import { describe, expect, it } from "vitest";
import { checkPolicies } from "../../../src/policy/check.ts";
import { sourcesOf } from "../../fixtures/policy.ts";

function check(effect: "allow" | "deny", rule: object) {
  const text = `version: 1\nroles:\n  r:\n    ${effect}:\n      - ${JSON.stringify({ server: "weather", ...rule })}\n`;
  const context = { servers: undefined, issuers: undefined, roleNames: new Set(["r"]) };
  const { problems, warnings } = checkPolicies(sourcesOf(text), context);
  const say = (found: typeof problems) =>
    found.map(({ line, column, path, message, hint }) => `${line}:${column} ${path}: ${message} (${hint})`);
  return { problems: say(problems), warnings: say(warnings) };
}

const stands = (verb: string, part: string) =>
  `${JSON.stringify(part)} stands for itself, so this ${verb} less than it seems to: patterns know * and ? only`;

describe("a pattern in another language than that of policies", () => {
  it.each([["tools"], ["prompts"]])("is a mistake in a deny of %s", (kind) => {
    const { problems, warnings } = check("deny", { [kind]: ["a", "get-.*", "get-{a,b}"] });
    expect(problems).toEqual([
      expect.stringMatching(/^5:\d+ /),
      `5:${JSON.stringify({ server: "weather", [kind]: ["a", "get-.*"] }).length + 8} roles.r.deny[0].${kind}[2]: ${stands("denies", "{a,b}")} (write "get-a" and "get-b")`,
    ]);
    expect(problems[0]).toContain(`roles.r.deny[0].${kind}[1]: ${stands("denies", ".*")} (write "get-*")`);
    expect(warnings).toEqual([]);
  });

  it("is a mistake in a deny of resources", () => {
    expect(check("deny", { resources: ["file:///**/secret"] }).problems).toEqual([
      `5:42 roles.r.deny[0].resources[0]: ${stands("denies", "**/")} (write "file:///secret" and "file:///*/secret")`,
    ]);
  });

  it("is warned of in an allow, which allows no more than it says", () => {
    expect(check("allow", { tools: ["^get.*$"] })).toEqual({
      problems: [],
      warnings: [`5:38 roles.r.allow[0].tools[0]: ${stands("allows", "^")} (write "get*")`],
    });
  });

  it.each([["allow"], ["deny"]] as const)(
    "is told once where nothing can match it, in a resource of an %s",
    (effect) => {
      const { problems, warnings } = check(effect, { resources: ["weather://{city}/now"] });
      expect(problems).toEqual([
        expect.stringMatching(/no URI that is let through can match this.*"weather:\/\/\*\/now"/),
      ]);
      expect(warnings).toEqual([]);
    },
  );

  it("is none where a name is spelled so with question marks", () => {
    expect(check("deny", { tools: ["?a|b?".replaceAll("|", "?")] })).toEqual({ problems: [], warnings: [] });
  });
});
