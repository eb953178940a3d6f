import { describe, expect, it, onTestFinished, vi } from "vitest";
import { main } from "../../../src/main.ts";
import { configWith, writeTree } from "../config/fixture.ts";
import { runPolicy, trailOf } from "./policies.ts";

const policy = `version: 1
roles:
  reader:
    allow:
      - { id: read, server: weather, tools: [forecast, "get-*"] }
      - { id: proved, server: weather, tools: [publish], require: { scopes: [weather:write] } }
      - { id: small, server: weather, tools: [order], when: mcp.tool.arguments.amount < 10 && jwt.tenant == "acme" }
    deny:
      - { id: never, server: weather, tools: ["drop-*"] }
      - { id: rid, server: weather, tools: [get-rid] }
      - { id: try-out, server: weather, tools: [forecast], mode: shadow }
bindings:
  - { roles: [reader], groups: [analysts] }
`;
const files = { "p/a.yaml": policy };
const alice = ["--subject", "alice", "--groups", "analysts", "--server", "weather"];

describe("sallyport policy explain", () => {
  it("passes no configuration over", async () => {
    const tree = await writeTree(files);
    const question = ["policy", "explain", "-p", `${tree}/p`, ...alice, "--tool", "forecast"];
    const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    vi.spyOn(process.stdout, "write").mockReturnValue(true);
    onTestFinished(() => void vi.restoreAllMocks());
    expect([await main(question), said.mock.calls]).toEqual([0, []]);
    expect(await main([...question, "-c", `${tree}/sallyport.yaml`])).toBe(2);
    expect(said.mock.calls.join("")).toMatch(/'-c, .*' cannot be used with option '-p' without a request id/);
  });

  it.each<[string, string[], number, string[]]>([
    [
      "what is allowed",
      [...alice, "--tool", "forecast"],
      0,
      ["ALLOWED: by rule read (a.yaml:5)", "matched  allow read (a.yaml:5): decides", "DENIED: by deny rule try-out"],
    ],
    [
      "what is denied",
      [...alice, "--tool", "drop-all"],
      1,
      ["DENIED: by deny rule never (a.yaml:9)", "- deny rule never (a.yaml:9) stands in the way\n"],
    ],
    [
      "what is allowed and denied",
      [...alice, "--tool", "get-rid"],
      1,
      [
        "DENIED: by deny rule rid (a.yaml:10)",
        "- deny rule rid (a.yaml:10) stands in the way of rule read (a.yaml:5)\n",
      ],
    ],
    [
      "what takes more proof",
      [...alice, "--tool", "publish"],
      1,
      ["STEP-UP: more has to be proved for rule proved (a.yaml:6): scope weather:write", "prove scope weather:write"],
    ],
    ["what was proved", [...alice, "--scopes", "weather:write", "--tool", "publish"], 0, ["scopes weather:write"]],
    [
      "a condition",
      [...alice, "--tool", "order", "--arguments", '{"amount":20}', "--claim", "tenant=acme", "--claim", "level=3"],
      1,
      [
        "false    mcp.tool.arguments.amount < 10   [mcp.tool.arguments.amount is 20]",
        'true     jwt.tenant == "acme"   [jwt.tenant is "acme"]',
        "meet the condition mcp.tool.arguments.amount < 10: rule small",
        'claims tenant="acme", level=3',
      ],
    ],
    [
      "whom nothing binds",
      ["--subject", "bob", "--server", "weather", "--tool", "forecast"],
      1,
      ["bindings: 0 of 1 hold", "misses  a.yaml:13  reader: not group analysts", "be in group analysts: rule read"],
    ],
    [
      "somebody of several groups",
      ["--subject", "a", "--groups", "x, analysts,", "--server", "weather", "--tool", "forecast"],
      0,
      ["a (builtin), groups x, analysts\n"],
    ],
    ["the server itself", alice, 0, ["server weather itself\n"]],
    ["a resource", [...alice, "--resource", "weather://x"], 1, ["resources/read: resource weather://x"]],
    [
      "a moment and a place",
      [...alice, "--at", "2026-03-02", "--ip", "10.0.0.9"],
      0,
      ["2026-03-02T00:00:00.000Z from 10.0.0.9"],
    ],
  ])("explains %s", async (_case, args, code, expected) => {
    const said = await runPolicy(files, "explain", "-p", "{}/p", ...args);
    expect(said).toMatchObject({ code, err: "" });
    for (const text of expected) expect(said.out).toContain(text);
  });

  it("says the same as JSON", async () => {
    const { out, code } = await runPolicy(files, "explain", "-p", "{}/p", ...alice, "--tool", "drop-x", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      decision: { effect: "deny", rule: "never", policy: "a.yaml:9", certain: true },
      bindings: [{ holds: "yes" }],
      rules: [
        { rule: "read", result: "not", why: ["no pattern of it fits"] },
        {},
        {},
        { rule: "never", decides: true },
        {},
        {},
      ],
      obstacles: [{ rule: "never" }],
      recorded: null,
    });
  });

  it("shows nothing that steers a terminal, and no secrets", async () => {
    const secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    const evil = `\u001b[2J\u202e${secret}`;
    const args = ["--subject", evil, "--server", "weather", "--tool", "order", "--claim", `password=${secret}`];
    const text = await runPolicy(files, "explain", "-p", "{}/p", "--groups", "analysts", ...args);
    const json = await runPolicy(files, "explain", "-p", "{}/p", "--groups", "analysts", ...args, "--json");
    for (const { out, code } of [text, json]) {
      expect(code).toBe(1);
      expect(out).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
      expect(out).not.toContain(secret);
    }
  });

  it("shows no claim that is a secret, in a condition either, and escapes what a policy hides", async () => {
    const secret = policy
      .replace('jwt.tenant == "acme"', 'jwt.password == "acme"')
      .replace("[analysts]", '[analysts, "\\u202eab"]');
    const args = ["--subject", "bob", "--server", "weather", "--tool", "order", "--claim", "password=hunter2"];
    for (const more of [[], ["--json"], ["--groups", "analysts"], ["--groups", "analysts", "--json"]]) {
      const { out } = await runPolicy({ "p/a.yaml": secret }, "explain", "-p", "{}/p", ...args, ...more);
      expect(out).toContain("order");
      expect(out).not.toContain("hunter2");
      expect(out).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
    }
  });

  it("shows nothing of what lies inside of a secret", async () => {
    const inner = policy.replace("mcp.tool.arguments.amount < 10", 'mcp.tool.arguments.password.value == "x"');
    const args = [...alice, "--tool", "order", "--arguments", '{"password":{"value":"hunter2"}}'];
    for (const more of [[], ["--json"]]) {
      const { out } = await runPolicy({ "p/a.yaml": inner }, "explain", "-p", "{}/p", ...args, ...more);
      expect(out).toContain("mcp.tool.arguments.password.value");
      expect(out).toContain("[redacted]");
      expect(out).not.toContain("hunter2");
    }
  });

  const config = { "sallyport.yaml": configWith(), "policies/a.yaml": policy };
  const denied = { effect: "deny", rule: null, policy: null, reason: "policy_denied", detail: "no_rule" } as const;
  const trail = trailOf(
    { id: "allowed", tool: "drop-x", entry: { event: "server_request" } },
    { id: "allowed" },
    { id: "uncertain", tool: "order", entry: { args: { digest: "d", view: { amount: 4 } } } },
    { id: "denied", tool: "forecast", groups: [], decision: denied },
    { id: "cut", tool: "order", entry: { args: { digest: "d", view: { amount: 4, note: "[redacted]" } } } },
    { id: "large", tool: "order", entry: { args: { digest: "d", view: { amount: 40 } } } },
    { id: "unproved", tool: "publish" },
    { id: "ambiguous", decision: { effect: "deny", reason: "name_ambiguous" } },
    {
      id: "unasked",
      entry: { identity: null, event: "refusal" },
      decision: { effect: "deny", reason: "token_expired" },
    },
  );
  const recorded = (...args: string[]) =>
    runPolicy({ ...config, "data/audit/audit.jsonl": trail }, "explain", "-c", "{}/sallyport.yaml", ...args);

  it.each<[string, string[], number, string[]]>([
    [
      "that was allowed",
      ["allowed"],
      0,
      ["ALLOWED: by rule read (policies/a.yaml:5)", "then  2026-03-02T12:00:00.000Z: allow"],
    ],
    ["that was denied", ["denied"], 1, ["DENIED: no rule allows it", "deny, policy_denied: no_rule, HTTP 200"]],
    [
      "that rests on what is not recorded",
      ["uncertain"],
      1,
      [
        "PERHAPS ALLOWED: by rule small",
        "It rests on what is not known (claims), by small.",
        "Say it beside the request id to be sure: --claim name=value --scopes a,b\n",
        'arguments, as recorded: {"amount":4}',
        "true     mcp.tool.arguments.amount < 10   [mcp.tool.arguments.amount is 4]",
        '- meet the condition jwt.tenant == "acme": rule small (policies/a.yaml:7) would allow it',
      ],
    ],
    [
      "with what is not recorded",
      ["uncertain", "--arguments", '{"amount":4}', "--claim", "tenant=acme"],
      0,
      ["ALLOWED: by rule small"],
    ],
    [
      "whose arguments are not recorded whole",
      ["cut"],
      1,
      [
        "It rests on what is not known (arguments, claims), by small.",
        "--arguments '{…}'",
        'arguments were like {"amount":4,"note":"[redacted]"}',
        "unknown  mcp.tool.arguments.amount < 10   [mcp.tool.arguments.amount is not known]",
      ],
    ],
    ["whose arguments alone refuse it", ["large"], 1, ["DENIED: no rule allows it", "amount is 40]"]],
    [
      "that rests on what was proved",
      ["unproved"],
      1,
      ["it requires scope weather:write, and what was proved is not known", "- prove scope weather:write: rule proved"],
    ],
    ["whose name was refused", ["ambiguous"], 1, ["No policy can be asked about this", "deny, name_ambiguous"]],
    ["that no policy was asked about", ["unasked"], 1, ["No policy can be asked about this", "deny, token_expired"]],
  ])("explains a request %s", async (_case, args, code, expected) => {
    const said = await recorded(...args);
    expect(said).toMatchObject({ code, err: "" });
    for (const text of expected) expect(said.out).toContain(text);
  });

  it("says that a gateway does not take policies whose suites fail", async () => {
    const suite = `version: 1
identities: { ann: { subject: ann, groups: [analysts] } }
requests: { read: { server: weather, tool: forecast } }
tests: [{ name: a, identities: [ann], requests: [read], expect: allow }]
`;
    const failing = suite.replace("expect: allow", "expect: deny");
    const line = "now = the files on disk; their suites fail, so a gateway does not take them\n";
    const asked = (text: string, head: string, ...more: string[]) =>
      runPolicy(
        { ...config, "sallyport.yaml": configWith(head), "policies/a_test.yaml": text },
        ...["explain", "-c", "{}/sallyport.yaml", ...alice, "--tool", "forecast", ...more],
      );
    expect((await asked(failing, "")).out).toContain(line);
    expect((await asked(suite.replace("[read]", "[raed]"), "")).out).toContain(line);
    expect((await asked(suite, "")).out).not.toContain(line);
    expect(JSON.parse((await asked(failing, "", "--json")).out)).toMatchObject({ taken: false });
  });

  it("says what the same policies decided then, whatever is not recorded", async () => {
    const asked = await runPolicy(config, "explain", "-c", "{}/sallyport.yaml", ...alice, "--tool", "order", "--json");
    const { policies } = JSON.parse(asked.out) as { policies: string };
    const small = { rule: "small", policy: "policies/a.yaml:7", policies } as const;
    const same = trailOf(
      { id: "no", tool: "order", decision: { effect: "deny", reason: "policy_denied", policies } },
      { id: "yes", tool: "order", decision: { effect: "allow", reason: null, ...small } },
      {
        id: "fails",
        tool: "order",
        decision: { effect: "deny", reason: "condition_failed", detail: "condition_failed: tool order", ...small },
      },
      { id: "proof", tool: "order", decision: { effect: "deny", reason: "step_up_required", ...small } },
      { id: "limit", tool: "order", decision: { effect: "deny", reason: "rule_limited", ...small } },
      { id: "rule", tool: "drop-x", decision: { effect: "deny", reason: "policy_denied", rule: "never", policies } },
    );
    const explain = (...args: string[]) =>
      runPolicy({ ...config, "data/audit/audit.jsonl": same }, "explain", "-c", "{}/sallyport.yaml", ...args);
    const said = async (id: string) => {
      const { out, code } = await explain(id);
      return [code, out.split("\n")[0]];
    };
    const then = "then, by the same policies as now";
    expect(await said("no")).toEqual([1, `DENIED ${then}: no rule allows it`]);
    expect(await said("yes")).toEqual([0, `ALLOWED ${then}: by rule small (policies/a.yaml:7)`]);
    expect(await said("fails")).toEqual([1, `DENIED ${then}: the condition fails of rule small (policies/a.yaml:7)`]);
    expect((await explain("fails")).out).toContain("(policies/a.yaml:7), condition_failed: tool order, HTTP 200\n");
    expect(await said("proof")).toEqual([
      1,
      `STEP-UP ${then}: more has to be proved for rule small (policies/a.yaml:7)`,
    ]);
    expect(await said("limit")).toEqual([
      0,
      `ALLOWED ${then}: by rule small (policies/a.yaml:7); refused behind it: rule_limited`,
    ]);
    expect(await said("rule")).toEqual([1, `DENIED ${then}: by deny rule never ()`]);
    const more = await explain("no", "--arguments", '{"amount":4}', "--claim", "tenant=acme");
    expect([more.code, more.out.split("\n")[0]]).toEqual([0, "ALLOWED: by rule small (policies/a.yaml:7)"]);
    expect(JSON.parse((await explain("no", "--json")).out)).toMatchObject({ decided: "deny" });
  });

  it.each<[string, string[], string]>([
    ["a request that is not there", ["nowhere"], "there is no record of this request"],
    ["what the record says already", ["allowed", "--tool", "x"], "--tool is recorded"],
    ["nobody", [], "say which request is meant"],
    ["no server", ["--subject", "a", "--tool", "x"], "; --server is missing"],
    ["no subject", ["--server", "weather", "--tool", "x"], "; --subject is missing"],
    ["an unknown server", ["--subject", "a", "--server", "wether"], 'did you mean "weather"?'],
    ["an unknown issuer", ["--subject", "a", "--issuer", "x", "--server", "weather"], "(--issuer takes builtin)"],
    ["a misspelled issuer", ["--subject", "a", "--issuer", "bultin", "--server", "weather"], 'did you mean "builtin"?'],
    [
      "a name that looks like another",
      ["--subject", "a", "--server", "weather", "--tool", "a\u200b"],
      "in more than one way",
    ],
    ["two things", ["--subject", "a", "--server", "weather", "--tool", "a", "--prompt", "b"], "at most one of tool"],
  ])("cannot ask about %s", async (_case, args, message) => {
    const said = await recorded(...args);
    expect(said.code).toBe(2);
    expect(said.err).toContain(message);
  });

  describe("of a request whose id is given in part", () => {
    const [one, other, third] = ["5f0c9a1e-1111", "5f0c9a1e-2222", "7d3b0000-3333"];
    const audit = trailOf(
      { id: one, entry: { event: "server_request" } },
      { id: one, subject: "alice" },
      { id: other, subject: "bob", tool: "publish" },
      { id: third, subject: "carol" },
      { id: third, subject: "carol", entry: { event: "end" } },
      ...Array.from({ length: 12 }, (_, at) => ({ id: `aaaaaaaa-${at}` })),
    );
    const explain = (id: string) =>
      runPolicy({ ...files, "audit.jsonl": audit }, "explain", id, "-p", "{}/p", "--audit", "{}/audit.jsonl");

    it.each([
      ["all of it", one, "alice"],
      ["as much as tells it from others", "5f0c9a1e-2", "bob"],
      ["eight characters that no other begins with", "7d3b0000", "carol"],
    ])("finds it by %s", async (_case, id, subject) => {
      const { out, err } = await explain(id);
      expect(err).toBe("");
      expect(out).toContain(`who   ${subject} (builtin)`);
    });

    it.each([
      [
        "lists those that begin alike",
        "5f0c9a1e",
        /^more than one request begins like this:\n {2}5f0c9a1e-1111 .* alice .* forecast\n {2}5f0c9a1e-2222 .* bob .* publish\n$/,
      ],
      ["lists ten of them at most", "aaaaaaaa", /^more .*\n(?: {2}aaaaaaaa-\d .*\n){10} {2}and more\n$/],
      [
        "takes no fewer than eight characters",
        "7d3b000",
        /^there is no record .*; of an id give 8 characters at least\n$/,
      ],
      ["does not find what is not there", "7d3b0001", /^there is no record of this request in .*audit\.jsonl\n$/],
    ])("%s", async (_case, id, expected) => {
      const { err, code } = await explain(id);
      expect(err).toMatch(expected);
      expect(code).toBe(2);
    });
  });

  it("cannot run with a policy that is wrong", async () => {
    const { code, err } = await runPolicy({ "p/a.yaml": "version: 2\n" }, "explain", "-p", "{}/p", ...alice);
    expect(code).toBe(2);
    expect(err).toContain("a.yaml:1");
  });
});
