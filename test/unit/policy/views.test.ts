import { describe, expect, it } from "vitest";
import { type View, viewOf } from "../../../src/policy/evaluate.ts";
import { differs } from "../../../src/policy/sight.ts";
import { sightOf, subjectOf } from "../../fixtures/policy.ts";
import { programOf } from "./sources.ts";

/** The view of somebody for whom these rules hold on `weather`; `more` is the text of another policy file. */
function viewBy(rules: string, ...more: string[]): View {
  const text = `version: 1\nroles:\n  r:\n${rules}\nbindings:\n  - { roles: [r], groups: [g] }\n`;
  const subject = subjectOf({ issuer: "i", subject: "u", groups: ["g"] });
  return viewOf(programOf(text, ...more), subject, "weather");
}

const allow = (...rules: string[]) =>
  `    allow:\n${rules.map((rule) => `      - { server: weather, ${rule} }\n`).join("")}`;
const deny = (...rules: string[]) => allow(...rules).replace("allow", "deny");
const kinds = ["tool", "prompt", "resource"] as const;

describe("seesAny", () => {
  it.each<[string, string, string[]]>([
    ["a tool", allow("tools: [forecast]"), ["tool"]],
    ["tools by pattern", allow('tools: ["get-*"]'), ["tool"]],
    ["a prompt", allow("prompts: [daily]"), ["prompt"]],
    ["resources", allow('resources: ["weather://*"]'), ["resource"]],
    ["two kinds in two rules", allow("tools: [a]", "prompts: [b]"), ["tool", "prompt"]],
    ["what is denied as well, which nobody can tell in general", allow("tools: [a]") + deny("tools: [a]"), ["tool"]],
    ["nothing but denials", allow("prompts: [b]") + deny('tools: ["*"]'), ["prompt"]],
    ["another server's", allow("prompts: [b]").replace("weather", "news"), []],
  ])("of %s", (_case, rules, seen) => {
    const view = viewBy(rules);
    expect(kinds.filter((kind) => sightOf(view).seesAny(kind))).toEqual(seen);
  });
});

describe("seesAll", () => {
  const all = 'tools: ["*"], prompts: ["*"], resources: ["*"]';

  it.each<[string, string, string[]]>([
    ["everything", allow(all), ["tool", "prompt", "resource", "template"]],
    ["everything, among more", allow('tools: [a, "b*"]', all), ["tool", "prompt", "resource", "template"]],
    ["all tools", allow('tools: ["*"]'), ["tool"]],
    ["all resources, and so all templates", allow('resources: ["*"]'), ["resource", "template"]],
    ["almost everything", allow('tools: ["?*"], prompts: ["*-*"], resources: ["*:*"]'), []],
    ["one tool", allow("tools: [forecast]"), []],
    ["all but one tool", allow(all) + deny("tools: [drop]"), ["prompt", "resource", "template"]],
    ["all but some tools", allow(all) + deny('tools: ["drop-*"]'), ["prompt", "resource", "template"]],
    ["all but a resource", allow(all) + deny('resources: ["weather://secret"]'), ["tool", "prompt"]],
    [
      "all, and denials of another server",
      allow(all) + deny("tools: [x]").replace("weather", "news"),
      ["tool", "prompt", "resource", "template"],
    ],
    ["nothing", allow("tools: [x]").replace("weather", "news"), []],
    ["everything to some", allow(`${all}, when: jwt.tenant == "acme"`), []],
    ["everything from a day on", allow(`${all}, from: 2026-01-01`), []],
  ])("of %s", (_case, rules, seen) => {
    const view = viewBy(rules);
    expect(([...kinds, "template"] as const).filter((kind) => sightOf(view).seesAll(kind))).toEqual(seen);
  });
});

describe("differs", () => {
  const base = allow("tools: [a, b]", 'prompts: ["x-*", y]') + deny("tools: [c]");

  it.each<[string, string, string[]]>([
    ["nothing", base, []],
    ["the order of patterns", allow("tools: [b, a]", 'prompts: [y, "x-*"]') + deny("tools: [c]"), []],
    ["the order of rules", allow('prompts: ["x-*", y]', "tools: [a, b]") + deny("tools: [c]"), []],
    ["which rule says it", allow("tools: [a]", "tools: [b, a]", 'prompts: ["x-*", y]') + deny("tools: [c]"), []],
    ["the name of a rule", base.replace("server: weather,", "id: named, server: weather,"), []],
    ["how often it may be used", base.replace("[a, b]", "[a, b], limit: { requests: 3 }"), []],
    [
      "what must be proved, which shows it all the same",
      base.replace("[a, b]", "[a, b], require: { scopes: [s] }"),
      [],
    ],
    ["to whom it is given", base.replace("[a, b]", '[a, b], when: jwt.tenant == "acme"'), ["tool"]],
    ["since when", base.replace("[a, b]", "[a, b], from: 2026-01-01"), ["tool"]],
    ["at which hours", base.replace("[a, b]", "[a, b], hours: { timeZone: UTC, from: '08:00' }"), ["tool"]],
    ["one tool more", base.replace("[a, b]", "[a, b, d]"), ["tool"]],
    ["one tool less", base.replace("[a, b]", "[a]"), ["tool"]],
    ["a denial", base.replace("tools: [c]", "tools: [d]"), ["tool"]],
    ["that it is denied", allow("tools: [a, b, c]", 'prompts: ["x-*", y]'), ["tool"]],
    [
      "what is denied now and was allowed",
      allow("tools: [c]", 'prompts: ["x-*", y]') + deny("tools: [a, b]"),
      ["tool"],
    ],
    ["a pattern", base.replace("x-*", "x-?"), ["prompt"]],
    ["a first resource", base.replace("tools: [a, b]", 'tools: [a, b], resources: ["weather://*"]'), ["resource"]],
    ["everything", allow("tools: [z]").replace("weather", "news"), ["tool", "prompt"]],
  ])("where this has changed: %s", (_case, rules, changed) => {
    const [before, after] = [viewBy(base), viewBy(rules)];
    expect(kinds.filter((kind) => differs(before, after, kind))).toEqual(changed);
    expect(kinds.filter((kind) => differs(after, before, kind))).toEqual(changed);
  });

  it.each<[string, string, string]>([
    ["conditions", 'when: jwt.tenant == "acme"', 'when: jwt.tenant == "other"'],
    ["first moments", "from: 2026-01-01", "from: 2026-01-02"],
    ["last moments", "until: 2027-01-01", "until: 2027-01-02"],
    ["hours", "hours: { timeZone: UTC, from: '08:00' }", "hours: { timeZone: UTC, from: '09:00' }"],
  ])("where rules have other %s", (_case, one, other) => {
    const [before, after] = [viewBy(allow(`tools: [a], ${one}`)), viewBy(allow(`tools: [a], ${other}`))];
    expect(kinds.filter((kind) => differs(before, after, kind))).toEqual(["tool"]);
    expect(kinds.filter((kind) => differs(before, viewBy(allow(`tools: [a], ${one}`)), kind))).toEqual([]);
  });

  it("never from itself", () => {
    const view = viewBy(base);
    expect(kinds.filter((kind) => differs(view, view, kind))).toEqual([]);
  });

  it.each([
    ["two patterns from one that joins them", "tools: [a, b]", 'tools: ["a,b"]'],
    ["a pattern with quotes", "tools: [a, b]", `tools: ['a","b']`],
  ])("%s", (_case, one, other) => {
    expect(differs(viewBy(allow(one)), viewBy(allow(other)), "tool")).toBe(true);
  });
});
