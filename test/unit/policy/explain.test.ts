import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Program } from "../../../src/policy/compile.ts";
import { decides, type Explanation, explainQuestion } from "../../../src/policy/explain/explain.ts";
import { conditionOf, type RuleFinding } from "../../../src/policy/explain/findings.ts";
import { adviseBlocker, adviseMiss, describeBlocker, describeMisses } from "../../../src/policy/explain/words.ts";
import { factBits, type PolicySubject } from "../../../src/policy/facts.ts";
import { type AskedRequest, type Question, readQuestion, requestSchema } from "../../../src/policy/question.ts";
import { noonMs, plainly, subjectOf } from "../../fixtures/policy.ts";
import { programOf } from "./sources.ts";

const policy = `version: 1
roles:
  reader:
    allow:
      - { id: read, server: weather, tools: [forecast, "get-*"] }
      - { id: night, server: weather, tools: [maintain], hours: { timeZone: UTC, from: "22:00", to: "06:00" } }
      - { id: gone, server: weather, tools: [legacy], until: 2026-01-01 }
      - { id: later, server: weather, tools: [next], from: 2027-01-01 }
  cashier:
    inherits: [reader]
    allow:
      - id: small
        server: billing
        tools: [refund]
        when: mcp.tool.arguments.amount <= 100 && (jwt.tenant == "acme" || "ops" in jwt.groups)
      - { id: proved, server: billing, tools: [payout], require: { scopes: [billing:write], acr: [mfa] } }
    deny:
      - { id: never, server: "*", tools: ["drop-*"] }
      - { id: halt, server: billing, tools: [halt], when: mcp.tool.arguments.force }
  trial:
    allow: [{ id: tried, server: news, tools: [publish], mode: shadow }]
  unbound:
    allow: [{ id: nobody-has, server: weather, tools: [forge] }]
  everything:
    allow: [{ id: all, server: billing, tools: ["*"] }]
bindings:
  - { roles: [reader], groups: [analysts] }
  - { roles: [cashier], groups: [finance, ops], issuers: [corp] }
  - { roles: [trial], subjects: [alice] }
  - { roles: [everything], claims: { tenant: [acme] }, subjects: [root], until: 2026-01-01 }
`;
const program = programOf(policy);

function explain(who: Partial<PolicySubject>, request: Partial<AskedRequest>, of: Program = program): Explanation {
  const asked = requestSchema.parse({ server: "weather", ...request });
  const setting = { atMs: noonMs, ip: "127.0.0.1" };
  const question = readQuestion(subjectOf({ issuer: "corp", subject: "alice", ...who }), asked, setting);
  if (typeof question === "string") throw new Error(question);
  return explainQuestion(of, question);
}

/** Why the rule of this id is not what it could be. */
function why(explanation: Explanation, id: string): readonly string[] {
  const found = explanation.rules.find(({ rule }) => rule.name === id);
  return found?.blockers.map((blocker) => describeBlocker(blocker, found.rule.text)) ?? ["not held"];
}

function ways({ advice }: Explanation): string[] {
  return advice.map(({ rule, misses, blockers, unboundRole, shadow, obstacle }) =>
    [
      ...misses.map(adviseMiss),
      ...(unboundRole === null ? [] : [`bind ${unboundRole}`]),
      ...(shadow ? ["enforce"] : []),
      ...blockers.map((blocker) => adviseBlocker(blocker, rule.text)),
      `-> ${rule.name}`,
      ...(obstacle === null ? [] : [`but ${obstacle.rule}`]),
    ].join(" | "),
  );
}

/** A policy of roles that allow and deny `x` of the server `weather`, each with these words besides. */
const small = (allow: string, deny: string, bindings: string) =>
  programOf(`version: 1
roles:
  allowing: { allow: [${allow}] }
  denying: { deny: [${deny}] }
bindings: [${bindings}]
`);
const x = { tool: "x" };
const allowX = "{ id: a, server: weather, tools: [x] }";
const denyX = "{ id: d, server: weather, tools: [x] }";

const analyst = { groups: ["analysts"] };
const cashier = { groups: ["finance"], claims: { tenant: "acme", groups: ["finance"] } };
const refund = (amount: unknown) =>
  ({ server: "billing", tool: "refund", arguments: { amount } }) as Partial<AskedRequest>;

