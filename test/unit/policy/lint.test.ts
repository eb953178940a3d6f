import { describe, expect, it } from "vitest";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { lintCodes } from "../../../src/policy/lint/finding.ts";
import { lintPolicies } from "../../../src/policy/lint/lint.ts";
import { lintOffers, type Offer } from "../../../src/policy/lint/offers.ts";
import { noonMs, sourcesOf } from "../../fixtures/policy.ts";
import { servers } from "./sources.ts";

/** Codes and places of what is found at noon of a Monday, 2 March 2026. */
function lint(...texts: readonly string[]): string[] {
  const sources = sourcesOf(...texts);
  return lintPolicies(sources, compilePolicy(sources, servers), noonMs).map(({ code, path }) => `${code} ${path}`);
}

/** One role `r`, bound to the group `g`. */
function role(rules: string, bindings = "[{ roles: [r], groups: [g] }]", more = ""): string {
  return `{ version: 1, roles: { r: { ${rules} }${more} }, bindings: ${bindings} }`;
}

const plainly = 'server: weather, tools: ["get-*", forecast]';

describe("rules without effect", () => {
  const when = "when: identity.client == null";
  it.each<[string, string, string[]]>([
    ["a deny of all of it", `allow: [{ ${plainly} }], deny: [{ server: "*", tools: ["*"] }]`, ["roles.r.allow[0]"]],
    [
      "a deny of a pattern of it",
      `allow: [{ ${plainly} }], deny: [{ server: weather, tools: ["fore*"] }]`,
      ["roles.r.allow[0].tools[1]"],
    ],
    [
      "two denies together",
      `allow: [{ ${plainly} }], deny: [{ server: weather, tools: ["fore*"] }, { server: weather, tools: ["get*"] }]`,
      ["roles.r.allow[0]"],
    ],
    ["a deny of a part", `allow: [{ ${plainly} }], deny: [{ server: weather, tools: ["get-a*"] }]`, []],
    ["a deny on another server", `allow: [{ ${plainly} }], deny: [{ server: news, tools: ["*"] }]`, []],
    ["a deny on some servers", `allow: [{ server: "*", tools: [a] }], deny: [{ server: news, tools: ["*"] }]`, []],
    ["a deny of another kind", `allow: [{ ${plainly} }], deny: [{ server: "*", prompts: ["*"] }]`, []],
    ["a deny on a condition", `allow: [{ ${plainly} }], deny: [{ ${plainly}, when: peer.ip == "::1" }]`, []],
    [
      "a deny at some hours",
      `allow: [{ ${plainly} }], deny: [{ ${plainly}, hours: { timeZone: UTC, to: "08:00" } }]`,
      [],
    ],
    ["a deny on the same condition", `allow: [{ ${plainly}, ${when} }], deny: [{ ${plainly}, ${when} }]`, []],
    ["a deny for a while", `allow: [{ ${plainly} }], deny: [{ ${plainly}, until: 2030-01-01 }]`, []],
    [
      "a deny for as long",
      `allow: [{ ${plainly}, from: 2026-01-01, until: 2029-01-01 }], deny: [{ ${plainly}, until: 2030-01-01 }]`,
      ["roles.r.allow[0]"],
    ],
    ["a deny of narrower patterns", `allow: [{ server: weather, tools: ["*"] }], deny: [{ ${plainly} }]`, []],
  ])("overruled by %s", (_case, rules, places) => {
    expect(lint(role(rules))).toEqual(places.map((place) => `rule_overruled ${place}`));
  });

  it("is not overruled by a deny in shadow, unless it is in shadow itself", () => {
    const deny = `deny: [{ ${plainly}, mode: shadow }]`;
    expect(lint(role(`allow: [{ ${plainly} }], ${deny}`))).toEqual(["mode_shadow roles.r.deny[0].mode"]);
    expect(lint(role(`allow: [{ ${plainly}, mode: shadow }], ${deny}`))).toContain("rule_overruled roles.r.allow[0]");
  });

  it.each<[string, string, string[]]>([
    ["the same again", `{ ${plainly} }, { ${plainly} }`, ["roles.r.allow[1]"]],
    [
      "the same three times",
      `{ ${plainly} }, { ${plainly} }, { ${plainly} }`,
      ["roles.r.allow[1]", "roles.r.allow[2]"],
    ],
    ["a broader one below", `{ ${plainly} }, { server: "*", tools: ["*"] }`, ["roles.r.allow[0]"]],
    ["one without the condition", `{ ${plainly}, ${when} }, { ${plainly} }`, ["roles.r.allow[0]"]],
    ["one with the same condition", `{ ${plainly}, ${when} }, { ${plainly}, ${when} }`, ["roles.r.allow[1]"]],
    ["one with another condition", `{ ${plainly}, ${when} }, { ${plainly}, when: peer.ip == "::1" }`, []],
    ["one with a limit", `{ server: weather, tools: [forecast] }, { ${plainly}, limit: { requests: 9 } }`, []],
    ["one without the limit", `{ ${plainly}, limit: { requests: 9 } }, { ${plainly} }`, ["roles.r.allow[0]"]],
    ["one that asks for more", `{ ${plainly} }, { ${plainly}, require: { acr: [mfa] } }`, ["roles.r.allow[1]"]],
    ["one that holds for a while", `{ server: weather, tools: [forecast] }, { ${plainly}, until: 2030-01-01 }`, []],
    ["two together", `{ server: weather, tools: [a, b] }, { server: weather, tools: [a] }`, ["roles.r.allow[1]"]],
    ["one that has a part of it", `{ server: weather, tools: [a, b] }, { server: weather, tools: [b, c] }`, []],
    ["one for fewer servers", `{ server: "*", tools: [a] }, { server: news, tools: [a] }`, ["roles.r.allow[1]"]],
  ])("redundant beside %s", (_case, allow, places) => {
    expect(lint(role(`allow: [${allow}]`))).toEqual(places.map((place) => `rule_redundant ${place}`));
    if (/limit|require/.test(allow)) return;
    const denials = places.map((place) => `rule_redundant ${place.replace("allow", "deny")}`);
    expect(lint(role(`deny: [${allow}]`))).toEqual(denials);
  });

  it("says what never counts", () => {
    const sources = sourcesOf(
      role(`allow: [{ ${plainly}, ${when}, limit: { requests: 9 } }, { id: all, ${plainly} }]`),
    );
    const [finding] = lintPolicies(sources, compilePolicy(sources, servers), noonMs);
    expect(finding?.message).toBe(
      "this adds nothing: all (policies/0.yaml:1) allows all of it to everyone who has this rule, without when, limit",
    );
  });
});

