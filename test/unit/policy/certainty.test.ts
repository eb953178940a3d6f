import { describe, expect, it } from "vitest";
import { judge, viewOf } from "../../../src/policy/evaluate.ts";
import { factBits } from "../../../src/policy/facts.ts";
import { plainly, subjectOf } from "../../fixtures/policy.ts";
import { programOf } from "./sources.ts";

const rules = (allow: string, deny: string) => `version: 1
roles:
  r:
    allow: [{ server: weather, tools: [refund], require: { scopes: [money] }${allow} }]
    deny: [{ server: weather, tools: [other]${deny} }]
bindings: [{ roles: [r], subjects: [alice] }]
`;
const past = ", until: 2026-01-01";
const whenFromHome = `, when: 'peer.ip == "10.0.0.1"'`;

describe("a challenge", () => {
  it.each([
    ["is certain where everything is known", "", "", 0, true],
    ["is certain where nothing rests on what is not known", "", "", factBits.now | factBits.ip, true],
    ["may be no answer at all where the rule's condition is not known", whenFromHome, "", factBits.ip, false],
    ["may be a denial where a deny is not known", "", past, factBits.now, false],
  ])("%s", (_case, allow, deny, unknown, certain) => {
    const text = rules(allow, deny).replace(deny === "" ? "nothing" : "[other]", "[refund]");
    const view = viewOf(programOf(text), subjectOf({ subject: "alice" }), "weather");
    expect(judge(view, { kind: "tool", name: "refund" }, { ...plainly, ip: "10.0.0.1", unknown })).toMatchObject({
      effect: "challenge",
      certain,
    });
  });

  it.each([
    ["scopes: [money]", "challenge", true],
    ["maxAge: 5m", "allow", false],
  ])("rests on the time only where it is about the age of a login: %s", (require, effect, certain) => {
    const text = rules("", "").replace("scopes: [money]", require);
    const view = viewOf(programOf(text), subjectOf({ subject: "alice" }), "weather");
    const timeless = { ...plainly, unknown: factBits.now };
    expect(judge(view, { kind: "tool", name: "refund" }, timeless)).toMatchObject({ effect, certain });
  });
});
