import { describe, expect, it } from "vitest";
import { measureCoverage } from "../../../src/policy/suite/coverage.ts";
import { renderJunit } from "../../../src/policy/suite/junit.ts";
import { describeReport, isPassed, renderText, type Tested } from "../../../src/policy/suite/report.ts";
import { countAnswers } from "../../../src/policy/suite/run.ts";
import { programOf } from "./sources.ts";
import { runOf } from "./suites.ts";

const policy = `version: 1
roles:
  r:
    allow: [{ id: read, server: weather, tools: [forecast] }]
    deny: [{ id: never, server: weather, tools: [drop] }]
bindings: [{ roles: [r], subjects: [ann] }]
`;
const suite = `version: 1
identities: { ann: { subject: ann }, eve: { subject: eve } }
requests: { read: { server: weather, tool: forecast }, drop: { server: weather, tool: drop } }
tests:
  - { name: ann reads, identities: [ann], requests: [read], expect: allow }
`;
const failing = `${suite}  - { name: "a <b> & \\"c\\" 'd'", identities: [eve], requests: [read], expect: allow }\n`;

function test(texts: readonly string[], minCoverage: number | null = null): Tested {
  const program = programOf(policy);
  const runs = texts.map((text, index) => ({ ...runOf(program, text), file: `${index}_test.yaml` }));
  return { runs, totals: countAnswers(runs), coverage: measureCoverage(program, runs), minCoverage };
}

describe("the text", () => {
  it("is short where all is well, and names the rules that were not tested", () => {
    const one = suite.replace(/, drop: .*? \} \}/, " }");
    expect(renderText(test([one]))).toBe(`ok    0_test.yaml  2 answers

coverage  1 of 2 rules decided an answer (50%)
never     never at policies/0.yaml:5

1 test, 2 answers, all as expected
`);
  });

  it("shows each failing test with its place", () => {
    expect(renderText(test([suite, failing], 100))).toBe(`ok    0_test.yaml  4 answers
FAIL  1_test.yaml  4 answers
  1_test.yaml:6: a <b> & "c" 'd'
    eve × read: expected allow, got deny: no rule allows it

coverage  2 of 2 rules decided an answer (100%)

3 tests, 8 answers, 1 not as expected
`);
  });

  it("counts rules in shadow apart", () => {
    const program = programOf(policy.replace("tools: [drop]", "tools: [drop], mode: shadow"));
    const runs = [{ ...runOf(program, suite), file: "0_test.yaml" }];
    const tested = { runs, totals: countAnswers(runs), coverage: measureCoverage(program, runs), minCoverage: 100 };
    expect(renderText(tested)).toContain(
      "coverage  1 of 1 rule decided an answer (100%)\nin shadow 1 rule, not counted\n",
    );
    expect(describeReport(tested)).toMatchObject({ coverage: { counted: 1, shadows: 1 } });
  });

  it("says that too few rules were tested", () => {
    const tested = test([suite.replace("tool: drop", "tool: other")], 51);
    expect(renderText(tested)).toContain("coverage  1 of 2 rules decided an answer (50%, expected at least 51%)\n");
    expect(isPassed(tested)).toBe(false);
    expect(isPassed({ ...tested, minCoverage: 50 })).toBe(true);
  });

  it("shows of a failing test what fails", () => {
    const both = suite.replace("identities: [ann]", "identities: [ann, eve]");
    expect(renderText(test([both]))).toContain(
      "FAIL  0_test.yaml  4 answers\n  0_test.yaml:5: ann reads\n    eve × read: expected allow, got deny: no rule allows it\n\n",
    );
  });

  it("lists rules that were not tested below each other", () => {
    const nothing = suite.replaceAll("server: weather", "server: news").replace("expect: allow", "expect: deny");
    expect(renderText(test([nothing]))).toContain(
      "decided an answer (0%)\nnever     read at policies/0.yaml:4\n          never at policies/0.yaml:5\n\n",
    );
  });

  it.each([
    [20, 0],
    [21, 1],
    [50, 30],
  ])("stays short where %i answers fail; the JSON has them all", (failed, more) => {
    const requests = Array.from(
      { length: failed },
      (_, index) => `  r${index}: { server: weather, tool: t${index} }\n`,
    );
    const names = requests.map((_, index) => `r${index}`).join(", ");
    const text = `version: 1\nidentities: { ann: { subject: ann } }\nrequests:\n${requests.join("")}tests:\n  - { name: a, identities: [ann], requests: [${names}], expect: allow }\n`;
    const tested = test([text]);
    expect(renderText(tested).match(/expected allow/g)).toHaveLength(20);
    expect(renderText(tested).match(/ … and .* more\n/g)).toEqual(more === 0 ? null : [` … and ${more} more\n`]);
    expect(JSON.stringify(describeReport(tested)).match(/expected allow/g)).toHaveLength(failed);
  });
});

