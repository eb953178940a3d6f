import { expect, it } from "vitest";
import { findDemands, isMet, joinDemands } from "../../../src/authorization/demands.ts";
import type { Requirement } from "../../../src/policy/require.ts";

const mfa: Requirement = { scopes: ["pay"], acr: ["phr", "mfa"] };

it.each<[string, Requirement[], unknown]>([
  ["no scope", [{ acr: ["mfa"] }, {}], {}],
  ["a scope", [{ scopes: ["pay"] }], { pay: { mfa: false, maxAgeMs: null } }],
  ["a scope and a second factor", [mfa], { pay: { mfa: true, maxAgeMs: null } }],
  ["another sort of login", [{ scopes: ["pay"], acr: ["phr"] }], { pay: { mfa: false, maxAgeMs: null } }],
  ["a second factor in one rule only", [mfa, { scopes: ["pay"] }], { pay: { mfa: false, maxAgeMs: null } }],
  [
    "two ages",
    [
      { scopes: ["pay"], maxAge: 2 },
      { scopes: ["pay", "read"], maxAge: 3 },
    ],
    { pay: { mfa: false, maxAgeMs: 3 }, read: { mfa: false, maxAgeMs: 3 } },
  ],
  [
    "an age in one rule only",
    [{ scopes: ["pay"], maxAge: 2 }, { scopes: ["pay"] }],
    { pay: { mfa: false, maxAgeMs: null } },
  ],
])("reads what a scope takes from rules with %s", (_what, requirements, demands) => {
  expect(Object.fromEntries(findDemands(requirements))).toEqual(demands);
});

it("joins what several scopes take", () => {
  const plain = { mfa: false, maxAgeMs: null };
  expect(joinDemands([])).toEqual(plain);
  expect(joinDemands([plain, { mfa: true, maxAgeMs: 5 }, { mfa: false, maxAgeMs: 3 }])).toEqual({
    mfa: true,
    maxAgeMs: 3,
  });
});

it.each([
  ["recent, with a second factor", { acr: "mfa", authTime: 10 }, true],
  ["as old as it may be", { acr: "mfa", authTime: 5 }, true],
  ["too old", { acr: "mfa", authTime: 4 }, false],
  ["of no time", { acr: "mfa" }, false],
  ["with a password only", { authTime: 10 }, false],
])("finds a login that is %s enough or not", (_what, login, met) => {
  expect(isMet({ mfa: true, maxAgeMs: 5_000 }, login, 10_000)).toBe(met);
});
