import { expect, it } from "vitest";
import { findDemands, isMet, joinDemands } from "../../../src/authorization/demands.ts";
import type { Requirement } from "../../../src/policy/require.ts";

const mfa: Requirement = { scopes: ["pay"], acr: ["phr", "mfa"] };

const plain = { mfa: false, maxAgeMs: null };

it.each<[string, Requirement[], unknown]>([
  ["no scope", [{ acr: ["mfa"] }, {}], {}],
  ["a scope", [{ scopes: ["pay"] }], { pay: { mfa: false, maxAgeMs: null } }],
  ["a scope and a second factor", [mfa], { pay: { mfa: true, maxAgeMs: null } }],
  ["another sort of login", [{ scopes: ["pay"], acr: ["phr"] }], { pay: { mfa: false, maxAgeMs: null } }],
  ["a second factor in one rule only", [mfa, { scopes: ["pay"] }], { pay: { mfa: false, maxAgeMs: null } }],
  ["a key in hardware", [{ scopes: ["pay"], amr: ["user", "hwk"] }], { pay: { ...plain, hardware: true } }],
  ["another method", [{ scopes: ["pay"], amr: ["otp"] }], { pay: plain }],
  ["a key in hardware in one rule only", [{ scopes: ["pay"], amr: ["hwk"] }, mfa], { pay: plain }],
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
  expect(joinDemands([])).toEqual(plain);
  expect(joinDemands([plain, { ...plain, hardware: true }])).toEqual({ ...plain, hardware: true });
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

it.each([
  ["one that stays in hardware", ["hwk", "user", "mfa"], true],
  ["one that can be copied", ["swk", "user", "mfa"], false],
  ["none", ["pwd", "otp", "mfa"], false],
])("finds a login with a key, %s, good enough or not", (_what, amr, met) => {
  expect(isMet({ ...plain, hardware: true }, { acr: "mfa", amr }, 10_000)).toBe(met);
  expect(isMet({ ...plain, hardware: true }, { acr: "mfa" }, 10_000)).toBe(false);
});