describe("rules of other roles", () => {
  const more = (bindings: string, deny = `s: { deny: [{ server: "*", tools: ["*"] }] }`) =>
    lint(role(`allow: [{ ${plainly} }]`, bindings, `, ${deny}`));

  it.each<[string, string]>([
    ["the same binding", "[{ roles: [r, s], groups: [g] }]"],
    ["a binding of more groups", "[{ roles: [r], groups: [g] }, { roles: [s], groups: [g, h] }]"],
    [
      "a binding that asks less",
      "[{ roles: [r], groups: [g], issuers: [builtin] }, { roles: [s], issuers: [builtin] }]",
    ],
    [
      "a binding by more values of a claim",
      "[{ roles: [r], groups: [g], claims: { t: [a] } }, { roles: [s], claims: { t: [a, b] } }]",
    ],
    ["bindings of their own", "[{ roles: [r, s], groups: [g] }, { roles: [r, s], subjects: [ann] }]"],
    [
      "a binding that lasts as long",
      "[{ roles: [r], groups: [g], until: 2029-01-01 }, { roles: [s], groups: [g], until: 2030-01-01 }]",
    ],
  ])("count where everyone has them, by %s", (_case, bindings) => {
    expect(more(bindings)).toEqual(["rule_overruled roles.r.allow[0]"]);
  });

  it.each<[string, string]>([
    ["another group", "[{ roles: [r], groups: [g] }, { roles: [s], groups: [h] }]"],
    ["fewer groups", "[{ roles: [r], groups: [g, h] }, { roles: [s], groups: [g] }]"],
    ["a group and an issuer", "[{ roles: [r], groups: [g] }, { roles: [s], groups: [g], issuers: [builtin] }]"],
    ["another selector", "[{ roles: [r], groups: [g] }, { roles: [s], subjects: [g] }]"],
    ["a claim", "[{ roles: [r], groups: [g] }, { roles: [s], groups: [g], claims: { t: [a] } }]"],
    ["fewer values of a claim", "[{ roles: [r], claims: { t: [a, b] } }, { roles: [s], claims: { t: [a] } }]"],
    ["a binding for a while", "[{ roles: [r], groups: [g] }, { roles: [s], groups: [g], until: 2030-01-01 }]"],
    ["a binding from later on", "[{ roles: [r], groups: [g] }, { roles: [s], groups: [g], from: 2026-06-01 }]"],
    ["one of two bindings", "[{ roles: [r, s], groups: [g] }, { roles: [r], subjects: [ann] }]"],
  ])("do not count where somebody may not have them, by %s", (_case, bindings) => {
    expect(more(bindings)).toEqual([]);
  });

  it("count where they are inherited", () => {
    expect(
      more("[{ roles: [s], groups: [g] }]", 's: { inherits: [r], allow: [{ server: weather, tools: ["*"] }] }'),
    ).toEqual(["rule_redundant roles.r.allow[0]"]);
    const both = "[{ roles: [s], groups: [g] }, { roles: [r], groups: [h] }]";
    expect(more(both, 's: { inherits: [r], allow: [{ server: weather, tools: ["*"] }] }')).toEqual([]);
  });
});

