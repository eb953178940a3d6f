import { describe, expect, it } from "vitest";
import { readSuites } from "../../../src/policy/suite/suite.ts";
import { problemsOf } from "./suites.ts";

const head = `version: 1
identities: { ann: { subject: ann }, bob: { subject: bob, issuer: corp } }
requests: { read: { server: weather, tool: forecast }, drop: { server: news, tool: drop } }
`;
const tests = (...lines: string[]) => `${head}tests:\n${lines.map((line) => `  - { ${line} }\n`).join("")}`;
const readByAnn = "name: a, identities: [ann], requests: [read], expect: allow";

describe("what is wrong with a suite", () => {
  it.each<[string, string, string[]]>([
    ["nothing", tests(readByAnn), []],
    ["no tests: everything is denied", head, []],
    ["an unknown key", `${head}test: []\n`, ['4:1 test: unknown key (did you mean "tests"?)']],
    [
      "an expectation that is none",
      tests("name: a, identities: [ann], requests: [read], expect: allowed"),
      ['5:61 tests[0].expect: expected "allow", "deny" or "challenge"'],
    ],
    [
      "a moment that is none, and an address that nobody has",
      `${head}at: 2026-02-30\nip: 10.0.0.0/8\n`,
      [
        "4:5 at: expected a moment such as 2026-12-31T18:00:00Z, or a date",
        "5:5 ip: expected an IP address such as 10.0.0.7 or ::1",
      ],
    ],
    ["a name instead of an address", `${head}ip: here\n`, ["4:5 ip: expected an IP address such as 10.0.0.7 or ::1"]],
    [
      "a name that is too long",
      `version: 1\nidentities: { ${"a".repeat(201)}: { subject: a } }\nrequests: { ${"a".repeat(200)}: { server: w } }\n`,
      [`2:15 identities.${"a".repeat(201)}: expected at most 200 characters`],
    ],
    ["a list", "- a\n", ["1:1 : expected a mapping, not a list"]],
    [
      "nobody and nothing",
      "version: 1\nidentities: {}\nrequests: {}\n",
      ["2:1 identities: expected at least one identity", "3:1 requests: expected at least one request"],
    ],
    [
      "a request for two things",
      "version: 1\nidentities: { a: { subject: a } }\nrequests: { x: { server: weather, tool: a, prompt: b } }\n",
      ["3:13 requests.x: expected at most one of tool, prompt, resource and template"],
    ],
    [
      "names that are not there",
      tests("name: a, identities: [an], requests: [read, dorp], expect: deny"),
      [
        "5:29 tests[0].identities[0]: no such name in identities of this suite",
        '5:51 tests[0].requests[1]: no such name in requests of this suite (did you mean "drop"?)',
      ],
    ],
    [
      "a name that cannot be seen",
      `version: 1\nidentities: { "a\\u202eb": { subject: a } }\nrequests: { x: { server: weather } }\n`,
      ['2:15 identities["a\u202eb"]: expected text without characters that do not show'],
    ],
    ["a policy", "version: 1\nroles: {}\n", ["1:1 : this is a policy, not a suite (name it with -p to run its suite)"]],
    [
      "a version that is missing, and a name that is not there",
      tests("name: a, identities: [ann], requests: [dorp], expect: deny").replace("version: 1\n", ""),
      [
        "1:1 version: missing; expected 1",
        '4:46 tests[0].requests[0]: no such name in requests of this suite (did you mean "drop"?)',
      ],
    ],
    [
      "broken YAML",
      "version: 1\nidentities: [\n",
      ["3:1 : flow sequence in block collection must be sufficiently indented and end with a ]"],
    ],
  ])("%s", (_case, text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
  });

  it("is said of the parts that could be read as well", () => {
    const text = `version: 1
identities: { ann: { subjekt: ann } }
requests: { read: { server: wether, tool: forecast } }
tests:
  - { name: a, identities: [ann, bob], requests: [read], expect: deny, rule: raed }
`;
    expect(problemsOf(text, { servers: ["weather"], rules: new Set(["read"]) })).toEqual([
      "2:15 identities.ann.subject: missing; expected text",
      '2:22 identities.ann.subjekt: unknown key (did you mean "subject"?)',
      '3:29 requests.read.server: no such server in the configuration (did you mean "weather"?)',
      "5:34 tests[0].identities[1]: no such name in identities of this suite",
      '5:78 tests[0].rule: no rule of the policy has this id or place (did you mean "read"?)',
    ]);
  });

  it("is nothing about parts that are not there, besides that they are not", () => {
    const context = { servers: ["weather"], issuers: ["corp"] };
    expect(problemsOf("version: 1\nidentities: { a: { subject: a, issuer: corp } }\n", context)).toEqual([
      "1:1 requests: missing; expected a mapping",
    ]);
    expect(problemsOf("version: 1\nrequests: { a: { server: weather } }\n", context)).toEqual([
      "1:1 identities: missing; expected a mapping",
    ]);
    const unknownRule = "tests: [{ name: a, identities: [a], requests: [b], expect: deny, rule: r }]\n";
    for (const [missing, there] of [
      ["requests", "identities: { a: { subject: a, issuer: corp } }"],
      ["identities", "requests: { b: { server: weather } }"],
    ]) {
      expect(problemsOf(`version: 1\n${there}\n${unknownRule}`, context)).toEqual([
        `1:1 ${missing}: missing; expected a mapping`,
        expect.stringContaining("no such name in"),
        "3:72 tests[0].rule: no rule of the policy has this id or place",
      ]);
    }
  });

  it("is what the configuration does not know, where there is one", () => {
    const text = tests(readByAnn);
    expect(problemsOf(text, { servers: ["weather", "new"], issuers: ["crop"] })).toEqual([
      "2:15 identities.ann.issuer: no such issuer in the configuration",
      '2:67 identities.bob.issuer: no such issuer in the configuration (did you mean "crop"?)',
      '3:72 requests.drop.server: no such server in the configuration (did you mean "new"?)',
    ]);
    expect(problemsOf(text, { servers: ["weather", "news"], issuers: ["builtin", "corp"] })).toEqual([]);
  });
});