describe("what is explained of rules", () => {
  it.each<[string, Partial<PolicySubject>, Partial<AskedRequest>, string, readonly string[]]>([
    ["a rule that allows", analyst, { tool: "forecast" }, "read", []],
    ["a pattern", analyst, { tool: "other" }, "read", ["no pattern of it fits"]],
    ["hours", analyst, { tool: "maintain" }, "night", ["outside its hours: every day 22:00-06:00 UTC"]],
    ["a period that is over", analyst, { tool: "legacy" }, "gone", ["its period was over at 2026-01-01T00:00:00.000Z"]],
    [
      "one that has not come",
      analyst,
      { tool: "next" },
      "later",
      ["its period begins only at 2027-01-01T00:00:00.000Z"],
    ],
    ["a condition that is false", cashier, refund(500), "small", ["its condition is false"]],
    ["one that fails", cashier, refund("x"), "small", ["its condition fails"]],
    [
      "what is not proved",
      { ...cashier, scopes: ["billing:read"] },
      { server: "billing", tool: "payout" },
      "proved",
      ["not proved: scope billing:write; acr mfa"],
    ],
    ["a deny that holds", cashier, { tool: "drop-all" }, "never", []],
    ["a rule of somebody else", analyst, refund(5), "small", ["not held"]],
    [
      "a period of the binding",
      { subject: "root", claims: { tenant: "acme" } },
      refund(5),
      "all",
      ["the binding's period was over at 2026-01-01T00:00:00.000Z"],
    ],
  ])("%s", (_case, who, request, id, expected) => {
    expect(why(explain(who, request), id)).toEqual(expected);
  });

  it("shows the parts of a condition, and what each of them read", () => {
    const { rules } = explain(cashier, refund(500));
    const found = rules.find(({ rule }) => rule.name === "small");
    const [blocker] = found?.blockers ?? [];
    expect(found && conditionOf(found)?.text).toMatch(/^mcp\.tool\.arguments\.amount <= 100/);
    expect(blocker).toMatchObject({
      finding: {
        outcome: "false",
        joint: "&&",
        reads: [],
        parts: [
          { outcome: "false", reads: [{ path: "mcp.tool.arguments.amount", value: 500 }] },
          {
            outcome: "true",
            joint: "||",
            parts: [
              { outcome: "true", reads: [{ path: "jwt.tenant", value: "acme" }] },
              { outcome: "false", reads: [{ path: "jwt.groups", value: ["finance"] }] },
            ],
          },
        ],
      },
    });
  });

  it("says what each binding misses", () => {
    const { bindings } = explain(analyst, { tool: "forecast" });
    expect(bindings.map(({ holds, misses }) => `${holds} ${describeMisses(misses)}`)).toEqual([
      "yes ",
      "no not group finance or ops",
      "yes ",
      "no not subject root; not claim tenant = acme",
    ]);
  });

  it("has no condition of a rule that something else keeps from its effect", () => {
    const { rules } = explain(analyst, { tool: "maintain" });
    expect(rules.map(conditionOf)).toEqual(rules.map(() => undefined));
  });

  it("is of the rules that somebody has on the server, in the order of the files", () => {
    const bindings = "{ roles: [denying], groups: [g] }, { roles: [allowing], groups: [g] }";
    const rules = `${allowX}, { id: b, server: weather, tools: [y] }, { id: elsewhere, server: news, tools: [x] }`;
    const { rules: found } = explain({ groups: ["g"] }, x, small(rules, denyX, bindings));
    expect(found.map(({ rule }) => rule.name)).toEqual(["a", "b", "d"]);
  });

  it.each([
    ["{ roles: [allowing], groups: [g], until: 2026-01-01 }, { roles: [allowing], groups: [g] }", "holds"],
    ["{ roles: [allowing], groups: [g] }, { roles: [allowing], groups: [g], until: 2026-01-01 }", "holds"],
    ["{ roles: [allowing], groups: [g], until: 2026-01-01 }, { roles: [allowing], groups: [h] }", undefined],
  ])("marks of a rule that is given twice the one that decided: %s", (bindings, result) => {
    const explanation = explain(
      { groups: ["g"] },
      x,
      small(`${allowX}, { id: b, server: weather, tools: [x] }`, "", bindings),
    );
    const marked = explanation.rules.filter((finding) => decides(explanation, finding));
    expect(marked.map((finding) => [finding.rule.name, finding.result])).toEqual(
      result === undefined ? [] : [["a", result]],
    );
  });

  it("names the rule that decided, and no other", () => {
    const explanation = explain(analyst, { tool: "forecast" });
    expect(explanation.rules.filter((finding) => decides(explanation, finding)).map(({ rule }) => rule.name)).toEqual([
      "read",
    ]);
  });
});

