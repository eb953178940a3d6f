import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Target } from "../../src/mcp/methods.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { judge, viewOf } from "../../src/policy/evaluate.ts";
import { readPolicies } from "../../src/policy/load.ts";
import { plainly, subjectOf } from "../fixtures/policy.ts";

type Kind = "tool" | "prompt" | "resource";
interface Rule {
  readonly server: string;
  readonly tools?: string[];
  readonly prompts?: string[];
  readonly resources?: string[];
}
interface Role {
  readonly allow: Rule[];
  readonly deny: Rule[];
}

const servers = ["a", "ab", "b"];
/** A small alphabet, so that rules and names meet often. */
const name = fc.stringMatching(/^[ab]{1,3}$/);
const pattern = fc.stringMatching(/^[ab*?]{1,4}$/);
const patterns = fc.array(pattern, { minLength: 1, maxLength: 3 });
const rule: fc.Arbitrary<Rule> = fc
  .tuple(fc.stringMatching(/^[ab*?]{1,2}$/), fc.constantFrom("tools", "prompts", "resources"), patterns)
  .map(([server, member, values]) => ({ server, [member]: values }));
const role: fc.Arbitrary<Role> = fc.record({
  allow: fc.array(rule, { maxLength: 5 }),
  deny: fc.array(rule, { maxLength: 3 }),
});
const roles = fc.array(role, { minLength: 1, maxLength: 4 });
const kind = fc.constantFrom<Kind>("tool", "prompt", "resource");
const server = fc.constantFrom(...servers);

const identity = subjectOf({ issuer: "builtin", subject: "alice" });

/** One file a role, all of them bound to the same subject. */
function policyFiles(given: readonly Role[]) {
  return given.map((each, index) => ({
    file: `${index}.yaml`,
    text: JSON.stringify({
      version: 1,
      roles: { [`r${index}`]: each },
      bindings: [{ roles: [`r${index}`], subjects: ["alice"] }],
    }),
  }));
}

function isAllowed(given: readonly Role[], onServer: string, target: Target): boolean {
  const { sources, problems } = readPolicies(policyFiles(given));
  expect(problems).toEqual([]);
  return judge(viewOf(compilePolicy(sources, servers), identity, onServer), target, plainly).effect === "allow";
}

/** The rule of the language said once more in the plainest way, with a regular expression for the wildcards. */
function shouldAllow(given: readonly Role[], onServer: string, target: { kind: Kind; name: string }): boolean {
  const member = `${target.kind}s` as "tools" | "prompts" | "resources";
  const fits = (wild: string, text: string) =>
    new RegExp(`^${wild.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(text);
  const matches = (each: Rule) =>
    fits(each.server, onServer) && (each[member] ?? []).some((one) => fits(one, target.name));
  return given.some(({ allow }) => allow.some(matches)) && !given.some(({ deny }) => deny.some(matches));
}

describe("policy", () => {
  it("allows exactly what some allow matches and no deny does", () => {
    fc.assert(
      fc.property(roles, server, kind, name, (given, onServer, ofKind, named) => {
        const target = { kind: ofKind, name: named };
        expect(isAllowed(given, onServer, target)).toBe(shouldAllow(given, onServer, target));
      }),
      { numRuns: 500 },
    );
  });

  it("does not depend on the order of rules, roles or files", () => {
    fc.assert(
      fc.property(roles, server, kind, name, (given, onServer, ofKind, named) => {
        const target = { kind: ofKind, name: named };
        const turned = given
          .map(({ allow, deny }) => ({ allow: allow.toReversed(), deny: deny.toReversed() }))
          .reverse();
        expect(isAllowed(turned, onServer, target)).toBe(isAllowed(given, onServer, target));
      }),
    );
  });

  it("never widens by a deny that is added, and never allows what it names", () => {
    fc.assert(
      fc.property(roles, rule, fc.nat(), server, kind, name, (given, added, at, onServer, ofKind, named) => {
        const target = { kind: ofKind, name: named };
        const place = at % given.length;
        const more = given.map((each, index) => (index === place ? { ...each, deny: [...each.deny, added] } : each));
        const before = isAllowed(given, onServer, target);
        expect(isAllowed(more, onServer, target) && !before).toBe(false);
        const all = { server: "*", tools: ["*"], prompts: ["*"], resources: ["*"] };
        const none = given.map((each, index) => (index === place ? { ...each, deny: [all] } : each));
        expect(isAllowed(none, onServer, target)).toBe(false);
      }),
    );
  });

  it("denies everything to those whom nothing binds", () => {
    fc.assert(
      fc.property(roles, server, kind, name, (given, onServer, ofKind, named) => {
        const program = compilePolicy(readPolicies(policyFiles(given)).sources, servers);
        const view = viewOf(program, { ...identity, subject: "mallory" }, onServer);
        expect(judge(view, { kind: ofKind, name: named }, plainly).reason).toBe("no_rule");
        expect(judge(view, { kind: "server" }, plainly).effect).toBe("deny");
      }),
    );
  });

  it("lets those who may use anything speak to the server", () => {
    fc.assert(
      fc.property(roles, server, kind, name, (given, onServer, ofKind, named) => {
        fc.pre(isAllowed(given, onServer, { kind: ofKind, name: named }));
        expect(isAllowed(given, onServer, { kind: "server" })).toBe(true);
      }),
    );
  });

  it("shows a template when one of its expansions may be read", () => {
    fc.assert(
      fc.property(roles, server, name, name, (given, onServer, head, tail) => {
        fc.pre(isAllowed(given, onServer, { kind: "resource", name: head + tail }));
        expect(isAllowed(given, onServer, { kind: "template", name: `${head}{x}` })).toBe(true);
        expect(isAllowed(given, onServer, { kind: "template", name: `{x}${tail}` })).toBe(true);
      }),
    );
  });
});
