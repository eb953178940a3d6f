import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { callersOf, describeCaller } from "../../../src/policy/compare/callers.ts";
import { comparePolicies } from "../../../src/policy/compare/diff.ts";
import { nameServers } from "../../../src/policy/compare/servers.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { judge, viewOf } from "../../../src/policy/evaluate.ts";
import { plainly, sourcesOf } from "../../fixtures/policy.ts";

/** What changes, one line each: who, what, was, now. */
function diff(before: string, after: string): string[] {
  const [old, now] = [sourcesOf(before), sourcesOf(after)];
  const named = nameServers([...old, ...now]);
  return comparePolicies(compilePolicy(old, named.names), compilePolicy(now, named.names), named).flatMap(
    ({ who, except, changes }) =>
      changes.map(({ change, server, kind, pattern, before: was, after: is }) =>
        [
          who.map(describeCaller).join("; "),
          `${change} ${server} ${kind} ${pattern}`,
          `${was.join(" | ")} -> ${is.join(" | ")}`,
          ...(except.length === 0 ? [] : [`except ${except.map(describeCaller).join("; ")}`]),
        ].join(": "),
      ),
  );
}

const bound = "bindings: [{ roles: [r], groups: [a] }]\n";
const role = (allow: string, deny = "", bindings = bound) =>
  `version: 1\nroles:\n  r:\n    allow: [${allow}]\n    deny: [${deny}]\n${bindings}`;
const base = role("{ server: weather, tools: [x, 'get-*'] }", "{ server: weather, tools: [drop] }");

describe("what makes no difference", () => {
  it.each<[string, string, string]>([
    ["the same", base, base],
    [
      "an id",
      base,
      role("{ id: named, server: weather, tools: [x, 'get-*'] }", "{ id: d, server: weather, tools: [drop] }"),
    ],
    ["order", base, role("{ server: weather, tools: ['get-*', x] }", "{ server: weather, tools: [drop] }")],
    [
      "one rule in two",
      base,
      role(
        "{ server: weather, tools: [x] }, { server: weather, tools: ['get-*'] }",
        "{ server: weather, tools: [drop] }",
      ),
    ],
    [
      "what a pattern includes already",
      base,
      role("{ server: weather, tools: [x, 'get-*', get-y] }", "{ server: weather, tools: [drop] }"),
    ],
    [
      "an allow that a deny takes away",
      base,
      role("{ server: weather, tools: [x, 'get-*', drop] }", "{ server: weather, tools: [drop] }"),
    ],
    ["a role's name", base, base.replace("  r:", "  renamed:").replace("[r]", "[renamed]")],
    [
      "a role in two, one inherited",
      base,
      "version: 1\nroles:\n  r: { inherits: [s], allow: [{ server: weather, tools: [x] }] }\n  s: { allow: [{ server: weather, tools: ['get-*'] }], deny: [{ server: weather, tools: [drop] }] }\nbindings: [{ roles: [r], groups: [a] }]\n",
    ],
    [
      "a binding in two",
      role("{ server: weather, tools: [x] }", "", "bindings: [{ roles: [r], groups: [a, b] }]\n"),
      role(
        "{ server: weather, tools: [x] }",
        "",
        "bindings: [{ roles: [r], groups: [b] }, { roles: [r], groups: [a] }]\n",
      ),
    ],
    [
      "how a condition is written",
      role("{ server: w, tools: [x], when: 'jwt.a == 1 && jwt.b == 2' }"),
      role("{ server: w, tools: [x], when: '(jwt.b==2)   && jwt.a == 1' }"),
    ],
    [
      "how hours, dates and scopes are written",
      role(
        "{ server: w, tools: [x], until: 2027-01-01, hours: { timeZone: UTC, days: [mon, tue] }, require: { scopes: [a, b] } }",
      ),
      role(
        "{ server: w, tools: [x], until: '2027-01-01T01:00:00+01:00', hours: { timeZone: UTC, days: [tue, mon], from: '00:00', to: '24:00' }, require: { scopes: [b, a] } }",
      ),
    ],
    [
      "a role that nobody has",
      base,
      base.replace("bindings:", "  unused: { allow: [{ server: '*', tools: ['*'] }] }\nbindings:"),
    ],
    [
      "a server that a pattern names already",
      role("{ server: '*', tools: [x] }"),
      role("{ server: '*', tools: [x] }, { server: news, tools: [x] }"),
    ],
  ])("%s", (_case, before, after) => {
    expect(diff(before, after)).toEqual([]);
    expect(diff(after, before)).toEqual([]);
  });
});

