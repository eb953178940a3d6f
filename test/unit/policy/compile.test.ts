import { describe, expect, it } from "vitest";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { sourcesOf } from "../../fixtures/policy.ts";

const file = (role: string, rule: string) => `version: 1
roles:
  ${role}:
    allow:
      - { server: "*", ${rule} }
bindings:
  - { roles: [${role}], groups: [g] }
`;

describe("a program", () => {
  it("knows its files, roles, servers, and the place of each binding and rule", () => {
    const sources = sourcesOf(file("b", "tools: [x]"), file("a", "id: named, tools: [y]"));
    for (const order of [sources, sources.toReversed()]) {
      const program = compilePolicy(order, ["weather", "news"]);
      expect(program).toMatchObject({
        ...{ files: ["policies/0.yaml", "policies/1.yaml"], roles: ["b", "a"], servers: ["weather", "news"] },
        bindings: [
          { policy: "policies/0.yaml:7", roles: ["b"], text: { groups: ["g"] } },
          { policy: "policies/1.yaml:7", roles: ["a"], text: { groups: ["g"] } },
        ],
        rules: [
          { name: "b.allow[0]", role: "b", policy: "policies/0.yaml:5", order: 0 },
          { name: "named", role: "a", policy: "policies/1.yaml:5", order: 1 },
        ],
      });
    }
  });

  it.each(["enforce", "shadow"])("is made of roles that many ways lead to, in a file of mode %s", (mode) => {
    const inherits = (level: number) => (level === 60 ? [] : [`a${level + 1}`, `b${level + 1}`]);
    const roles = Array.from({ length: 61 }, (_, level) =>
      [`a${level}`, `b${level}`].map((name) => [name, level] as const),
    );
    const rule = { server: "weather", tools: ["x"] };
    const text = JSON.stringify({
      version: 1,
      mode,
      roles: Object.fromEntries(
        roles.flat().map(([name, level]) => [name, { inherits: inherits(level), allow: [rule] }]),
      ),
      bindings: [{ roles: ["a0"], groups: ["g"] }],
    });
    const [binding] = compilePolicy(sourcesOf(text), ["weather"]).bindings;
    expect(binding?.rules).toHaveLength(121);
  });

  it.each([
    ["a condition that cannot be read", [file("a", "tools: [x], when: jtw.x")], "a condition cannot be read"],
    ["a role twice", [file("a", "tools: [x]"), file("a", "tools: [y]")], "a role is defined twice"],
    ["a role that is not there", [file("a", "tools: [x]").replace("[a]", "[b]")], "a role that does not exist"],
  ])("is not made of %s, since going on could lose a deny", (_case, files, message) => {
    expect(() => compilePolicy(sourcesOf(...files), ["weather"])).toThrow(message);
  });
});
