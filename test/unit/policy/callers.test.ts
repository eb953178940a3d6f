import { describe, expect, it } from "vitest";
import { callersOf, describeCaller, widerKeys } from "../../../src/policy/compare/callers.ts";
import { nobody } from "../../../src/policy/facts.ts";
import { programOf } from "./sources.ts";

function callers(selectors: string) {
  const { bindings } = programOf(
    `version: 1\nroles: { r: { allow: [{ server: weather, tools: [x] }] } }\nbindings: [{ roles: [r], ${selectors} }]\n`,
  );
  return bindings.flatMap(callersOf);
}

const values = (letter: string, count: number) =>
  `[${Array.from({ length: count }, (_, index) => letter + index).join(", ")}]`;

describe("the callers that a binding is about", () => {
  it.each<[string, object]>([
    ["groups: [a]", { groups: ["a"] }],
    ["subjects: [a]", { subject: "a" }],
    ["issuers: [a]", { issuer: "a" }],
    ["clients: [a]", { client: "a" }],
    ["apiKeys: [a]", { apiKey: "a", via: "api-key" }],
    ["issuers: [certificates]", { issuer: "certificates", via: "certificate" }],
    ["certificates: [a]", { certificate: "a" }],
    ["claims: { tenant: [1] }", { claims: { tenant: 1 } }],
    ["claims: { tenant: [a], vip: [true] }, groups: [g]", { groups: ["g"], claims: { tenant: "a", vip: true } }],
  ])("%s", (selectors, expected) => {
    expect(callers(selectors).map(({ subject }) => subject)).toEqual([
      { ...nobody, issuer: "", subject: "", groups: [], claims: {}, ...expected },
    ]);
  });

  it("are one for each combination", () => {
    expect(callers("groups: [a, b], issuers: [corp], claims: { t: [x, y] }").map(describeCaller)).toEqual([
      "group a, issuer corp, claim t = x",
      "group a, issuer corp, claim t = y",
      "group b, issuer corp, claim t = x",
      "group b, issuer corp, claim t = y",
    ]);
  });

  it("are at most as many as somebody can read", () => {
    expect(callers(`groups: ${values("g", 100)}, subjects: ${values("s", 100)}`)).toHaveLength(10_000);
    expect(() => callers(`groups: ${values("g", 100)}, subjects: ${values("s", 101)}`)).toThrow(
      "the binding at policies/0.yaml:3 combines more than 10000 callers: split it to compare it",
    );
  });
});

describe("callers of whom less is known", () => {
  it("are known by some of the facts, but not by none or all", () => {
    const [caller] = callers("groups: [a], issuers: [corp], claims: { t: [x] }");
    const known = ["groups: [a]", "issuers: [corp]", "claims: { t: [x] }", "groups: [a], issuers: [corp]"];
    const more = ["groups: [a], claims: { t: [x] }", "issuers: [corp], claims: { t: [x] }"];
    const keys = [...known, ...more].flatMap((selectors) => callers(selectors).map(({ key }) => key));
    expect(caller && widerKeys(caller).sort()).toEqual(keys.sort());
  });

  it.each([
    [10, 2 ** 10 - 2],
    [11, 0],
  ])("are not looked for where %i facts are known and more would be too many", (facts, expected) => {
    const claims = Array.from({ length: facts }, (_, index) => `c${index}: [x]`).join(", ");
    const [caller] = callers(`claims: { ${claims} }`);
    expect(caller && widerKeys(caller)).toHaveLength(expected);
  });
});
