import { describe, expect, it } from "vitest";
import { isFree, isWeaker, type Terms, termsKey, termsOf } from "../../../src/policy/compare/terms.ts";
import { programOf } from "./sources.ts";

/** Of a rule with these words besides its server. */
function terms(words: string, things = "tools: [x]"): Terms {
  const { rules } = programOf(
    `version: 1\nroles: { r: { allow: [{ server: weather, ${things}${words === "" ? "" : `, ${words}`} }] } }\nbindings: [{ roles: [r], groups: [a] }]\n`,
  );
  const [rule] = rules;
  if (rule === undefined) throw new Error("there is no rule");
  return termsOf(rule);
}

const hours = (more: string) => `hours: { timeZone: UTC${more} }`;
const limit = (requests: number) => `limit: { requests: ${requests}, window: 1h }`;

describe("terms in words", () => {
  it.each<[string, string]>([
    ["", "always"],
    ['when: "jwt.a\\n  == 1"', "when jwt.a == 1"],
    ["from: 2026-01-01", "from 2026-01-01T00:00:00.000Z"],
    ["until: 2026-01-01", "until 2026-01-01T00:00:00.000Z"],
    [hours(""), "at every day 00:00-24:00 UTC"],
    ["require: { scopes: [b, a, b], maxAge: 1500ms }", "with scope a and b; a login at most 1 s ago"],
    ["require: { amr: [b, a], acr: [d, c], certificate: true }", "with acr c or d; amr a and b; a client certificate"],
    [limit(5), "at most 5 in 3600 s"],
    [`from: 2026-01-01, ${limit(5)}`, "from 2026-01-01T00:00:00.000Z, at most 5 in 3600 s"],
  ])("%s", (words, text) => {
    const given = terms(words);
    expect(given.text).toBe(text);
    expect(isFree(given)).toBe(words === "");
  });
});

describe("terms that mean the same", () => {
  it.each<[string, string]>([
    ["", ""],
    ["when: 'jwt.a == 1'", "when: '(jwt.a==1)'"],
    [hours(""), hours(", days: [sun, sat, fri, thu, wed, tue, mon], from: '00:00', to: '24:00'")],
    [
      "require: { scopes: [a, b], amr: [c, d], acr: [e, f] }",
      "require: { scopes: [b, a, a], amr: [d, c], acr: [f, e] }",
    ],
    ["until: 2026-01-01", "until: '2026-01-01T01:00:00+01:00'"],
  ])("%s is as %s", (one, other) => {
    expect(termsKey(terms(one))).toBe(termsKey(terms(other)));
    expect(isWeaker(terms(one), terms(other))).toBe(true);
    expect(isWeaker(terms(other), terms(one))).toBe(true);
  });

  it("share their limit with the same things, in whatever order they stand", () => {
    const one = terms(limit(5), "tools: [x, y], prompts: [p, q], resources: ['w://a', 'w://b']");
    expect(termsKey(terms(limit(5), "tools: [y, x], prompts: [q, p], resources: ['w://b', 'w://a']"))).toBe(
      termsKey(one),
    );
  });
});

describe("terms of which the first lets through more", () => {
  it.each<[string, string]>([
    ["", "when: jwt.a == 1"],
    ["", hours("")],
    ["", "require: { certificate: true }"],
    ["", "require: { proof: true }"],
    ["", limit(5)],
    ["", "from: 2026-01-01"],
    ["", "until: 2026-01-01"],
    ["from: 2026-01-01", "from: 2026-01-02"],
    ["until: 2026-01-02", "until: 2026-01-01"],
    ["when: jwt.a == 1", "when: jwt.a == 1, until: 2026-01-01"],
  ])("%s and %s", (weak, strong) => {
    expect(isWeaker(terms(weak), terms(strong))).toBe(true);
    expect(isWeaker(terms(strong), terms(weak))).toBe(false);
    expect(termsKey(terms(weak))).not.toBe(termsKey(terms(strong)));
  });
});

describe("terms that cannot be compared", () => {
  it.each<[string, string]>([
    ["when: jwt.a == 1", "when: jwt.a == 2"],
    [hours(", from: '08:00'"), hours(", from: '09:00'")],
    [hours(", to: '08:00'"), hours(", to: '09:00'")],
    [hours(", days: [mon]"), hours(", days: [tue]")],
    ["require: { scopes: [a] }", "require: { scopes: [b] }"],
    ["require: { acr: [a] }", "require: { acr: [b] }"],
    ["require: { amr: [a] }", "require: { amr: [b] }"],
    ["require: { maxAge: 1000ms }", "require: { maxAge: 1001ms }"],
    ["require: { scopes: [a] }", "require: { scopes: [a], certificate: true }"],
    ["require: { certificate: true }", "require: { proof: true }"],
    [limit(5), limit(6)],
    ["from: 2026-01-01, until: 2027-01-01", "from: 2026-01-02, until: 2027-01-02"],
  ])("%s and %s", (one, other) => {
    expect(termsKey(terms(one))).not.toBe(termsKey(terms(other)));
    expect(isWeaker(terms(one), terms(other))).toBe(false);
    expect(isWeaker(terms(other), terms(one))).toBe(false);
  });

  it.each(["tools: [x, y]", "prompts: [p]", "resources: ['w://a']"])("a limit that is shared with %s", (things) => {
    expect(termsKey(terms(limit(5)))).not.toBe(termsKey(terms(limit(5), things)));
  });
});