describe("advice", () => {
  it.each<[string, Partial<PolicySubject>, Partial<AskedRequest>, readonly string[]]>([
    ["none for what is allowed", analyst, { tool: "forecast" }, []],
    [
      "to join a group",
      analyst,
      refund(5),
      [
        'be in group finance or ops | meet the condition jwt.tenant == "acme" || "ops" in jwt.groups | -> small',
        "be subject root | have claim tenant = acme | have the binding's period prolonged, which was over at 2026-01-01T00:00:00.000Z | -> all",
      ],
    ],
    [
      "to come in the night",
      analyst,
      { tool: "maintain" },
      [
        "ask within every day 22:00-06:00 UTC | -> night",
        "be in group finance or ops | ask within every day 22:00-06:00 UTC | -> night",
      ].slice(0, 1),
    ],
    ["to enforce what is in shadow", analyst, { server: "news", tool: "publish" }, ["enforce | -> tried"]],
    ["to bind a role", analyst, { tool: "forge" }, ["bind unbound | -> nobody-has"]],
    [
      "to prove more",
      cashier,
      { server: "billing", tool: "payout" },
      [
        "prove scope billing:write; acr mfa | -> proved",
        "be subject root | have the binding's period prolonged, which was over at 2026-01-01T00:00:00.000Z | -> all",
      ],
    ],
    [
      "that does not hide a deny",
      cashier,
      { server: "billing", tool: "drop-x" },
      [
        "be subject root | have the binding's period prolonged, which was over at 2026-01-01T00:00:00.000Z | -> all | but never",
      ],
    ],
    ["none where nothing names it", analyst, { tool: "unheard-of" }, []],
  ])("%s", (_case, who, request, expected) => {
    expect(ways(explain(who, request))).toEqual(expected);
  });

  it("names every deny that stands in the way", () => {
    const { obstacles } = explain(cashier, { server: "billing", tool: "halt", arguments: { force: "yes" } });
    expect(obstacles.map(({ rule, result }) => [rule.name, result])).toEqual([["halt", "error"]]);
  });
});

describe("advice to become somebody", () => {
  it.each<[string, string, string]>([
    ["groups: [g]", "be in group g", '"g" in identity.groups && "g" in jwt.groups'],
    ["subjects: [g]", "be subject g", 'identity.subject == "g"'],
    ["issuers: [g]", "come by issuer g", 'identity.issuer == "g"'],
    ["clients: [g]", "come by client g", 'identity.client == "g"'],
    ["apiKeys: [g]", "come by API key g", "true"],
    ["certificates: [g]", "come by certificate g", "true"],
    ["claims: { tenant: [g, h] }", "have claim tenant = g or h", 'jwt.tenant == "g" && jwt.kept == 1'],
  ])("is tried with them: %s", (selector, advised, condition) => {
    const who = { claims: { kept: 1 } };
    const allow = allowX.replace(" }", `, when: '${condition}' }`);
    const bound = `{ roles: [allowing], ${selector} }`;
    expect(ways(explain(who, x, small(allow, denyX, bound)))).toEqual([`${advised} | -> a`]);
    // Whoever is that has the deny as well.
    const denied = `${bound}, { roles: [denying], ${selector} }`;
    expect(ways(explain(who, x, small(allow, denyX, denied)))).toEqual([`${advised} | -> a | but d`]);
  });

  it("keeps what they are already", () => {
    const both = small(allowX, denyX, "{ roles: [allowing], groups: [g] }, { roles: [denying], groups: [h] }");
    expect(ways(explain({ groups: ["h"] }, x, both))).toEqual(["be in group g | -> a | but d"]);
  });

  it("counts what the binding gives besides", () => {
    const both = small(allowX, denyX, "{ roles: [allowing, denying], groups: [g] }");
    expect(ways(explain({}, x, both))).toEqual(["be in group g | -> a | but d"]);
  });
});