describe("what makes one", () => {
  const rule = (terms: string) => role(`{ server: w, tools: [x]${terms} }`);

  it.each<[string, string, string, string[]]>([
    ["a tool more", rule(""), role("{ server: w, tools: [x, y] }"), ["group a: gains w tool y:  -> always"]],
    ["a tool less", role("{ server: w, tools: [x, y] }"), rule(""), ["group a: loses w tool y: always -> "]],
    [
      "a wider pattern",
      role("{ server: w, tools: [get-a, get-b] }"),
      role("{ server: w, tools: ['get-*'] }"),
      ["group a: gains w tool get-*:  -> always"],
    ],
    ["a condition", rule(""), rule(", when: jwt.b == 1"), ["group a: loses w tool x: always -> when jwt.b == 1"]],
    ["none any more", rule(", when: jwt.b == 1"), rule(""), ["group a: gains w tool x: when jwt.b == 1 -> always"]],
    [
      "another condition",
      rule(", when: jwt.b == 1"),
      rule(", when: jwt.b == 2"),
      ["group a: changes w tool x: when jwt.b == 1 -> when jwt.b == 2"],
    ],
    [
      "a requirement",
      rule(""),
      rule(", require: { scopes: [s], maxAge: 5m }"),
      ["group a: loses w tool x: always -> with scope s; a login at most 300 s ago"],
    ],
    [
      "a limit",
      rule(", limit: { requests: 5 }"),
      rule(", limit: { requests: 6 }"),
      ["group a: changes w tool x: at most 5 in 60 s -> at most 6 in 60 s"],
    ],
    [
      "a longer period",
      rule(", until: 2027-01-01"),
      rule(", until: 2028-01-01"),
      ["group a: gains w tool x: until 2027-01-01T00:00:00.000Z -> until 2028-01-01T00:00:00.000Z"],
    ],
    [
      "a period of the binding",
      rule(""),
      rule("").replace("groups: [a]", "groups: [a], until: 2027-01-01"),
      ["group a: loses w tool x: always -> until 2027-01-01T00:00:00.000Z"],
    ],
    [
      "hours",
      rule(""),
      rule(", hours: { timeZone: UTC, days: [sat], from: '08:00' }"),
      ["group a: loses w tool x: always -> at sat 08:00-24:00 UTC"],
    ],
    [
      "a deny",
      rule(""),
      role("{ server: w, tools: [x] }", "{ server: w, tools: ['*'] }"),
      ["group a: loses w tool x: always -> ", "group a: deny added w tool *:  -> always"],
    ],
    [
      "a deny that touches no single pattern",
      role("{ server: w, tools: ['a*'] }"),
      role("{ server: w, tools: ['a*'] }", "{ server: w, tools: ['*b'] }"),
      ["group a: deny added w tool *b:  -> always"],
    ],
    [
      "a deny with a condition",
      role("{ server: w, tools: [x] }", "{ server: w, tools: [x] }"),
      role("{ server: w, tools: [x] }", "{ server: w, tools: [x], when: jwt.b == 1 }"),
      ["group a: gains w tool x:  -> always", "group a: deny removed w tool x: always -> when jwt.b == 1"],
    ],
    [
      "shadow",
      rule(""),
      rule(", mode: shadow"),
      ["group a: loses w tool x: always -> ", "group a: shadow allow added w tool x:  -> always"],
    ],
    [
      "a file in shadow",
      rule(""),
      `mode: shadow\n${rule("")}`,
      ["group a: loses w tool x: always -> ", "group a: shadow allow added w tool x:  -> always"],
    ],
    ["every server", rule(""), role("{ server: '*', tools: [x] }"), ["group a: gains * tool x:  -> always"]],
    [
      "a prompt and a resource",
      rule(""),
      role("{ server: w, tools: [x], prompts: [p], resources: ['w://*'] }"),
      ["group a: gains w prompt p:  -> always", "group a: gains w resource w://*:  -> always"],
    ],
    [
      "much at once, in order",
      role("{ server: w, tools: [z, y] }", "{ server: w, tools: [d] }"),
      role(
        "{ server: w, tools: [b, a, z], prompts: [c] }, { server: v, tools: [q] }, { server: w, tools: [s], mode: shadow }",
        "{ server: w, tools: [e] }, { server: w, tools: [f], mode: shadow }",
      ),
      [
        "group a: gains v tool q:  -> always",
        "group a: gains w prompt c:  -> always",
        "group a: gains w tool a:  -> always",
        "group a: gains w tool b:  -> always",
        "group a: loses w tool y: always -> ",
        "group a: deny added w tool e:  -> always",
        "group a: deny removed w tool d: always -> ",
        "group a: shadow allow added w tool s:  -> always",
        "group a: shadow deny added w tool f:  -> always",
      ],
    ],
    [
      "rules in shadow that go",
      role("{ server: w, tools: [s], mode: shadow }", "{ server: w, tools: [f], mode: shadow }"),
      role(""),
      ["group a: shadow allow removed w tool s: always -> ", "group a: shadow deny removed w tool f: always -> "],
    ],
    [
      "one of several conditions",
      role("{ server: w, tools: [x], when: jwt.c == 1 }, { server: w, tools: ['*'], when: jwt.b == 1 }"),
      role("{ server: w, tools: ['*'], when: jwt.b == 1 }"),
      ["group a: loses w tool x: when jwt.b == 1 | when jwt.c == 1 -> when jwt.b == 1"],
    ],
    [
      "a condition besides what is allowed always",
      role("{ server: w, tools: [x], when: jwt.c == 1 }, { server: w, tools: [x] }"),
      role("{ server: w, tools: [x], when: jwt.c == 1 }"),
      ["group a: loses w tool x: always -> when jwt.c == 1"],
    ],
    [
      "two spellings of one pattern",
      rule(""),
      role("{ server: w, tools: [x, 'a*', 'a**'] }"),
      ["group a: gains w tool a*:  -> always"],
    ],
    [
      "one server besides a pattern that means it",
      role("{ server: 'w*', tools: [x] }, { server: wa, tools: [z] }"),
      role("{ server: 'w*', tools: [x, y] }, { server: wa, tools: [q] }"),
      [
        "group a: gains wa tool q:  -> always",
        "group a: gains w* tool y:  -> always",
        "group a: loses wa tool z: always -> ",
      ],
    ],
    [
      "the same for callers of two kinds",
      rule(""),
      rule("").replace(bound, "bindings: [{ roles: [r], groups: [a, b] }, { roles: [r], subjects: [b] }]\n"),
      ["group b: gains w tool x:  -> always", "subject b: gains w tool x:  -> always"],
    ],
    [
      "an issuer, of two groups",
      rule("").replace("[a]", "[a, b]"),
      rule("").replace("[a]", "[a, b], issuers: [corp]"),
      [
        "group a: loses w tool x: always -> : except group a, issuer corp",
        "group b: loses w tool x: always -> : except group b, issuer corp",
      ],
    ],
    [
      "less than all that others lose",
      role("{ server: w, tools: [x, y] }"),
      rule("").replace("[a]", "[a], subjects: [u]"),
      [
        "group a: loses w tool x: always -> : except group a, subject u",
        "group a: loses w tool y: always -> : except group a, subject u",
      ],
    ],
    ["a group more", rule(""), rule("").replace("[a]", "[a, b, c]"), ["group b; group c: gains w tool x:  -> always"]],
    [
      "an issuer",
      rule(""),
      rule("").replace("[a]", "[a], issuers: [corp]"),
      ["group a: loses w tool x: always -> : except group a, issuer corp"],
    ],
    [
      "a claim",
      rule("").replace("groups: [a]", "claims: { tenant: [t] }"),
      rule("").replace("groups: [a]", "claims: { tenant: [t, 1] }"),
      ["claim tenant = 1: gains w tool x:  -> always"],
    ],
    [
      "what is said once for callers in general",
      rule("").replace(bound, "bindings: [{ roles: [r], groups: [a] }, { roles: [r], groups: [a], subjects: [u] }]\n"),
      role("{ server: w, tools: [x, y] }").replace(
        bound,
        "bindings: [{ roles: [r], groups: [a] }, { roles: [r], groups: [a], subjects: [u] }]\n",
      ),
      ["group a: gains w tool y:  -> always"],
    ],
  ])("%s", (_case, before, after, expected) => {
    expect(diff(before, after)).toEqual(expected);
  });

  it("names the roles, and the rules that say so", () => {
    const text =
      "version: 1\nroles: { q: {}, r: {}, v: {}, s: { allow: [{ server: w, tools: [x] }] }, t: {}, u: {} }\n";
    const [old, now] = [
      "{ roles: [r, u, q], groups: [a] }",
      "{ roles: [u, t, s], groups: [a] }, { roles: [v], groups: [b] }",
    ].map((bindings) => compilePolicy(sourcesOf(`${text}bindings: [${bindings}]\n`), ["w"]));
    if (old === undefined || now === undefined) throw new Error("compiled nothing");
    const changes = [{ change: "gains", policy: "policies/0.yaml:2" }];
    expect(comparePolicies(old, now)).toMatchObject([{ rolesAdded: ["s", "t"], rolesRemoved: ["q", "r"], changes }]);
  });

  it("does not compare what nobody could read", () => {
    const many = (letter: string) => Array.from({ length: 200 }, (_, at) => `${letter}${at}`).join(", ");
    const text = rule("").replace("[a]", `[${many("g")}], subjects: [${many("s")}]`);
    expect(() => diff(text, text)).toThrow("combines more than");
  });
});