it("are told apart by their periods, given by however many bindings", () => {
  const bindings = Array.from({ length: 12 }, (_, at) => `{ roles: [r], groups: [g${at}] }`);
  const allow = `allow: [{ ${plainly}, until: 2028-01-01 }, { ${plainly}, until: 2030-01-01 }]`;
  const deny = `deny: [{ server: "*", tools: ["*"], until: 2029-01-01 }]`;
  const found = ["rule_overruled roles.r.allow[0]", "rule_redundant roles.r.allow[0]"];
  for (const count of [1, 8, 9, 12])
    expect(lint(role(`${allow}, ${deny}`, `[${bindings.slice(0, count).join()}]`))).toEqual(found);
});

it("are placed in their files, in whatever order those come", () => {
  // Each file has a rule more than the one before, so that none stands in for another.
  const texts = servers.map((server, at) => {
    const idle = Array.from({ length: at }, (_, index) => `{ server: ${server}, tools: [t${index}] }`);
    const over = `{ server: ${server}, tools: [a], until: 2026-01-01 }`;
    return role(`allow: [${[...idle, over].join()}]`).replaceAll(/\br\b/g, `r${at}`);
  });
  const sources = sourcesOf(...texts);
  const orders = [
    [0, 1, 2],
    [2, 0, 1],
    [2, 1, 0],
  ].map((order) => order.map((at) => sources[at] as (typeof sources)[number]));
  for (const order of orders) {
    const found = lintPolicies(order, compilePolicy(order, servers), noonMs);
    expect(found.map(({ file, code, path }) => `${file} ${code} ${path}`).sort()).toEqual([
      "policies/0.yaml rule_expired roles.r0.allow[0].until",
      "policies/1.yaml rule_expired roles.r1.allow[1].until",
      "policies/2.yaml rule_expired roles.r2.allow[2].until",
    ]);
  }
});

