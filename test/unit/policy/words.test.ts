import { describe, expect, it } from "vitest";
import type { Target } from "../../../src/mcp/methods.ts";
import type { Blocker, ConditionFinding, Miss } from "../../../src/policy/explain/findings.ts";
import {
  adviseBlocker,
  adviseMiss,
  describeBlocker,
  describeMisses,
  describeMissing,
  describeTarget,
  listAlternatives,
  oneLine,
} from "../../../src/policy/explain/words.ts";
import type { Missing } from "../../../src/policy/require.ts";
import type { Rule } from "../../../src/policy/schema.ts";

const period = { fromMs: Date.parse("2026-05-01T00:00:00Z"), untilMs: Date.parse("2026-06-01T00:00:00Z") };
const nothing: Missing = { scopes: [], acr: [], amr: [], maxAge: null, certificate: false, proof: false };
const rule: Rule = {
  server: "weather",
  tools: ["x"],
  mode: "enforce",
  hours: { timeZone: "Europe/Oslo", days: ["mon", "tue"], to: "12:00" },
  require: {
    scopes: ["a", "b"],
    acr: ["mfa", "otp"],
    amr: ["pwd", "hwk"],
    maxAge: 90_500,
    certificate: true,
    proof: true,
  },
};

describe("a target", () => {
  it.each<[string, Target]>([
    ["the server itself", { kind: "server" }],
    ["tool forecast", { kind: "tool", name: "forecast" }],
    ["template w://{x}", { kind: "template", name: "w://{x}" }],
  ])("%s", (said, target) => {
    expect(describeTarget(target)).toBe(said);
  });
});

describe("alternatives", () => {
  it.each<[string, readonly unknown[]]>([
    ["", []],
    ["1", [1]],
    ["a or true", ["a", true]],
    ["a, b or c", ["a", "b", "c"]],
    ["1, 2, 3, 4, 5, 6, 7 or 8", [1, 2, 3, 4, 5, 6, 7, 8]],
    ["1, 2, 3, 4, 5, 6, 7, 8 or 2 more", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  ])("%s", (said, values) => {
    expect(listAlternatives(values)).toBe(said);
  });
});

describe("what a binding misses", () => {
  it.each<[Miss["selector"], string | null, string, string]>([
    ["groups", null, "not group a or b", "be in group a or b"],
    ["subjects", null, "not subject a or b", "be subject a or b"],
    ["issuers", null, "not issuer a or b", "come by issuer a or b"],
    ["clients", null, "not client a or b", "come by client a or b"],
    ["apiKeys", null, "not API key a or b", "come by API key a or b"],
    ["certificates", null, "not certificate a or b", "come by certificate a or b"],
    ["claims", "tenant", "not claim tenant = a or b", "have claim tenant = a or b"],
  ])("%s", (selector, claim, missed, advised) => {
    const miss = { selector, claim, wants: ["a", "b"] };
    expect(describeMisses([miss])).toBe(missed);
    expect(describeMisses([miss, miss])).toBe(`${missed}; ${missed}`);
    expect(adviseMiss(miss)).toBe(advised);
  });
});

describe("what is not proved", () => {
  it.each<[string, Partial<Missing>]>([
    ["", {}],
    ["scope a and b", { scopes: ["a", "b"] }],
    ["acr a or b", { acr: ["a", "b"] }],
    ["amr a and b", { amr: ["a", "b"] }],
    ["a login at most 0 s ago", { maxAge: 0 }],
    ["a client certificate", { certificate: true }],
    ["a token bound to a key or certificate", { proof: true }],
    ["scope a; a client certificate", { scopes: ["a"], certificate: true }],
  ])("%s", (said, missing) => {
    expect(describeMissing({ ...nothing, ...missing })).toBe(said);
  });
});

describe("what keeps a rule from its effect", () => {
  const leaf = (text: string, outcome: ConditionFinding["outcome"]): ConditionFinding => ({
    text,
    outcome,
    joint: null,
    parts: [],
    reads: [],
  });
  const condition = (outcome: ConditionFinding["outcome"]): Blocker => ({
    kind: "condition",
    finding: leaf("a ==\n  1", outcome),
  });
  const required =
    "scope a and b; acr mfa or otp; amr pwd and hwk; a login at most 90 s ago; a client certificate; a token bound to a key or certificate";

  it.each<[Blocker, string, string]>([
    [{ kind: "pattern" }, "no pattern of it fits", "have its patterns changed"],
    [
      { kind: "early", period, ofBinding: false },
      "its period begins only at 2026-05-01T00:00:00.000Z",
      "wait until 2026-05-01T00:00:00.000Z",
    ],
    [
      { kind: "early", period, ofBinding: true },
      "the binding's period begins only at 2026-05-01T00:00:00.000Z",
      "wait until 2026-05-01T00:00:00.000Z",
    ],
    [
      { kind: "over", period, ofBinding: false },
      "its period was over at 2026-06-01T00:00:00.000Z",
      "have its period prolonged, which was over at 2026-06-01T00:00:00.000Z",
    ],
    [
      { kind: "over", period, ofBinding: true },
      "the binding's period was over at 2026-06-01T00:00:00.000Z",
      "have the binding's period prolonged, which was over at 2026-06-01T00:00:00.000Z",
    ],
    [
      { kind: "hours" },
      "outside its hours: mon, tue 00:00-12:00 Europe/Oslo",
      "ask within mon, tue 00:00-12:00 Europe/Oslo",
    ],
    [{ kind: "time" }, "it holds at times only, and no time is said", "say when it is asked"],
    [condition("false"), "its condition is false", "meet the condition a == 1"],
    [condition("error"), "its condition fails", "meet the condition a == 1"],
    [condition("unknown"), "its condition rests on what is not known", "meet the condition a == 1"],
    [{ kind: "proof", missing: { ...nothing, amr: ["hwk"] } }, "not proved: amr hwk", "prove amr hwk"],
    [
      { kind: "proof", missing: "unknown" },
      `it requires ${required}, and what was proved is not known`,
      `prove ${required}`,
    ],
  ])("%j", (blocker, described, advised) => {
    expect(describeBlocker(blocker, rule)).toBe(described);
    expect(adviseBlocker(blocker, rule)).toBe(advised);
  });

  const [yes, no, open] = [leaf("yes", "true"), leaf("no", "false"), leaf("open", "unknown")];
  const join = (joint: "&&" | "||", outcome: ConditionFinding["outcome"], ...parts: ConditionFinding[]) => ({
    ...leaf(parts.map(({ text }) => text).join(` ${joint} `), outcome),
    joint,
    parts,
  });

  it.each<[string, ConditionFinding]>([
    ["no", join("&&", "false", yes, no)],
    ["no && open", join("&&", "false", no, yes, open)],
    ["no || open", join("||", "unknown", no, open)],
    ["(no || open) && no", join("&&", "false", yes, join("||", "unknown", no, open), no)],
    ["no || open", join("&&", "false", yes, join("||", "unknown", no, open))],
    ["yes && yes", join("&&", "unknown", yes, yes)],
  ])("asks of a condition what is not met: %s", (wanted, finding) => {
    expect(adviseBlocker({ kind: "condition", finding }, rule)).toBe(`meet the condition ${wanted}`);
  });
});

describe("a text of several lines", () => {
  it("stands in one", () => {
    expect(oneLine("  a\n\t b  c\n")).toBe("a b c");
  });
});