describe("tests that cannot both pass", () => {
  const context = { rules: new Set(["r", "s"]) };
  const denied = "name: b, identities: [bob, ann], requests: [drop, read], expect: deny";
  const problem =
    "6:5 tests[1]: the test at line 5 expects something else of ann × read (give one of them another at or ip, or take one away)";

  it.each<[string, string[], string[]]>([
    ["allow and deny", [readByAnn, denied], [problem]],
    ["another rule", [`${readByAnn}, rule: r`, `${readByAnn}, rule: s`], [problem]],
    ["the same twice", [readByAnn, readByAnn], []],
    ["a rule, and any", [`${readByAnn}, rule: r`, readByAnn], []],
    ["any, and a rule", [readByAnn, `${readByAnn}, rule: r`], []],
    ["another time", [`${readByAnn}, at: 2026-01-01`, denied], []],
    [
      "the same time, written otherwise",
      [`${readByAnn}, at: 2026-01-01`, `${denied}, at: "2026-01-01T01:00:00+01:00"`],
      [problem],
    ],
    ["another address", [`${readByAnn}, ip: 10.0.0.1`, `${denied}, ip: 10.0.0.2`], []],
  ])("%s", (_case, lines, problems) => {
    expect(problemsOf(tests(...lines), context)).toEqual(problems);
  });

  it("are found where one says what the suite says for the other", () => {
    const at = "at: 2026-01-01\n";
    expect(problemsOf(`${tests(`${readByAnn}, at: 2026-01-01`, denied)}${at}`)).toEqual([problem]);
  });
});

describe("several suites", () => {
  it("are read each by itself, under the names that they are shown by, and shown where they are broken", () => {
    const texts = ["identities: ann: bob\n", `${head}tets: []\n`, head];
    const { sources, problems } = readSuites(
      texts.map((text, at) => ({ file: `/policies/${3 - at}_test.yaml`, shownAs: `${3 - at}_test.yaml`, text })),
    );
    expect(problems.map(({ excerpt }) => excerpt?.text)).toEqual(["identities: ann: bob", "tets: []"]);
    expect(problems.map(({ file, message }) => `${file}: ${message}`)).toEqual([
      "3_test.yaml: nested mappings are not allowed in compact mappings",
      "2_test.yaml: unknown key",
    ]);
    expect(sources.map(({ file, lineOf }) => [file, lineOf(["requests"])])).toEqual([
      ["2_test.yaml", 3],
      ["1_test.yaml", 3],
    ]);
  });
});

describe("a name that is nearly one of very many", () => {
  it.each([
    [1_000, ' (did you mean "---n1"?)'],
    [1_001, ""],
  ])("is compared with each of %i or with none", (count, hint) => {
    const rules = new Set(Array.from({ length: count }, (_, index) => `n${index}`.padStart(5, "-")));
    expect(problemsOf(tests(`${readByAnn}, rule: ---nn1`), { rules })).toEqual([
      `5:74 tests[0].rule: no rule of the policy has this id or place${hint}`,
    ]);
  });
});

describe("a suite that would take hours", () => {
  const matrix = (width: number, height: number, tests = "[]") => {
    const entries = (count: number, entry: string) =>
      Array.from({ length: count }, (_, index) => `  n${index}: ${entry}\n`).join("");
    return `version: 1\nidentities:\n${entries(width, "{ subject: a }")}requests:\n${entries(height, "{ server: weather }")}tests: ${tests}\n`;
  };

  it.each<[number, number, string, string[]]>([
    [250, 400, "[]", []],
    [400, 400, "[]", ["1:1 : this suite asks for 160000 answers; expected at most 100000"]],
    [
      250,
      400,
      "[{ name: a, identities: [n0, n1], requests: [n0, n1], expect: deny }]",
      ["1:1 : this suite asks for 100004 answers; expected at most 100000"],
    ],
  ])("is refused at once: %i × %i and %s", (width, height, tests, problems) => {
    expect(problemsOf(matrix(width, height, tests))).toEqual(problems);
  });
});
