import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/config/diagnose.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { judge, viewOf } from "../../../src/policy/evaluate.ts";
import { plainly, subjectOf } from "../../fixtures/policy.ts";
import { configWith, writeTree } from "../config/fixture.ts";

async function load(policy: string) {
  const directory = await writeTree({ "sallyport.yaml": configWith(), "policies/a.yaml": policy });
  return loadConfig(join(directory, "sallyport.yaml"), {});
}

/** Every problem; that there is one means that there is no policy at all. */
async function faultsOf(policy: string) {
  const error = await load(policy).then(
    () => new Error("it was loaded"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ConfigError)) throw error;
  for (const { file } of error.problems) expect(file).toMatch(/policies\/a\.yaml$/);
  return error.problems;
}

/** `line:column message` of every problem. */
async function problemsOf(policy: string): Promise<string[]> {
  return (await faultsOf(policy)).map(({ line, column, message }) => `${line}:${column} ${message}`);
}

/** A policy with this in its only rule, on line 4. */
const rule = (member: string) => `version: 1
roles:
  r:
    allow: [{ server: weather, ${member} }]
bindings: [{ roles: [r], groups: [g] }]
`;
const when = (text: string) => rule(`tools: [a], when: ${JSON.stringify(text)}`);
/** The same rule so many times, each on a line of its own. */
const several = (count: number, member: string) =>
  rule(member).replace(/\{ server.*\}/, (one) => new Array(count).fill(one).join(",\n           "));
const sound = rule("tools: [a]");
const anchors = Array.from(
  { length: 12 },
  (_, level) => `  - &l${level} [${level === 0 ? "x" : new Array(10).fill(`*l${level - 1}`).join(", ")}]`,
);

/** Each role inherits from the next, and the last from the first. */
const circle = (length: number) =>
  JSON.stringify({
    version: 1,
    roles: Object.fromEntries(
      Array.from({ length }, (_, index) => [`r${index}`, { inherits: [`r${(index + 1) % length}`] }]),
    ),
  });

/** As many roles of one rule each, all inherited by the first, which as many people have for a time. */
const bindings = (count: number) =>
  `version: 1
roles:
${Array.from({ length: count }, (_, index) => `  r${index}:\n    { inherits: [${index === count - 1 ? "" : `r${index + 1}`}], allow: [{ server: "*", tools: [a] }] }\n`).join("")}bindings:
${Array.from({ length: count }, (_, index) => `  - { subjects: [s${index}], roles: [r0], until: 2030-01-01 }\n`).join("")}`;