describe("any two policies", () => {
  const pattern = fc.constantFrom("a", "b", "ab", "a*", "*b", "*", "a?");
  const terms = fc.constantFrom(
    {},
    {},
    { when: "mcp.tool.arguments.n == 1" },
    { until: "2026-01-01" },
    { mode: "shadow" },
  );
  const rule = fc
    .tuple(fc.constantFrom("w", "*", "n"), fc.array(pattern, { minLength: 1, maxLength: 2 }), terms)
    .map(([server, tools, more]) => ({ server, tools, ...more }));
  const roles = fc.record({ allow: fc.array(rule, { maxLength: 3 }), deny: fc.array(rule, { maxLength: 2 }) });
  const binding = fc.constantFrom(
    { groups: ["g"] },
    { groups: ["g", "h"] },
    { groups: ["g"], issuers: ["corp"] },
    { subjects: ["u"] },
  );
  const policy = fc.array(fc.tuple(roles, binding), { minLength: 1, maxLength: 2 }).map((given) =>
    JSON.stringify({
      version: 1,
      roles: Object.fromEntries(given.map(([each], at) => [`r${at}`, each])),
      bindings: given.map(([, selectors], at) => ({ roles: [`r${at}`], ...selectors })),
    }),
  );
  const names = ["a", "b", "ab", "aa", "zab", "z"];
  const called = [{ n: 1 }, { n: 2 }, {}];

  /** Two policies, of which the other is often the one and a rule more or less. */
  const pair = fc.oneof(
    fc.tuple(policy, policy),
    fc.tuple(policy, rule, fc.constantFrom("allow" as const, "deny" as const)).map(([one, more, effect]) => {
      const changed = JSON.parse(one) as { roles: Record<string, Record<"allow" | "deny", unknown[]>> };
      changed.roles.r0?.[effect].push(more);
      return [one, JSON.stringify(changed)] as const;
    }),
  );

  it("differ wherever a call is decided otherwise", () => {
    fc.assert(
      fc.property(pair, fc.boolean(), ([given, changed], turned) => {
        const [one, other] = turned ? [changed, given] : [given, changed];
        const [before, after] = [sourcesOf(one), sourcesOf(other)];
        const named = nameServers([...before, ...after]);
        const servers = [...new Set([...named.names, "w", "n", "elsewhere"])];
        const [old, now] = [compilePolicy(before, servers), compilePolicy(after, servers)];
        const differences = comparePolicies(old, now, named);
        const touched = new Set(differences.flatMap(({ who }) => who.map(({ key }) => key)));
        for (const { subject, facts } of differences.length === 0 ? everybody : strangers(touched)) {
          for (const server of ["w", "n", "elsewhere"]) {
            for (const name of names) {
              for (const args of called) {
                const circumstances = { ...plainly, call: { method: "tools/call", args } };
                const judged = [old, now].map(
                  (program) => judge(viewOf(program, subject, server), { kind: "tool", name }, circumstances).effect,
                );
                expect([describeCaller({ facts }), server, name, judged[0]]).toEqual([
                  describeCaller({ facts }),
                  server,
                  name,
                  judged[1],
                ]);
              }
            }
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  const all = compilePolicy(
    sourcesOf(
      "version: 1\nroles: { r: { allow: [{ server: w, tools: [a] }] } }\nbindings: [{ roles: [r], groups: [g, h] }, { roles: [r], groups: [g, h], issuers: [corp] }, { roles: [r], subjects: [u] }]\n",
    ),
    ["w"],
  );
  /** Every caller that the bindings of these policies describe. */
  const everybody = all.bindings.flatMap(callersOf);

  /** Those of whom neither that nor anything of callers in general was said. */
  function strangers(touched: ReadonlySet<string>) {
    return everybody.filter(({ facts }) => ![...touched].some((key) => isWithin(key, facts)));
  }

  function isWithin(key: string, facts: (typeof everybody)[number]["facts"]): boolean {
    const known = new Set(facts.map(({ selector, claim, value }) => JSON.stringify([selector, claim, value])));
    return (JSON.parse(key) as unknown[]).every((fact) => known.has(JSON.stringify(fact)));
  }
});