describe("periods", () => {
  const weekend = "hours: { timeZone: UTC, days: [sat, sun] }";
  it.each<[string, string, string | undefined, string[]]>([
    ["over", "until: 2026-03-02", undefined, ["rule_expired roles.r.allow[0].until"]],
    ["nearly over", 'until: "2026-03-02T12:00:01Z"', undefined, []],
    ["to come", "from: 2026-04-01", undefined, []],
    ["not the binding's", "until: 2026-06-01", "from: 2026-06-01", ["rule_never_matches roles.r.allow[0]"]],
    ["partly the binding's", "until: 2026-06-02", "from: 2026-06-01", []],
    ["that of an expired binding", "from: 2026-01-01", "until: 2026-03-02", ["binding_expired bindings[0].until"]],
    [
      "five days and a weekend",
      `from: 2026-03-09, until: 2026-03-14, ${weekend}`,
      undefined,
      ["rule_never_matches roles.r.allow[0].hours"],
    ],
    ["a minute of the weekend", `from: 2026-03-09, until: "2026-03-14T00:01:00Z", ${weekend}`, undefined, []],
    [
      "a day without that time",
      'from: 2026-03-09, until: "2026-03-09T21:59:00Z", hours: { timeZone: UTC, from: "21:59", to: "22:00" }',
      undefined,
      ["rule_never_matches roles.r.allow[0].hours"],
    ],
    [
      "a day with one minute of it",
      'from: 2026-03-09, until: "2026-03-09T22:00:00Z", hours: { timeZone: UTC, from: "21:59", to: "22:00" }',
      undefined,
      [],
    ],
    [
      "a day that has that minute in the middle",
      'from: 2026-03-09, until: "2026-03-09T23:00:00Z", hours: { timeZone: UTC, from: "21:59", to: "22:00" }',
      undefined,
      [],
    ],
    ["a week", `from: 2026-03-09, until: 2026-03-16, ${weekend}`, undefined, []],
    [
      "a night before",
      'from: 2026-03-09, until: "2026-03-09T05:00:00Z", hours: { timeZone: UTC, days: [sun], from: "22:00", to: "06:00" }',
      undefined,
      [],
    ],
  ])("%s", (_case, period, ofBinding, expected) => {
    const binding = `[{ roles: [r], groups: [g]${ofBinding === undefined ? "" : `, ${ofBinding}`} }]`;
    expect(lint(role(`allow: [{ ${plainly}, ${period} }]`, binding))).toEqual(expected);
  });

  it("is no fault of the rule where another binding leaves it time", () => {
    const bindings = "[{ roles: [r], groups: [g], from: 2026-06-01 }, { roles: [r], groups: [h] }]";
    expect(lint(role(`allow: [{ ${plainly}, until: 2026-06-01 }]`, bindings))).toEqual([]);
    const weeks = "[{ roles: [r], groups: [g], until: 2026-03-07 }, { roles: [r], groups: [h], until: 2026-03-08 }]";
    expect(lint(role(`allow: [{ ${plainly}, from: 2026-03-02, ${weekend} }]`, weeks))).toEqual([]);
  });

  /** Rules of four days, each another minute longer, that hold at hours of Sundays. */
  const sundays = (count: number, hours: string) =>
    Array.from({ length: count }, (_, at) => {
      const until = `"2026-03-13T00:${String(at).padStart(2, "0")}:00Z"`;
      const when = `from: 2026-03-09, until: ${until}, hours: { timeZone: UTC, days: [sun], ${hours} }`;
      return `{ server: weather, tools: [t${at}], ${when} }`;
    }).join();

  it.each(['from: "01:00"', 'to: "02:00"', 'from: "04:00", to: "06:00"', 'from: "22:00", to: "00:00"'])(
    "are looked through by the half hour where hours last two or more: %s",
    (hours) => {
      expect(lint(role(`allow: [${sundays(20, hours)}]`))).toHaveLength(20);
    },
  );

  it("are looked through by the minute where hours are shorter, as long as that does not take too long", () => {
    expect(lint(role(`allow: [${sundays(12, 'from: "01:00", to: "01:10"')}]`))).toHaveLength(8);
  });
});

