import { describe, expect, it } from "vitest";
import { checkReferences } from "../../../src/policy/references.ts";
import { sourcesOf } from "../../fixtures/policy.ts";

const context = { servers: ["weather", "news"], issuers: ["builtin", "corp"], roleNames: new Set(["r", "s", "t"]) };

function check(
  changes: Partial<{ [Key in keyof typeof context]: (typeof context)[Key] | undefined }>,
  ...files: readonly object[]
) {
  const sources = sourcesOf(...files.map((file) => JSON.stringify({ version: 1, ...file }, null, 1)));
  const { problems, warnings } = checkReferences(sources, { ...context, ...changes });
  const say = (found: typeof problems) =>
    found.map(({ path, message, hint }) => `${path}: ${message}${hint ? ` (${hint})` : ""}`);
  return { problems: say(problems), warnings: say(warnings) };
}

const rule = { server: "weather", tools: ["t"] };

describe("what policies refer to", () => {
  it.each<[string, readonly object[], readonly string[]]>([
    [
      "nothing wrong",
      [
        { roles: { r: { inherits: ["s"], allow: [{ id: "a", ...rule }] } } },
        { roles: { s: { deny: [{ id: "b", ...rule }] } } },
      ],
      [],
    ],
    [
      "a role in two files",
      [{ roles: { r: {} } }, { roles: { r: {} } }],
      ['roles.r: the role "r" is already defined at policies/0.yaml:4'],
    ],
    [
      "an id twice",
      [{ roles: { r: { allow: [{ id: "a", ...rule }], deny: [{ id: "a", ...rule }] } } }],
      ['roles.r.deny[0].id: the rule id "a" is already defined at policies/0.yaml:7'],
    ],
    [
      "an id of one file in another, and no ids",
      [
        { roles: { r: { allow: [{ id: "a", ...rule }, rule, rule] } } },
        { roles: { s: { allow: [{ id: "a", ...rule }] } } },
      ],
      ['roles.s.allow[0].id: the rule id "a" is already defined at policies/0.yaml:7'],
    ],
    ["an id like a role", [{ roles: { r: { allow: [{ id: "r", ...rule }] } } }], []],
    [
      "roles that are not there",
      [{ roles: { r: { inherits: ["s", "q"] } }, bindings: [{ roles: ["r", "rr"], groups: ["g"] }] }],
      ['roles.r.inherits[1]: no role is called "q"', 'bindings[0].roles[1]: no role is called "rr"'],
    ],
    [
      "circles",
      [{ roles: { r: { inherits: ["s"] }, s: { inherits: ["t"] } } }, { roles: { t: { inherits: ["s"] } } }],
      ["roles.s.inherits: roles inherit in a circle: s -> t -> s"],
    ],
    [
      "two circles",
      [{ roles: { r: { inherits: ["r", "s"] }, s: { inherits: ["r"] } } }],
      [
        "roles.r.inherits: roles inherit in a circle: r -> r",
        "roles.r.inherits: roles inherit in a circle: r -> s -> r",
      ],
    ],
    ["a diamond", [{ roles: { r: { inherits: ["s", "t"] }, s: { inherits: ["t"] }, t: {} } }], []],
    [
      "a server that is not there",
      [{ roles: { r: { allow: [{ ...rule, server: "wether" }] } } }],
      ['roles.r.allow[0].server: no such server in the configuration (did you mean "weather"?)'],
    ],
    [
      "a pattern of no server",
      [{ roles: { r: { deny: [{ ...rule, server: "x*" }] } } }],
      ["roles.r.deny[0].server: this pattern matches no server of the configuration"],
    ],
    [
      "an issuer that is not there",
      [{ roles: { r: {} }, bindings: [{ roles: ["r"], issuers: ["corp", "crop"] }] }],
      ['bindings[0].issuers[1]: no such issuer in the configuration (did you mean "corp"?)'],
    ],
  ])("%s", (_case, files, problems) => {
    expect(check({}, ...files).problems).toEqual(problems);
  });

  it("is not judged where the configuration could not be read", () => {
    const file = {
      roles: { r: { inherits: ["q"], allow: [{ ...rule, server: "x" }] } },
      bindings: [{ roles: ["r"], issuers: ["y"] }],
    };
    expect(check({ servers: undefined, issuers: undefined, roleNames: undefined }, file)).toEqual({
      problems: [],
      warnings: [],
    });
    expect(check({}, file).problems).toHaveLength(3);
  });
});