describe("advice in its order", () => {
  it("has what needs least first, then what stands first, and last what is denied even then", () => {
    const rules = [
      "{ id: two, server: weather, tools: [x], when: 'jwt.a == 1', until: 2026-01-01 }",
      "{ id: one, server: weather, tools: ['x*'], when: 'jwt.a == 1' }",
      "{ id: other, server: weather, tools: ['*'], when: 'jwt.a == 2' }",
    ];
    const bindings = "{ roles: [allowing], groups: [g] }, { roles: [denying, more], groups: [h] }";
    const program = programOf(`version: 1
roles:
  allowing: { allow: [${rules.join(", ")}] }
  denying: { deny: [${denyX}] }
  more: { allow: [{ id: near, server: weather, tools: [x] }] }
  unbound: { allow: [{ id: far, server: weather, tools: [x] }] }
bindings: [${bindings}]
`);
    expect(
      explain({ groups: ["g"] }, x, program).advice.map(({ rule, obstacle }) => [rule.name, obstacle?.rule]),
    ).toEqual([
      ["one", undefined],
      ["other", undefined],
      ["two", undefined],
      ["far", undefined],
      ["near", "d"],
    ]);
  });

  it("is of rules that need something: not of one that a deny alone stands in the way of", () => {
    const denied = small(allowX, denyX, "{ roles: [allowing, denying], groups: [g] }");
    expect(explain({ groups: ["g"] }, x, denied)).toMatchObject({ advice: [], obstacles: [{ rule: { name: "d" } }] });
  });

  it("is no more than anybody reads", () => {
    const many = Array.from({ length: 51 }, (_, at) => `{ id: r${at}, server: weather, tools: [x] }`).join(", ");
    const { advice } = explain({}, x, small(many, "", "{ roles: [denying], groups: [g] }"));
    expect(advice.map(({ rule }) => rule.name)).toEqual(Array.from({ length: 50 }, (_, at) => `r${at}`));
  });

  it("is of the nearest ones, wherever they stand", () => {
    const far = "server: weather, tools: [x], mode: shadow, when: 'jwt.a == 1'";
    const many = Array.from({ length: 50 }, (_, at) => `{ id: r${at}, ${far} }`).join(", ");
    const program = programOf(`version: 1
roles:
  many: { allow: [${many}] }
  near: { allow: [${allowX}] }
bindings: [{ roles: [many], groups: [g] }, { roles: [near], groups: [h] }]
`);
    expect(ways(explain({ groups: ["g"] }, x, program))[0]).toBe("be in group h | -> a");
  });

  it("is none where it is allowed for certain, though another rule might as well", () => {
    const two = small(
      `${allowX}, { id: b, server: weather, tools: [x], mode: shadow }`,
      "",
      "{ roles: [allowing], groups: [g] }",
    );
    expect(explain({ groups: ["g"] }, x, two)).toMatchObject({ advice: [], obstacles: [] });
  });

  it("is not to meet what a deny asks for", () => {
    const denied = small("", denyX.replace(" }", ", when: 'jwt.a == 1' }"), "{ roles: [denying], groups: [g] }");
    expect(ways(explain({ groups: ["g"] }, x, denied))).toEqual([]);
  });

  it("is of rules that are about it: not of a deny, another server or another name", () => {
    const rules = "{ id: server, server: news, tools: [x] }, { id: name, server: weather, tools: [y] }";
    expect(ways(explain({}, x, small(rules, denyX, "{ roles: [allowing, denying], groups: [g] }")))).toEqual([]);
    expect(ways(explain({}, x, small(rules, denyX, "{ roles: [denying], groups: [g] }")))).toEqual([]);
    expect(ways(explain({}, x, small(rules, denyX, "{ roles: [allowing, denying], subjects: [alice] }")))).toEqual([]);
  });

  it("is of each rule once, where one binding gives it and another would", () => {
    const twice = small(
      allowX.replace(" }", ", when: 'jwt.a == 1' }"),
      "",
      "{ roles: [allowing], groups: [g] }, { roles: [allowing], groups: [h] }",
    );
    expect(ways(explain({ groups: ["g"] }, x, twice))).toEqual(["meet the condition jwt.a == 1 | -> a"]);
  });
});