describe("roles and bindings", () => {
  it.each<[string, string, string[]]>([
    [
      "a role that nobody has, of which more is not said",
      role(`allow: [{ ${plainly} }, { ${plainly} }], deny: [{ server: "*", tools: ["*"] }]`, "[]"),
      ["role_unused roles.r"],
    ],
    [
      "a role that is inherited by one that nobody has",
      role(`allow: [{ ${plainly} }]`, "[]", ", s: { inherits: [r] }"),
      ["role_unused roles.r", "role_unused roles.s"],
    ],
    [
      "a role that is inherited",
      role(`allow: [{ ${plainly} }]`, "[{ roles: [s], groups: [g] }]", ", s: { inherits: [r] }"),
      [],
    ],
    ["a role without rules", role("", "[{ roles: [r], groups: [g] }]"), ["binding_gives_nothing bindings[0].roles[0]"]],
    [
      "a role without rules beside another",
      role(`allow: [{ ${plainly} }]`, "[{ roles: [r, s], groups: [g] }]", ", s: {}"),
      ["binding_gives_nothing bindings[0].roles[1]"],
    ],
    [
      "a binding by what cannot be shown",
      role(`allow: [{ ${plainly} }]`, "[{ roles: [r], apiKeys: [k] }, { roles: [r], groups: [g], certificates: [c] }]"),
      ["proof_impossible bindings[1].certificates"],
    ],
    [
      "a requirement of what cannot be shown",
      role(
        `allow: [{ ${plainly}, require: { certificate: true } }, { server: news, tools: [a], require: { acr: [mfa] } }]`,
      ),
      ["proof_impossible roles.r.allow[0].require.certificate"],
    ],
  ])("%s", (_case, text, expected) => {
    expect(lint(text)).toEqual(expected);
  });

  const issued = "[{ roles: [r], issuers: [builtin] }]";
  it.each<[string, string, string, boolean]>([
    ["every tool to everyone", 'allow: [{ server: "*", tools: ["*"] }]', issued, true],
    ["every resource to everyone", 'allow: [{ server: "*", resources: ["**"] }]', issued, true],
    ["so many each minute", 'allow: [{ server: "*", tools: ["*"], limit: { requests: 9 } }]', issued, true],
    ["to a group", 'allow: [{ server: "*", tools: ["*"] }]', "[{ roles: [r], groups: [g] }]", false],
    ["to those with a claim", 'allow: [{ server: "*", tools: ["*"] }]', "[{ roles: [r], claims: { t: [a] } }]", false],
    ["of one server", 'allow: [{ server: weather, tools: ["*"] }]', issued, false],
    ["of a kind of tools", 'allow: [{ server: "*", tools: ["get-*"] }]', issued, false],
    ["of another kind of tools", 'allow: [{ server: "*", tools: ["*-list"] }]', issued, false],
    ["on a condition", 'allow: [{ server: "*", tools: ["*"], when: peer.ip == "::1" }]', issued, false],
    ["on proof", 'allow: [{ server: "*", tools: ["*"], require: { acr: [mfa] } }]', issued, false],
    ["in a deny", 'deny: [{ server: "*", tools: ["*"] }]', issued, false],
    ["every prompt", 'allow: [{ server: "*", prompts: ["*"] }]', issued, false],
  ])("everything to everyone: %s", (_case, rules, bindings, found) => {
    expect(lint(role(rules, bindings))).toEqual(found ? ["grants_everything bindings[0]"] : []);
  });

  it("everything of the only server is everything", () => {
    const sources = sourcesOf(role('allow: [{ server: weather, tools: ["*"] }]', issued));
    const [finding] = lintPolicies(sources, compilePolicy(sources, ["weather"]), noonMs);
    expect(finding?.code).toBe("grants_everything");
  });
});