describe("thousands of names that are not there", () => {
  const names = (count: number) => Array.from({ length: count }, (_, index) => `name-${index}`);
  const near = (name: string) => name.replace("n", "m");

  it.each<[string, Parameters<typeof check>[0], object]>([
    [
      "roles",
      { roleNames: new Set(names(3_000)) },
      { bindings: [{ roles: names(2_000).map(near), groups: ["g"] }], roles: {} },
    ],
    [
      "servers",
      { servers: names(3_000) },
      { roles: { r: { allow: names(2_000).map((name) => ({ server: near(name), tools: ["t"] })) } } },
    ],
    [
      "issuers",
      { issuers: names(3_000) },
      { bindings: [{ roles: ["r"], issuers: names(2_000).map(near) }], roles: { r: {} } },
    ],
  ])("of %s are all named, and what was meant is looked up for the first hundred", (_kind, changes, file) => {
    const { problems } = check(changes, file);
    expect(problems).toHaveLength(2_000);
    expect(problems.filter((problem) => problem.includes("did you mean"))).toHaveLength(100);
    expect(problems[0]).toContain('(did you mean "name-0"?)');
  });
});

describe("what is probably not meant", () => {
  const bound = (binding: object) => ({ roles: { r: {} }, bindings: [{ roles: ["r"], ...binding }] });
  const exact = "compared exactly: * and ? are no wildcards here";

  it.each<[string, object, readonly string[], readonly string[]]>([
    [
      "wildcards",
      { groups: ["a", "b*"], subjects: ["?c"], clients: ["d"], issuers: ["corp"] },
      ["builtin", "corp"],
      [`bindings[0].groups[1]: ${exact}`, `bindings[0].subjects[0]: ${exact}`],
    ],
    ["wildcards of clients", { clients: ["*"] }, ["corp"], [`bindings[0].clients[0]: ${exact}`]],
    [
      "wildcards of keys and certificates",
      { apiKeys: ["ci-*"], certificates: ["spiffe://example/*"] },
      ["api-keys", "corp"],
      [`bindings[0].apiKeys[0]: ${exact}`, `bindings[0].certificates[0]: ${exact}`],
    ],
    // A permission may be called so.
    ["no wildcards of claims", { claims: { permissions: ["billing:*"] } }, ["corp"], []],
    [
      "several issuers",
      { subjects: ["a"] },
      ["builtin", "corp", "other"],
      ["bindings[0]: without issuers, any of the 3 trusted ones can say who this is (add issuers: [...])"],
    ],
    [
      "groups of one issuer beside the own",
      { groups: ["a"] },
      ["builtin", "corp"],
      ["bindings[0]: without issuers, any of the 2 trusted ones can say who this is (add issuers: [...])"],
    ],
    [
      "claims of one issuer beside the own",
      { claims: { tenant: ["acme"] } },
      ["builtin", "corp"],
      ["bindings[0]: without issuers, any of the 2 trusted ones can say who this is (add issuers: [...])"],
    ],
    [
      "several issuers and whose groups have a key",
      { apiKeys: ["k"], groups: ["a"] },
      ["api-keys", "builtin", "corp"],
      [],
    ],
    ["the own issuer alone", { groups: ["a"] }, ["builtin"], []],
    ["several issuers and who has a key", { apiKeys: ["k"] }, ["api-keys", "builtin", "corp"], []],
    [
      "keys that are not accepted",
      { apiKeys: ["k"] },
      ["builtin"],
      ["bindings[0].apiKeys: API keys are not accepted, so this holds for nobody (set identity.apiKeys.enabled)"],
    ],
    ["several issuers that are named", { subjects: ["a"], issuers: ["corp"] }, ["builtin", "corp", "other"], []],
    ["one issuer without the own", { subjects: ["a"] }, ["corp"], []],
  ])("%s", (_case, binding, issuers, warnings) => {
    expect(check({ issuers: [...issuers] }, bound(binding))).toEqual({ problems: [], warnings });
  });
});