describe("bad input", () => {
  it.each<[string, string, string[]]>([
    ["nothing", "", ["1:1 expected a mapping, not nothing"]],
    ["a comment", "# nothing\n", ["1:1 expected a mapping, not nothing"]],
    ["a list", "- version: 1\n", ["1:1 expected a mapping, not a list"]],
    ["text", "version\n", ["1:1 expected a mapping, not text"]],
    ["no version", "roles: {}\n", ["1:1 missing; expected 1"]],
    ["another version", "version: 2\n", ["1:10 expected 1"]],
    ["a version as text", "version: '1'\n", ["1:10 expected 1"]],
    ["an alias bomb", `version: 1\nbombs:\n${anchors.join("\n")}\n`, ["3:9 the aliases expand to too much"]],
    ["an alias of itself", "version: 1\nroles: &r { a: *r }\n", ["2:11 nested too deeply"]],
    ["an alias of nothing", "version: 1\nroles: *gone\n", ["2:8 there is no anchor of this name before"]],
    ["a merge key", `${sound}<<: { version: 2 }\n`, ["6:1 unknown key"]],
    ["a tag", "version: !!int 1\n", ["1:16 tags and directives are not used here"]],
    ["a directive", "%YAML 1.1\n---\nversion: 1\n", ["1:1 tags and directives are not used here"]],
    ["several documents", `${sound}---\nversion: 1\n`, ["6:1 expected one YAML document, found several"]],
    ["a tab", "version: 1\nroles:\n\tr: {}\n", ["3:1 tabs are not allowed as indentation"]],
    ["a key twice", `version: 1\nroles: { r: { deny: [] } }\nroles: {}\n`, ["3:1 map keys must be unique"]],
    [
      "a role twice",
      "version: 1\nroles:\n  r: { deny: [{ server: weather, tools: [a] }] }\n  r: {}\n",
      ["4:3 map keys must be unique"],
    ],
    ["the prototype", "version: 1\n__proto__: { roles: {} }\n", ["2:1 this key is not allowed"]],
    [
      "a number as key",
      "version: 1\nroles: { 1: {} }\n",
      ["2:10 a key must be text; put numbers and words like null in quotes"],
    ],
    ["an unknown key", `${sound}binding: []\n`, ["6:1 unknown key"]],
    ["an unknown key of a rule", rule("tools: [a], wen: x"), ["4:44 unknown key"]],
    [
      "a misspelled deny",
      "version: 1\nroles: { r: { Deny: [{ server: weather, tools: [a] }] } }\n",
      ["2:15 unknown key"],
    ],
    ["text for a list", rule("tools: a"), ["4:39 expected a list, not text"]],
    ["a number among names", rule("tools: [1]"), ["4:40 expected text, not a number"]],
    ["null for rules", "version: 1\nroles: { r: { deny: null } }\n", ["2:21 expected a list, not nothing"]],
    ["nothing for rules", "version: 1\nroles: { r: { deny: } }\n", ["2:21 expected a list, not nothing"]],
    ["a rule about nothing", rule("id: x"), ["4:13 expected at least one of tools, prompts and resources"]],
    ["an empty list", rule("tools: []"), ["4:32 must not be empty"]],
    [
      "a requirement of a deny",
      "version: 1\nroles: { r: { deny: [{ server: weather, tools: [a], require: { scopes: [s] } }] } }\n",
      ["2:53 unknown key"],
    ],
    [
      "a binding of nobody",
      "version: 1\nroles: { r: {} }\nbindings: [{ roles: [r] }]\n",
      ["3:12 expected at least one of groups, subjects, issuers, clients, apiKeys, certificates and claims"],
    ],
    [
      "a role that is not there",
      "version: 1\nroles: { reader: { inherits: [raeder] } }\n",
      ['2:31 no role is called "raeder"'],
    ],
    [
      "roles that inherit from themselves",
      "version: 1\nroles: { r: { inherits: [r] } }\n",
      ["2:15 roles inherit in a circle: r -> r"],
    ],
    [
      "roles that inherit in a circle",
      "version: 1\nroles:\n  a: { inherits: [b] }\n  b: { inherits: [c] }\n  c: { inherits: [a] }\n",
      ["3:8 roles inherit in a circle: a -> b -> c -> a"],
    ],
    [
      "a server that is not there",
      rule("tools: [a]").replace("weather", "wether"),
      ["4:23 no such server in the configuration"],
    ],
    [
      "a moment that does not exist",
      rule("tools: [a], until: 2026-02-30"),
      ["4:51 expected a moment such as 2026-12-31T18:00:00Z, or a date"],
    ],
    [
      "an end before the beginning",
      rule("tools: [a], from: 2026-03-02, until: 2026-03-01"),
      ["4:69 until must be later than from"],
    ],
    [
      "a time zone that does not exist",
      rule("tools: [a], hours: { timeZone: Berlin }"),
      ["4:63 expected a time zone such as Europe/Berlin or UTC"],
    ],
    [
      "a time of day that does not exist",
      rule("tools: [a], hours: { timeZone: UTC, from: '25:00' }"),
      ["4:74 expected a time of day from 00:00 to 24:00"],
    ],
    [
      "no hours at all",
      rule("tools: [a], hours: { timeZone: UTC, from: '24:00', to: '00:00' }"),
      ["4:87 from and to are the same"],
    ],
    ["an empty condition", when(""), ["4:50 must not be empty"]],
    ["a condition that is no expression", when("1 +"), ["4:53 the expression cannot be read from here on"]],
    [
      "a condition of another language",
      when("groups.includes('a')"),
      ['4:51 there is nothing called "groups"', '4:57 there is no function "includes"'],
    ],
    ["a condition that is never true", when("identity.subject == 1"), ["4:68 text and a whole number are never equal"]],
    ["a condition that is too long", when(`true${" && true".repeat(300)}`), ["4:50 expected at most 2048"]],
    ["a condition of brackets", when("(".repeat(2_000)), ["4:83 brackets are nested deeper than 32"]],
    ["a condition of signs", when("!".repeat(2_000)), ["4:2050 the expression cannot be read from here on"]],
    [
      "a regular expression that is none",
      when("identity.subject.matches('[')"),
      ["4:76 no regular expression: error parsing regexp: missing closing ]: `[`"],
    ],
    [
      "a regular expression with a huge count",
      when("identity.subject.matches('((a{999}){999}){999}')"),
      ["4:76 no regular expression: error parsing regexp: invalid repeat count: `{999}`"],
    ],
    ...["a{1000}|".repeat(230), `(${"abcdefghi".repeat(60)}){1000}`, "(a{70}){70}".repeat(50)].map(
      (pattern): [string, string, string[]] => [
        `a regular expression that becomes a large program, ${pattern.slice(0, 12)}…`,
        when(`identity.subject.matches('${pattern}')`),
        ["4:76 the pattern is too large; repetitions such as {1000} multiply what they repeat"],
      ],
    ),
    [
      "conditions that are long together",
      several(300, `tools: [a], when: ${JSON.stringify(`true${" && true".repeat(255)}`)}`),
      ["248:49 all conditions together are longer than 500000 characters"],
    ],
    ...["\\\\pL", "\\\\P{Lu}", "\\x5cpL", "\\\\\\u0070L", "\\134pL"].map((form): [string, string, string[]] => [
      `many classes such as ${form}, each of which is large`,
      several(60, `tools: [a], when: ${JSON.stringify(`identity.subject.matches('${form.repeat(100)}')`)}`),
      [expect.stringMatching(/^(?:4\d|5[0-2]):\d+ all conditions together are longer than 500000 characters$/)],
    ]),
    ...["9007199254740993", "-9007199254740992", "1e16"].map((id): [string, string, string[]] => [
      `a claim that is one number to whoever reads few digits, ${id}`,
      sound.replace("groups: [g]", `claims: { id: [1, ${id}] }`),
      ["5:44 expected text, or a number of at most 9007199254740991"],
    ]),
    [
      "a pattern that no name can match",
      rule("tools: ['a  b']"),
      ["4:40 no name that is let through can match this: check white space and characters that do not show"],
    ],
    [
      "brackets and nothing else",
      `version: 1\nroles: ${"[".repeat(200)}${"]".repeat(200)}\n`,
      ["2:72 nested too deeply"],
    ],
    ["more brackets than a stack holds", "[".repeat(100_000), ["1:1 the YAML is nested too deeply"]],
    ["characters that are not seen", rule("tools: [a\u202e]"), ["4:41 invisible or control character"]],
    ["more than a megabyte", `${sound}# ${"x".repeat(10_485_760)}\n`, ["1:1 the file is larger than 1048576 bytes"]],
    ["quotes and nothing else", `"`.repeat(300_000), ["1:1 this is too much for one file; make it several"]],
    ["many lines", `${sound}${"#\n".repeat(60_000)}`, ["1:1 this is too much for one file; make it several"]],
    [
      "nothing but what is not seen",
      `version: 1\n# ${"\u200b".repeat(300_000)}`,
      ["2:3 invisible or control character"],
    ],
    [
      "an error of the parser that names a sign",
      ":".repeat(5_000),
      ["1:1 the colon must be at most 1024 chars after the start of an implicit block mapping key"],
    ],
    [
      "one line of characters that are not seen",
      `version: 1\nroles: "${"\u200b".repeat(30_000)}"\n`,
      ["2:9 invisible or control character"],
    ],
    ["one line of broken escapes", `version: 1\nroles: "${"\\q".repeat(20_000)}"\n`, ["2:9 invalid escape sequence"]],
    [
      "one line of numbers as keys",
      `version: 1\nroles: { ${Array.from({ length: 20_000 }, (_, index) => `${index}: b`).join(", ")} }\n`,
      ["2:10 a key must be text; put numbers and words like null in quotes"],
    ],
    [
      "one line of aliases of nothing",
      `version: 1\nroles: [${"*x , ".repeat(20_000)}]\n`,
      ["2:9 there is no anchor of this name before"],
    ],
    [
      "one line of tags",
      `version: 1\nroles: [${"!!a b, ".repeat(20_000)}]\n`,
      ["2:13 tags and directives are not used here"],
    ],
    ["one line of one key", `version: 1\nroles: { ${"a: {}, ".repeat(10_000)} }\n`, ["2:17 map keys must be unique"]],
    [
      "more faulty lines than anybody would read",
      `version: 1\nroles:\n${"  a: {}\n".repeat(10_000)}`,
      Array.from(
        { length: 100 },
        (_, index) => `${index + 4}:3 map keys must be unique${index < 99 ? "" : " (and 9899 more lines)"}`,
      ),
    ],
    [
      "an anchor that is given again",
      `version: 1\nroles: {}\nx: [&a 1, &b [*a], &a 2, *b, *c]\n`,
      ["3:30 there is no anchor of this name before"],
    ],
    [
      "bindings that multiply with what is inherited",
      bindings(2_000),
      [`4254:25 the bindings up to here give more than 1000000 roles and rules, inherited ones counted each time`],
    ],
    [
      "a circle that is longer than a stack",
      circle(9_000),
      [
        `1:29 roles inherit in a circle: ${Array.from({ length: 11 }, (_, index) => `r${index}`).join(" -> ")} -> … -> r0`,
      ],
    ],
  ])("%s", async (_case, policy, problems) => {
    expect(await problemsOf(policy)).toEqual(problems);
  });

  it.each<[string, string, string, string]>([
    ["a star", rule("tools: [*]"), 'put * in quotes: "*"', "    allow: [{ server: weather, tools: [*] }]"],
    ["a star before a word", rule("tools: *x"), 'put * in quotes: "*"', "    allow: [{ server: weather, tools: *x }]"],
    ["a key twice", "version: 1\n\nroles: {}\nroles: {}\n", "the first one stands on line 3", "roles: {}"],
    ["a version as text", 'version: "1"\n', "without quotes", 'version: "1"'],
  ])("%s is shown as it stands, with what to do about it", async (_case, policy, hint, text) => {
    const [problem] = await faultsOf(policy);
    expect(problem).toMatchObject({ hint, excerpt: { text } });
  });

  it("is reported all at once", async () => {
    const twice = `version: 1\nroles:\n  r: { inherits: [q], deny: [{ server: weather, tools: [a], when: x }] }\nbindings: [{ roles: [s], group: [g] }]\n`;
    expect(await problemsOf(twice)).toEqual([
      '3:19 no role is called "q"',
      '3:67 there is nothing called "x"',
      "4:12 expected at least one of groups, subjects, issuers, clients, apiKeys, certificates and claims",
      "4:26 unknown key",
    ]);
  });
});

describe("input that looks bad and is not", () => {
  const effectOf = async (policy: string, name: string) => {
    const { policy: program } = await load(policy);
    const view = viewOf(program, subjectOf({ groups: ["g"], subject: "a".repeat(10_000) }), "weather");
    return judge(view, { kind: "tool", name }, plainly).effect;
  };

  it.each<[string, string, string, string]>([
    ["a pattern of runs", rule(`tools: ["${"*a".repeat(100)}*b"]`), "a".repeat(250), "deny"],
    ["a pattern of nothing but runs", rule(`tools: ["${"*".repeat(200)}"]`), "a".repeat(250), "allow"],
    ["a regular expression that others take for ever for", when("identity.subject.matches('^(a+)+$')"), "a", "allow"],
    ["another one", when("identity.subject.matches('^(a|aa)+b$')"), "a", "deny"],
    ["windows line ends and a byte order mark", `\uFEFF${sound.replaceAll("\n", "\r\n")}`, "a", "allow"],
  ])("%s", async (_case, policy, name, effect) => {
    expect(await effectOf(policy, name)).toBe(effect);
  });
});