describe("conditions", () => {
  const on = (kinds: string, when: string, effect = "allow") =>
    lint(role(`${effect}: [{ server: weather, ${kinds}, when: ${JSON.stringify(when)} }]`)).map(
      (said) => said.split(" ")[0],
    );

  it.each([
    ["true", "condition_always_true"],
    ["1 < 2", "condition_always_true"],
    ['true || jwt.tenant == "a"', "condition_always_true"],
    ['"a" in ["a", "b"]', "condition_always_true"],
    ['"ab".matches("a.")', "condition_always_true"],
    ["[1, 2].all(x, x > 0)", "condition_always_true"],
    ["false", "condition_never_true"],
    ['jwt.tenant == "a" && false', "condition_never_true"],
    ["!(true || peer.ip == '::1')", "condition_never_true"],
    ["true ? false : jwt.a", "condition_never_true"],
    ["true ? true : jwt.a", "condition_always_true"],
    ["1 / 0 == 1", "condition_never_true"],
    // What CEL says of these is not what is said when a call comes.
    ["dyn('1') == 1 || dyn('1') != 1", "condition_never_true"],
    ["!(1 in dyn({'a': 1}))", "condition_never_true"],
    ["!('b' in dyn({'a': 1}))", "condition_never_true"],
    ["dyn({'a': 1}).exists(k, k == 'a')", "condition_never_true"],
    ["!has(dyn('{}').a)", "condition_never_true"],
    ["'b' in {'b': 1} && {'a': 1}.exists(k, k == 'a')", "condition_always_true"],
    ['bool("1") || duration("") == duration("")', "condition_never_true"],
    ['int("0x10") == 16', "condition_never_true"],
    ['mcp.resource.uri == "a:b"', "condition_never_true"],
    ['mcp.prompt.arguments.a == "b"', "condition_never_true"],
    ['identity.subject == "ann"', undefined],
    ['server.name == "weather"', undefined],
    ["mcp.tool.arguments.amount <= 100", undefined],
    ['mcp.tool.name == "a" || mcp.resource.uri == "a:b"', undefined],
    ["jwt.a ? false : true", undefined],
    ["has(jwt.a) && [1].exists(x, x == jwt.a)", undefined],
  ])("of an allow: %s", (when, code) => {
    expect(on("tools: [a]", when)).toEqual(code === undefined ? [] : [code]);
  });

  it("of several kinds is judged for each", () => {
    const kinds = "tools: [a], prompts: [b], resources: [c:d]";
    expect(on(kinds, "mcp.tool.arguments.a > 1")).toEqual(["condition_never_true", "condition_never_true"]);
    expect(on(kinds, "mcp.tool.arguments.a > 1 || identity.subject == 'a'")).toEqual([]);
    expect(on(kinds, "false")).toEqual(["condition_never_true"]);
    expect(on("prompts: [b]", "mcp.prompt.arguments.a == 'b' && mcp.prompt.name == 'b'")).toEqual([]);
    expect(on("resources: [c:d]", "mcp.resource.uri == 'c:d'")).toEqual([]);
    expect(on("resources: [c:d]", "mcp.tool.annotations.readOnlyHint == true")).toEqual(["condition_never_true"]);
  });

  it.each([
    ["tools: [a]", "false", "this is never true: the rule denies nothing"],
    ["tools: [a]", "1 / 0 == 1", "this always fails: the rule denies whatever it names"],
    ["tools: [a]", "jwt.a == 1 && false", "this is never true: the rule denies nothing"],
    ["tools: [a]", "jwt.a == 1 && 1 / 0 == 1", "this is never true: the rule denies only where it fails"],
    [
      "tools: [a], prompts: [b]",
      "mcp.tool.name == 'a'",
      "for prompts, which do not have what it reads, this always fails: the rule denies whatever it names",
    ],
  ])("of a deny on %s: %s", (kinds, when, message) => {
    const sources = sourcesOf(role(`deny: [{ server: weather, ${kinds}, when: ${JSON.stringify(when)} }]`));
    const found = lintPolicies(sources, compilePolicy(sources, servers), noonMs);
    expect(found.map((finding) => finding.message)).toEqual([message]);
    expect(found.map(({ path }) => path)).toEqual(["roles.r.deny[0].when"]);
  });

  it.each([
    ["jwt.tenant == 'a'", ["deny_may_fail"]],
    ["jwt['tenant'] == 'a'", ["deny_may_fail"]],
    ["mcp.tool.arguments.branch == 'main'", ["deny_may_fail"]],
    ["!has(jwt.a) || jwt.tenant == 'a'", ["deny_may_fail"]],
    ["jwt.tenant.name == 'a'", ["deny_may_fail"]],
    ["mcp.tool.annotations.destructiveHint", ["deny_may_fail"]],
    ["has(jwt.tenant) && jwt.tenant == 'a'", []],
    ["'tenant' in jwt && jwt.tenant == 'a'", []],
    ["!has(mcp.tool.arguments.branch) || mcp.tool.arguments.branch == 'main'", []],
    ["identity.subject == 'ann'", []],
    ["has(jwt.tenant)", []],
    ["jwt[mcp.tool.name] == 'a'", []],
    ["!(mcp.tool.name in jwt) || jwt.tenant == 'a'", ["deny_may_fail"]],
    ["mcp.prompt.arguments.a == 'b'", ["condition_never_true"]],
  ])("of a deny that may fail: %s", (when, codes) => {
    expect(on("tools: [a]", when, "deny")).toEqual(codes);
    if (!codes.includes("condition_never_true")) expect(on("tools: [a]", when)).toEqual([]);
  });

  it("of a deny that may fail for prompts", () => {
    expect(on("prompts: [a]", "mcp.prompt.arguments.a == 'b'", "deny")).toEqual(["deny_may_fail"]);
  });
});