describe("the JSON", () => {
  it("has every answer", () => {
    expect(describeReport(test([failing]))).toEqual({
      ok: false,
      totals: { tests: 2, answers: 4, failed: 1 },
      coverage: {
        percent: 100,
        required: null,
        counted: 2,
        covered: 2,
        shadows: 0,
        rules: [
          { rule: "read", policy: "policies/0.yaml:4", effect: "allow", shadow: false, answers: 1 },
          { rule: "never", policy: "policies/0.yaml:5", effect: "deny", shadow: false, answers: 1 },
        ],
      },
      suites: [
        {
          file: "0_test.yaml",
          tests: [
            {
              name: "ann reads",
              line: 5,
              expect: "allow",
              rule: null,
              answers: [
                {
                  ok: true,
                  identity: "ann",
                  request: "read",
                  got: "allow",
                  rule: "read",
                  policy: "policies/0.yaml:4",
                  failure: null,
                },
              ],
            },
            {
              name: "a <b> & \"c\" 'd'",
              line: 6,
              expect: "allow",
              rule: null,
              answers: [
                {
                  ok: false,
                  identity: "eve",
                  request: "read",
                  got: "deny",
                  rule: null,
                  policy: null,
                  failure: "expected allow, got deny: no rule allows it",
                },
              ],
            },
            {
              name: null,
              line: 2,
              expect: "deny",
              rule: null,
              answers: [
                {
                  ok: true,
                  identity: "ann",
                  request: "drop",
                  got: "deny",
                  rule: "never",
                  policy: "policies/0.yaml:5",
                  failure: null,
                },
              ],
            },
            {
              name: null,
              line: 2,
              expect: "deny",
              rule: null,
              answers: [
                { ok: true, identity: "eve", request: "drop", got: "deny", rule: null, policy: null, failure: null },
              ],
            },
          ],
        },
      ],
    });
  });
});

describe("the XML", () => {
  it("has a case for each answer", () => {
    expect(renderJunit(test([failing]).runs)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="sallyport policy test" tests="4" failures="1" errors="0" skipped="0">
  <testsuite name="0_test.yaml" tests="4" failures="1" errors="0" skipped="0">
    <testcase classname="0_test.yaml" name="ann reads: ann × read" file="0_test.yaml" line="5" time="0"/>
    <testcase classname="0_test.yaml" name="a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;: eve × read" file="0_test.yaml" line="6" time="0">
      <failure message="expected allow, got deny: no rule allows it">0_test.yaml:6: expected allow, got deny: no rule allows it</failure>
    </testcase>
    <testcase classname="0_test.yaml" name="what no test names is denied: ann × drop" file="0_test.yaml" line="2" time="0"/>
    <testcase classname="0_test.yaml" name="what no test names is denied: eve × drop" file="0_test.yaml" line="2" time="0"/>
  </testsuite>
</testsuites>
`);
  });

  it("holds nothing that XML has no place for, such as a file name may", () => {
    const [run] = test([suite]).runs;
    const file = "a\u0000\u001b\ufffe\ud800<\t\n\r😀.yaml";
    const xml = renderJunit(run === undefined ? [] : [{ ...run, file }]);
    expect(xml).toContain('<testsuite name="a\ufffd\ufffd\ufffd\ufffd&lt;&#9;&#10;&#13;😀.yaml" ');
    for (const character of ["\u0000", "\u001b", "\ufffe"]) expect(xml).not.toContain(character);
  });
});