describe("what is not known", () => {
  const asked = (of: Program, unknown: number): Explanation =>
    explainQuestion(of, {
      subject: subjectOf({ issuer: "corp", subject: "alice", groups: ["g"] }),
      server: "weather",
      target: { kind: "tool", name: "x" },
      circumstances: { ...plainly, unknown },
    });

  it("leaves open whether a binding by claims alone holds", () => {
    const bindings =
      "{ roles: [allowing], claims: { t: [a] } }, { roles: [allowing], claims: { t: [a] }, groups: [h] }, { roles: [denying], groups: [g] }";
    const { bindings: found, rules } = asked(small(allowX, denyX, bindings), factBits.claims);
    expect(found.map(({ holds }) => holds)).toEqual(["unknown", "no", "yes"]);
    expect(asked(small(allowX, denyX, bindings), 0).bindings.map(({ holds }) => holds)).toEqual(["no", "no", "yes"]);
    expect(rules.map(({ rule, held }) => [rule.name, held])).toEqual([
      ["a", "unknown"],
      ["d", "yes"],
    ]);
  });

  it("leaves a rule open that two bindings may give", () => {
    const bindings = "{ roles: [allowing], claims: { t: [a] } }, { roles: [allowing], claims: { u: [a] } }";
    expect(asked(small(allowX, "", bindings), factBits.claims).rules).toMatchObject([
      { held: "unknown", bindings: [{}, {}] },
    ]);
  });

  it("does not matter of a rule that a binding gives for certain", () => {
    for (const bindings of [
      "{ roles: [allowing], claims: { t: [a] } }, { roles: [allowing], groups: [g] }",
      "{ roles: [allowing], groups: [g] }, { roles: [allowing], claims: { t: [a] } }",
    ]) {
      const { rules } = asked(small(allowX, denyX, bindings), factBits.claims);
      expect(rules).toMatchObject([{ held: "yes", bindings: [{}, {}], result: "holds", blockers: [] }]);
    }
  });

  it.each<[string, number, RuleFinding["result"], readonly string[]]>([
    ["until: 2030-01-01", factBits.now, "maybe", ["it holds at times only, and no time is said"]],
    ["hours: { timeZone: UTC }", factBits.now, "maybe", ["it holds at times only, and no time is said"]],
    ["when: 'jwt.a == 1'", factBits.claims, "maybe", ["its condition rests on what is not known"]],
    ["require: { scopes: [s] }", factBits.claims, "maybe", ["it requires scope s, and what was proved is not known"]],
    ["require: { scopes: [s] }", 0, "unproved", ["not proved: scope s"]],
    ["when: 'mcp.tool.arguments.n == 1'", 0, "error", ["its condition fails"]],
    ["when: 'peer.ip == \"1.1.1.1\"'", 0, "not", ["its condition is false"]],
    ["until: 2030-01-01", 0, "holds", []],
    ["when: 'true'", factBits.now, "holds", []],
  ])("of a rule with %s makes it %s", (words, unknown, result, reasons) => {
    const explanation = asked(
      small(allowX.replace(" }", `, ${words} }`), "", "{ roles: [allowing], groups: [g] }"),
      unknown,
    );
    expect(explanation.rules.map((finding) => finding.result)).toEqual([result]);
    expect(why(explanation, "a")).toEqual(reasons);
  });

  it.each<[string, number, RuleFinding["result"], boolean]>([
    ["", 0, "holds", true],
    ["until: 2030-01-01", factBits.now, "maybe", true],
    ["when: 'mcp.tool.arguments.n == 1'", 0, "error", true],
    ["when: 'peer.ip == \"1.1.1.1\"'", 0, "not", false],
    ["mode: shadow", 0, "holds", false],
  ])("of a deny with %s leaves it in the way or not", (words, unknown, result, stands) => {
    const deny = words === "" ? denyX : denyX.replace(" }", `, ${words} }`);
    const { rules, obstacles } = asked(small("", deny, "{ roles: [denying], groups: [g] }"), unknown);
    expect(rules.map((finding) => finding.result)).toEqual([result]);
    expect(obstacles).toHaveLength(stands ? 1 : 0);
  });

  it("leaves as advice to be what a binding by claims asks for", () => {
    const open = small(
      allowX.replace(" }", ", when: 'peer.ip == \"1.1.1.1\"' }"),
      "",
      "{ roles: [allowing], claims: { t: [a] } }",
    );
    expect(ways(asked(open, factBits.claims))).toEqual([
      'have claim t = a | meet the condition peer.ip == "1.1.1.1" | -> a',
    ]);
  });

  it("leaves advice and obstacles where something is allowed, but not for certain", () => {
    const bindings = "{ roles: [allowing, denying], groups: [g] }";
    const open = small(allowX, denyX.replace(" }", ", until: 2030-01-01 }"), bindings);
    expect(asked(open, factBits.now)).toMatchObject({
      answer: { verdict: { effect: "allow", certain: false } },
      obstacles: [{ rule: { name: "d" } }],
    });
  });
});

