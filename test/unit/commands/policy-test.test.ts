import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { policyCommand } from "../../../src/commands/policy.ts";
import { main } from "../../../src/main.ts";
import { configWith, policy, writeTree } from "../config/fixture.ts";
import { run } from "./run.ts";

const suite = `version: 1
identities: { ann: { subject: ann, groups: [analysts] }, eve: { subject: eve } }
requests: { read: { server: weather, tool: forecast }, drop: { server: weather, tool: drop } }
tests:
  - { name: analysts read, identities: [ann], requests: [read], expect: allow }
`;
const failing = suite.replace("[ann], requests", "[ann, eve], requests");
const sound = { "sallyport.yaml": configWith(), "policies/a.yaml": policy };

async function test(files: Record<string, string>, ...args: string[]) {
  const directory = await writeTree(files);
  // What is about files of the tree is written with @.
  const words = args.map((word) => word.replace(/^@/, `${directory}/`));
  const config = words.includes("-p") ? [] : ["-c", join(directory, "sallyport.yaml")];
  const said = await run(policyCommand, "test", ...words, ...config);
  return { ...said, directory, shown: relative(process.cwd(), directory) };
}

describe("sallyport policy test", () => {
  it("runs the suites beside the policies of the configuration", async () => {
    const { out, err, codes, directory } = await test({ ...sound, "policies/a_test.yaml": suite });
    expect(codes).toEqual([0]);
    expect(err).toBe("");
    expect(out).toContain(`ok    ${directory}/policies/a_test.yaml  4 answers\n`);
    expect(out).toContain("1 test, 4 answers, all as expected\n");
  });

  it("fails where a test does, with its place and the rule's", async () => {
    const { out, codes, directory } = await test({ ...sound, "policies/a_test.yaml": failing });
    expect(codes).toEqual([1]);
    expect(out).toContain(
      `  ${directory}/policies/a_test.yaml:5: analysts read\n    eve × read: expected allow, got deny`,
    );
  });

  it("says the same as JSON", async () => {
    const { out, codes } = await test({ ...sound, "policies/a_test.yaml": failing }, "--json");
    expect(codes).toEqual([1]);
    expect(JSON.parse(out)).toMatchObject({ ok: false, totals: { answers: 4, failed: 1 }, coverage: { percent: 100 } });
  });

  it("writes JUnit XML beside what it says", async () => {
    const { out, codes, directory } = await test({ ...sound, "policies/a_test.yaml": failing }, "--junit", "@out.xml");
    expect(codes).toEqual([1]);
    expect(out).toContain("1 not as expected");
    const xml = await readFile(join(directory, "out.xml"), "utf8");
    expect(xml).toContain('<testsuites name="sallyport policy test" tests="4" failures="1" ');
  });

  it("prints JUnit XML where it is to go to standard output", async () => {
    const { out, codes } = await test({ ...sound, "policies/a_test.yaml": suite }, "--junit", "-");
    expect(codes).toEqual([0]);
    expect(out).toMatch(/^<\?xml .*\n<testsuites /);
    expect(out).not.toContain("coverage");
    const both = await test({ ...sound, "policies/a_test.yaml": suite }, "--junit", "-", "--json");
    expect([both.codes, both.out]).toEqual([[2], expect.stringContaining("only one of them can be printed")]);
  });

  it("wants as much coverage as it is told to", async () => {
    const untested = suite.replaceAll("tool: forecast", "tool: other").replace("expect: allow", "expect: deny");
    const files = { ...sound, "policies/a_test.yaml": untested };
    expect((await test(files)).codes).toEqual([0]);
    const { out, codes } = await test(files, "--min-coverage", "80");
    expect(codes).toEqual([1]);
    expect(out).toContain("(0%, expected at least 80%)");
    expect((await test({ ...sound, "policies/a_test.yaml": suite }, "--min-coverage", "100")).codes).toEqual([0]);
  });

  it.each(["101", "-1", "80%", "many", ""])("does not take %j for a percentage", async (text) => {
    const err = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    onTestFinished(() => err.mockRestore());
    expect(await main(["policy", "test", `--min-coverage=${text}`])).toBe(2);
    expect(err.mock.calls.join("")).toContain("Expected a number from 0 to 100.");
  });

  it("runs the suites that are named, and those of directories, each once", async () => {
    const files = {
      ...sound,
      "policies/a_test.yaml": failing,
      "more/b_test.yaml": suite,
      "more/c_test.yml": suite,
      "more/d.yaml": "no suite",
      "e.yaml": suite,
    };
    const { out, codes, shown } = await test(files, "@more", "@more/b_test.yaml", "@e.yaml", "--json");
    expect(codes).toEqual([0]);
    const { suites } = JSON.parse(out) as { suites: { file: string }[] };
    expect(suites.map(({ file }) => file)).toEqual(
      ["more/b_test.yaml", "more/c_test.yml", "e.yaml"].map((name) => join(shown, name)),
    );
  });

  it("needs no configuration: any name may then be a server or an issuer", async () => {
    const elsewhere = suite
      .replaceAll("server: weather", "server: anywhere")
      .replace("groups", "issuer: anyone, groups");
    const open = policy.replace("server: weather", 'server: "*"');
    const { out, codes } = await test({ "p/a.yaml": open, "p/a_test.yaml": elsewhere }, "-p", "@p");
    expect(out).toContain("4 answers, all as expected");
    expect(codes).toEqual([0]);
  });

  it("puts groups where the issuer of the configuration has them", async () => {
    const issuers = "{ corp: { issuer: https://login.example.com/, claims: { groups: memberOf } } }";
    const files = {
      "sallyport.yaml": configWith(`identity: { issuers: ${issuers} }\n`),
      "policies/a.yaml": policy.replace("groups: [analysts]", "claims: { memberOf: [analysts] }"),
    };
    const byCorp = suite.replace("subject: ann", "subject: ann, issuer: corp");
    expect((await test({ ...files, "policies/a_test.yaml": byCorp })).codes).toEqual([0]);
    expect((await test({ ...files, "policies/a_test.yaml": suite })).codes).toEqual([1]);
  });

  it.each<[string, Record<string, string>, string[], RegExp]>([
    ["there is no suite", sound, [], /nothing was tested: no suite is beside the policies\..*\n\nversion: 1\n/],
    ["a directory has none", { ...sound, "more/a.yaml": "" }, ["@more"], /nothing was tested: no suite is there/],
    [
      "a policy is taken for one",
      sound,
      ["@policies/a.yaml"],
      /this is a policy, not a suite\n.*\n.*\n {2}hint: .* -p /,
    ],
    ["a suite is not there", sound, ["@b_test.yaml"], /b_test\.yaml:1:1: there is no such file\n/],
    [
      "a suite is faulty",
      { ...sound, "policies/a_test.yaml": suite.replace("[read]", "[raed]") },
      [],
      /a_test\.yaml:5:\d+: tests\[0\]\.requests\[0\]: no such name in requests of this suite\n.*\n.*\n {2}hint: did you mean "read"\?/,
    ],
    [
      "a suite is about a server that is not configured",
      { ...sound, "policies/a_test.yaml": suite.replace("weather", "wether") },
      [],
      /requests\.read\.server: no such server in the configuration/,
    ],
    [
      "a suite is about an issuer that is not trusted",
      { ...sound, "policies/a_test.yaml": suite.replace("subject: eve", "subject: eve, issuer: bultin") },
      [],
      /identities\.eve\.issuer: no such issuer in the configuration\n.*\n.*\n {2}hint: did you mean "builtin"\?/,
    ],
    [
      "the policies are faulty",
      { ...sound, "policies/a.yaml": "roles: []\n", "policies/a_test.yaml": suite },
      [],
      /policies\/a\.yaml:1:1: roles: expected a mapping, not a list/,
    ],
    [
      "the report cannot be written",
      { ...sound, "policies/a_test.yaml": suite },
      ["--junit", "@no/out.xml"],
      /no\/out\.xml cannot be written \(ENOENT\)/,
    ],
  ])("could not run where %s", async (_case, files, args, text) => {
    const { out, err, codes } = await test(files, ...args);
    expect(codes).toEqual([2]);
    expect(out).toBe("");
    expect(err).toMatch(text);
    const json = await test(files, ...args, "--json");
    expect(json.codes).toEqual([2]);
    expect(JSON.parse(json.out)).toMatchObject({
      ok: false,
      error: expect.stringMatching(text.source.replace(/\\n$/, "")),
    });
  });
});

describe("the suite that ships", () => {
  it("passes, and tests every rule", async () => {
    const { out, codes } = await test({}, "--min-coverage", "100", "-p", "policies/example.yaml");
    expect(out).toContain("ok    policies/example_test.yaml");
    expect(codes).toEqual([0]);
  });
});
