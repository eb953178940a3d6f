import { describe, expect, it, onTestFinished, vi } from "vitest";
import { checkCommand } from "../../../src/commands/check.ts";
import { main } from "../../../src/main.ts";
import { configWith, policy, writeTree } from "../config/fixture.ts";
import { check, run } from "./run.ts";

describe("sallyport check", () => {
  const sound = { "sallyport.yaml": configWith(), "policies/a.yaml": policy };
  const faulty = { ...sound, "sallyport.yaml": configWith("listn: {}\nlog: { level: loud }\n") };

  it("sums up a sound configuration", async () => {
    const { out, err, codes } = await check(sound);
    expect(codes).toEqual([0]);
    expect(err).toBe("");
    expect(out).toContain("weather  http://127.0.0.1:3001/mcp");
    expect(out).toContain("builtin  https://mcp.example.com");
    expect(out).toContain("policies/a.yaml");
    expect(out).toContain("reader (1 rule, 1 binding)");
    expect(out).toMatch(/hash [0-9a-f]{16}\n/);
    // The policy's own, as the metric has it.
    expect(out).toMatch(/\npolicies .*\n {10}hash [0-9a-f]{16}\nroles /);
  });

  it("reports every problem on stderr", async () => {
    const { out, err, codes } = await check(faulty);
    expect(codes).toEqual([1]);
    expect(out).toBe("");
    expect(err).toContain('hint: did you mean "listen"?');
    expect(err).toContain("log.level");
    expect(err).toMatch(/\n2 problems\n$/);
  });

  it("says the same as JSON", async () => {
    const good = await check(sound, "--json");
    expect(JSON.parse(good.out)).toMatchObject({
      ok: true,
      problems: [],
      warnings: [],
      summary: { bindings: 1, rules: 1 },
    });
    const bad = await check(faulty, "--json");
    expect(JSON.parse(bad.out)).toMatchObject({
      ok: false,
      summary: null,
      problems: [{ line: 7 }, { path: "log.level" }],
    });
    expect(bad.codes).toEqual([1]);
  });

  it("names the policy that was taken for a configuration, and nothing that it lacks", async () => {
    const { err, codes } = await check({ "sallyport.yaml": policy });
    expect(codes).toEqual([1]);
    expect(err).toMatch(/: this is a policy, not a configuration\n[\s\S]*with -p\n\n1 problem\n$/);
  });

  it("shows warnings and still succeeds", async () => {
    const { err, codes } = await check({
      ...sound,
      "sallyport.yaml": configWith("admin: { address: 0.0.0.0:9090 }\n"),
    });
    expect(codes).toEqual([0]);
    expect(err).toContain("1 warning\n");
  });

  it("says which directories cannot be written, with everything else", async () => {
    const yaml = configWith(
      "log: { level: loud }\nstate: { directory: sallyport.yaml }\naudit: { directory: policies/a.yaml }\n",
    );
    const { err, codes } = await check({ ...sound, "sallyport.yaml": yaml });
    expect(codes).toEqual([1]);
    expect(err).toMatch(/sallyport\.yaml:8:21: state\.directory: this is not a directory\n/);
    expect(err).toMatch(/sallyport\.yaml:9:21: audit\.directory: this is not a directory\n/);
    expect(err).toContain("log.level");
    expect(err).toMatch(/\n3 problems\n$/);
  });

  const suite = `version: 1
identities: { ann: { subject: ann, groups: [analysts] } }
requests: { read: { server: weather, tool: forecast } }
tests: [{ name: analysts read, identities: [ann], requests: [read], expect: allow }]
`;

  it("runs the suites, and counts their answers", async () => {
    const { out, codes } = await check({ ...sound, "policies/a_test.yaml": suite });
    expect(codes).toEqual([0]);
    expect(out).toContain("suites    1 suite, 1 answer as expected\n");
    expect((await check(sound)).out).toContain("suites    none\n");
    const json = await check({ ...sound, "policies/a_test.yaml": suite }, "--json");
    expect(JSON.parse(json.out)).toMatchObject({ ok: true, summary: { suites: { files: 1, answers: 1 } } });
  });

  it.each(["policies: [policies/*.yaml]", "policies: { files: [policies/*.yaml], testsOnReload: false }"])(
    "finds a test that fails and a suite that is faulty, with %s",
    async (policies) => {
      const config = configWith().replace("policies: [policies/*.yaml]", policies);
      const files = { ...sound, "sallyport.yaml": config };
      const failed = await check({ ...files, "policies/a_test.yaml": suite.replace("expect: allow", "expect: deny") });
      expect(failed.codes).toEqual([1]);
      expect(failed.out).toBe("");
      expect(failed.err).toMatch(
        /a_test\.yaml:4:9: tests\[0\]: "analysts read" fails: ann × read: expected deny, got allow/,
      );
      expect(failed.err).toMatch(/\n1 problem\n$/);
      const faulty = await check({ ...files, "policies/a_test.yaml": suite.replace("[read]", "[raed]") }, "--json");
      expect(faulty.codes).toEqual([1]);
      expect(JSON.parse(faulty.out)).toMatchObject({
        ok: false,
        summary: null,
        problems: [{ path: "tests[0].requests[0]" }],
      });
    },
  );

  it("could not run when the file is missing", async () => {
    const { err, codes } = await check({});
    expect(codes).toEqual([2]);
    expect(err).toContain("there is no such file");
  });

  describe("of policies without a configuration", () => {
    const alone = { "a.yaml": policy, "a_test.yaml": suite };

    async function checkPolicies(files: Readonly<Record<string, string>>, ...args: readonly string[]) {
      return run(checkCommand, "-p", await writeTree(files), ...args);
    }

    it("sums them up, with their suites", async () => {
      const { out, err, codes } = await checkPolicies(alone, "--strict");
      expect([err, codes]).toEqual(["", [0]]);
      expect(out).toMatch(
        /^ok\n\npolicies {2}a\.yaml\n {10}hash [0-9a-f]{16}\nroles {5}reader \(1 rule, 1 binding\)\nsuites {4}1 suite, 1 answer as expected\n$/,
      );
      const json = await checkPolicies(alone, "--json");
      expect(JSON.parse(json.out)).toMatchObject({
        ok: true,
        summary: { policies: ["a.yaml"], suites: { answers: 1 } },
      });
      expect(JSON.parse(json.out)).not.toHaveProperty("summary.servers");
    });

    it.each<[string, Record<string, string>, number, RegExp]>([
      [
        "a mistake",
        { "a.yaml": policy.replace("[reader]", "[raeder]") },
        1,
        /a\.yaml:3:\d+: .*\n[\s\S]*did you mean "reader"/,
      ],
      [
        "a test that fails",
        { ...alone, "a_test.yaml": suite.replace("allow", "deny") },
        1,
        /a_test\.yaml:4:9: .* fails/,
      ],
      ["a configuration", { "sallyport.yaml": configWith() }, 1, /this is a configuration, not a policy; use -c/],
      ["suites alone", { "a_test.yaml": suite }, 2, /this matches no policy file/],
      ["nothing at all", {}, 2, /this matches no policy file/],
      [
        "what lint finds",
        { "a.yaml": policy.replace(/bindings.*/, "") },
        1,
        /1 warning\n\n.*a\.yaml:2:\d+: .*\(role_unused\)/,
      ],
    ])("reports %s", async (_case, files, code, text) => {
      const { err, codes } = await checkPolicies(files, "--strict");
      expect(err).toMatch(text);
      expect(codes).toEqual([code]);
    });

    it("says of warnings that count, as its exit code does, that not all is well", async () => {
      const files = { "a.yaml": policy.replace(/bindings.*/, "") };
      expect((await checkPolicies(files, "--strict")).out).toMatch(/^NOT ok: 1 warning, and --strict\n\npolicies/);
      expect(JSON.parse((await checkPolicies(files, "--strict", "--json")).out)).toMatchObject({
        ok: false,
        problems: [],
      });
      expect((await checkPolicies(files)).out).toMatch(/^ok\n\npolicies/);
      expect(JSON.parse((await checkPolicies(files, "--json")).out)).toMatchObject({ ok: true });
    });

    const grant = (server: string) =>
      policy
        .replace("server: weather, tools: [forecast]", `server: ${server}, tools: ["*"]`)
        .replace("groups: [analysts]", "issuers: [corp]");
    it("does not take the servers that rules name for all there are", async () => {
      expect((await checkPolicies({ "a.yaml": grant("weather") })).err).not.toContain("grants_everything");
      expect((await checkPolicies({ "a.yaml": grant('"*"') })).err).toContain("grants_everything");
    });

    it("sums up a policy in which nothing stands", async () => {
      expect((await checkPolicies({ "a.yaml": "version: 1\n" })).out).toContain(
        "roles     none (0 rules, 0 bindings)\n",
      );
    });

    it("names the suite that was taken for a policy", async () => {
      const { err, codes } = await run(checkCommand, "-p", `${await writeTree({ "a_test.yaml": suite })}/a_test.yaml`);
      expect([codes, err]).toEqual([[2], expect.stringContaining("this names suites, not policies")]);
    });

    it("asks no servers", async () => {
      const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
      onTestFinished(() => said.mockRestore());
      expect(await main(["check", "-p", await writeTree(alone), "--online"])).toBe(2);
      expect(said.mock.calls.join("")).toMatch(/'--online' cannot be used with option '-p/);
    });

    it.each([["check"], ["policy", "test"]])("passes no configuration over: %s %s", async (...command) => {
      const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
      onTestFinished(() => said.mockRestore());
      expect(await main([...command, "-p", await writeTree(alone), "-c", "sallyport.yaml"])).toBe(2);
      expect(said.mock.calls.join("")).toMatch(/'-p, .*' cannot be used with option '-c, /);
    });

    it.each([["check"], ["policy", "simulate"], ["policy", "review"]])(
      "tells how files are named: %s %s",
      async (...command) => {
        const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
        onTestFinished(() => said.mockRestore());
        expect(await main([...command, "a.yaml"])).toBe(2);
        expect(said.mock.calls.join("")).toMatch(/too many arguments.*\n.*policy files with -p/);
        said.mockClear();
        expect(await main([...command, "--nosuch"])).toBe(2);
        expect(said.mock.calls.join("")).not.toContain("-p");
      },
    );
  });
});