describe("periods and hours", () => {
  const bound = (rule: string, binding: string) =>
    small(allowX.replace(" }", `${rule} }`), "", `{ roles: [allowing], groups: [g]${binding} }`);

  it.each<[string, string, readonly string[]]>([
    [", from: 2027-01-01", "", ["its period begins only at 2027-01-01T00:00:00.000Z"]],
    ["", ", from: 2027-01-01", ["the binding's period begins only at 2027-01-01T00:00:00.000Z"]],
    [", from: 2026-12-01", ", from: 2027-01-01", ["the binding's period begins only at 2027-01-01T00:00:00.000Z"]],
    [", from: 2027-01-01", ", from: 2026-12-01", ["its period begins only at 2027-01-01T00:00:00.000Z"]],
    [", from: '2026-03-02T12:00:00Z'", "", []],
    [", until: '2026-03-02T12:00:00Z'", "", ["its period was over at 2026-03-02T12:00:00.000Z"]],
    [", until: 2026-02-01", ", until: 2026-01-01", ["the binding's period was over at 2026-01-01T00:00:00.000Z"]],
    [
      ", hours: { timeZone: UTC, days: [tue] }, until: 2026-01-01",
      "",
      ["its period was over at 2026-01-01T00:00:00.000Z"],
    ],
    [", hours: { timeZone: UTC, days: [tue, wed] }", "", ["outside its hours: tue, wed 00:00-24:00 UTC"]],
    [", hours: { timeZone: UTC, days: [mon] }", "", []],
  ])("of a rule%s and its binding%s", (rule, binding, reasons) => {
    expect(why(explain({ groups: ["g"] }, x, bound(rule, binding)), "a")).toEqual(reasons);
  });
});