it("notes what is in shadow, of a file once", () => {
  const rules = `allow: [{ ${plainly}, mode: shadow }, { server: news, tools: [a] }]`;
  expect(lint(role(rules))).toEqual(["mode_shadow roles.r.allow[0].mode"]);
  expect(lint(role(rules).replace("version: 1", "version: 1, mode: shadow"))).toEqual(["mode_shadow mode"]);
});

it("says where, in which file, and how much it matters", () => {
  const text = "version: 1\nroles:\n  idle:\n    allow:\n      - { server: weather, tools: [a], mode: shadow }\n";
  const sources = sourcesOf(role(`allow: [{ ${plainly} }]`), text);
  expect(lintPolicies(sources, compilePolicy(sources, servers), noonMs)).toMatchObject([
    { code: "role_unused", severity: "warning", file: "policies/1.yaml", line: 3, column: 3 },
    { code: "mode_shadow", severity: "note", file: "policies/1.yaml", line: 5, column: 46 },
  ]);
});

describe("offers", () => {
  const offer: Offer = {
    tools: ["forecast", "get-rain"],
    prompts: [],
    resources: ["weather://oslo"],
    templates: ["weather://{city}/now"],
  };
  const compare = (rules: string, offers: Readonly<Record<string, Offer>> = { weather: offer }) => {
    const sources = sourcesOf(role(rules));
    const found = lintOffers(sources, compilePolicy(sources, servers), new Map(Object.entries(offers)));
    return found.map(({ code, path }) => `${code} ${path}`);
  };

  it.each<[string, string, string[]]>([
    [
      "patterns that fit",
      'allow: [{ server: weather, tools: ["get-*", forecast], resources: ["weather://*", "weather://rome/now"] }]',
      [],
    ],
    [
      "a name that is misspelt",
      "allow: [{ server: weather, tools: [forecast, forcast] }]",
      ["pattern_matches_nothing roles.r.allow[0].tools[1]"],
    ],
    [
      "a pattern",
      'allow: [{ server: weather, tools: ["set-*"] }]',
      ["pattern_matches_nothing roles.r.allow[0].tools[0]"],
    ],
    [
      "prompts, where there are none",
      'allow: [{ server: weather, prompts: ["*"] }]',
      ["pattern_matches_nothing roles.r.allow[0].prompts[0]"],
    ],
    [
      "another resource",
      'allow: [{ server: weather, resources: ["weather://rome"] }]',
      ["pattern_matches_nothing roles.r.allow[0].resources[0]"],
    ],
    [
      "a deny of a name",
      "deny: [{ server: weather, tools: [drop-all] }]",
      ["pattern_matches_nothing roles.r.deny[0].tools[0]"],
    ],
    [
      "a deny with a wildcard",
      'deny: [{ server: weather, tools: ["drop-*"] }]',
      ["deny_matches_nothing roles.r.deny[0].tools[0]"],
    ],
    ["a server that was not asked", "allow: [{ server: news, tools: [read] }]", []],
    ["any of several servers, some of which were not asked", 'allow: [{ server: "*", tools: [read] }]', []],
  ])("compared with %s", (_case, rules, expected) => {
    expect(compare(rules)).toEqual(expected);
  });

  it("tell of several servers only when all of them were heard", () => {
    const rules = 'allow: [{ server: "*", tools: [read] }]';
    const none: Offer = { ...offer, tools: [] };
    const said = ["pattern_matches_nothing roles.r.allow[0].tools[0]"];
    expect(compare(rules, { weather: offer, news: none, billing: none })).toEqual(said);
    expect(compare(rules, { weather: offer, news: { ...none, tools: ["read"] }, billing: none })).toEqual([]);
    expect(compare(rules, { weather: offer, news: none })).toEqual([]);
  });
});

it("has a meaning for each code", () => {
  for (const { meaning } of Object.values(lintCodes)) expect(meaning).toMatch(/\.$/);
});