describe("any explanation", () => {
  const names = fc.constantFrom("a", "b", "ab");
  const pattern = fc.constantFrom("a", "b", "a*", "*", "?");
  const when = fc.constantFrom(
    "mcp.tool.arguments.n < 5",
    'jwt.tenant == "acme"',
    'jwt.tenant == "acme" && mcp.tool.arguments.n < 5',
    "mcp.tool.annotations.readOnlyHint || mcp.tool.arguments.n > 7",
    'peer.ip == "10.0.0.1"',
  );
  const period = fc.constantFrom({}, { from: "2027-01-01" }, { until: "2026-01-01" }, { from: "2026-01-01" });
  const common = {
    server: fc.constantFrom("weather", "*"),
    tools: fc.array(pattern, { minLength: 1, maxLength: 2 }),
    mode: fc.constantFrom("enforce", "enforce", "shadow"),
    when: fc.option(when, { nil: undefined }),
  };
  const deny = fc.tuple(fc.record(common), period).map(([rule, more]) => ({ ...rule, ...more }));
  const require = fc.option(fc.constantFrom({ scopes: ["s"] }, { acr: ["mfa"] }), { nil: undefined });
  const allow = fc.tuple(fc.record({ ...common, require }), period).map(([rule, more]) => ({ ...rule, ...more }));
  const role = fc.record({ allow: fc.array(allow, { maxLength: 3 }), deny: fc.array(deny, { maxLength: 2 }) });
  const binding = fc.constantFrom(
    { groups: ["g"] },
    { groups: ["h"] },
    { subjects: ["alice"], until: "2026-01-01" },
    { claims: { tenant: ["acme"] } },
    { groups: ["g"], claims: { tenant: ["acme", "b"] } },
  );
  const policies = fc.array(fc.tuple(role, binding), { minLength: 1, maxLength: 3 }).map((roles) =>
    programOf(
      JSON.stringify({
        version: 1,
        roles: Object.fromEntries(roles.map(([rules], at) => [`r${at}`, rules])),
        bindings: roles.map(([, selectors], at) => ({ roles: [`r${at}`], ...selectors })),
      }),
    ),
  );
  const anyQuestion: fc.Arbitrary<Question> = fc.record({
    subject: fc
      .record({
        groups: fc.constantFrom([], ["g"], ["g", "h"]),
        scopes: fc.constantFrom([], ["s"]),
        claims: fc.constantFrom({}, { tenant: "acme" }, { tenant: "acme", acr: "mfa" }),
      })
      .map((who) => subjectOf({ issuer: "corp", subject: "alice", ...who })),
    server: fc.constantFrom("weather", "news"),
    target: fc.oneof(
      names.map((name) => ({ kind: "tool" as const, name })),
      fc.constant({ kind: "server" as const }),
    ),
    circumstances: fc.record({
      nowMs: fc.constant(noonMs),
      ip: fc.constantFrom("10.0.0.1", "127.0.0.1"),
      call: fc.constantFrom(null, { method: "tools/call", args: {} }, { method: "tools/call", args: { n: 1 } }),
      annotationsOf: fc.constantFrom(
        () => undefined,
        () => ({ readOnlyHint: true }),
      ),
      unknown: fc.constantFrom(0, 0, 128, 4, 128 + 4 + 8, 512),
    }),
  });

  /** Claims that are not known are not there. */
  const question = anyQuestion.map(({ subject, ...asked }) =>
    ((asked.circumstances.unknown ?? 0) & 128) === 0
      ? { subject, ...asked }
      : { subject: { ...subject, claims: {} }, ...asked },
  );

  it("adds up to the answer that the question gets", () => {
    fc.assert(
      fc.property(policies, question, (given, asked) => {
        const { answer, rules } = explainQuestion(given, asked);
        const enforced = rules.filter(({ rule, held }) => held === "yes" && !rule.shadow);
        const of = (effect: string, ...results: string[]) =>
          enforced.filter(({ rule, result }) => rule.effect === effect && results.includes(result));
        const expected = () => {
          if (of("deny", "holds", "error").length > 0) return ["deny", of("deny", "holds", "error")] as const;
          if (of("allow", "holds").length > 0) return ["allow", of("allow", "holds")] as const;
          if (of("allow", "maybe").length > 0) return ["allow", of("allow", "maybe")] as const;
          const proofless = asked.target.kind === "server" ? "allow" : "challenge";
          if (of("allow", "unproved").length > 0) return [proofless, of("allow", "unproved")] as const;
          return ["deny", of("allow", "error")] as const;
        };
        const [effect, by] = expected();
        expect(answer.verdict.effect).toBe(effect);
        const names = by.map(({ rule }) => rule.name);
        if (answer.verdict.rule === null) expect(names).toEqual([]);
        else expect(names).toContain(answer.verdict.rule);
        // A rule that asks for proof may rest on something else besides.
        const rests = (blockers: readonly { kind: string }[]) => blockers.some(({ kind }) => kind !== "proof");
        const isOpen = ({ held, result, blockers }: RuleFinding) =>
          held === "unknown" || result === "maybe" || (result === "unproved" && rests(blockers));
        const open = rules.filter(isOpen);
        if (open.length === 0) expect(answer.verdict.certain).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("marks exactly one rule as the one that decided, where one did", () => {
    fc.assert(
      fc.property(policies, question, (given, asked) => {
        const explanation = explainQuestion(given, asked);
        const marked = explanation.rules.filter((finding) => decides(explanation, finding));
        expect(marked.map(({ rule }) => rule.name)).toEqual(
          explanation.answer.verdict.rule === null ? [] : [explanation.answer.verdict.rule],
        );
      }),
      { numRuns: 1_000 },
    );
  });
});
