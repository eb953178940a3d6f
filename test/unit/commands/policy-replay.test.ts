import { describe, expect, it, onTestFinished, vi } from "vitest";
import { configWith } from "../config/fixture.ts";
import { leaveClone, runPolicy, sealedLine, trailOf } from "./policies.ts";

const policy = (tools: string) => `version: 1
roles:
  reader:
    allow: [{ id: read, server: weather, tools: ${tools} }]
    deny: [{ id: try-out, server: weather, tools: [forecast], mode: shadow }]
bindings: [{ roles: [reader], groups: [analysts] }]
`;
const shadow = { effect: "deny", rule: "try-out", policy: "policies/a.yaml:5" } as const;
const evil = "\u001b[2J ghp_abcdefghijklmnopqrstuvwxyz0123456789";
/** As no gateway writes it: the sanitizer would have been there. */
const evilTrail = trailOf({ subject: "e", server: "EVIL", tool: "EVIL", decision: { shadow } }).replaceAll(
  "EVIL",
  JSON.stringify(evil).slice(1, -1),
);
const files = {
  "old/a.yaml": policy("[forecast, history]"),
  "new/a.yaml": policy("[forecast]"),
  "odd/a.yaml": policy('["\\u202ex"]'),
  "audit.jsonl": trailOf({ decision: { shadow } }, { tool: "history", id: "h1" }, { tool: "history", id: "h2" }),
  "evil.jsonl": evilTrail,
  "sallyport.yaml": configWith(),
  "empty.jsonl": "",
};

describe("sallyport policy diff", () => {
  it("says who loses what, and which recorded calls", async () => {
    const { out, err, code } = await runPolicy(files, "diff", "{}/old", "{}/new", "--replay", "{}/audit.jsonl");
    expect([code, err]).toEqual([1, ""]);
    expect(out).toContain("group analysts\n  loses  weather  tool history  (a.yaml:4)\n");
    expect(out).toContain(
      "2 recorded calls would be decided otherwise, of 3 that a policy was asked about (3 records)",
    );
    expect(out).toMatch(
      /allow -> deny {2}2x {2}alice \(builtin\) {2}weather {2}tool history {2}read \(a\.yaml:4\) -> no rule .*h1 h2/,
    );
  });

  it("tells what is certain from what is not", async () => {
    const next = policy("[forecast, history]").replace("history] }", "history], when: jwt.a == 1 }");
    const { out, code } = await runPolicy(
      { ...files, "new/a.yaml": next },
      "simulate",
      "-p",
      "{}/new",
      "--audit",
      "{}/audit.jsonl",
    );
    expect(code).toBe(0);
    expect(out).toContain("0 recorded calls would be decided otherwise");
    expect(out).toContain("3 more might be");
    expect(out).toMatch(/allow -> allow or deny {2}2x/);
    expect(out).not.toContain("allow?");
  });

  it("finds no change where the very policies decided then", async () => {
    const rests = policy("[forecast, history]").replace("history] }", "history], when: mcp.tool.arguments.n == 1 }");
    const tree = { "new/a.yaml": rests };
    const asked = await runPolicy(tree, "explain", "-p", "{}/new", "--subject", "a", "--server", "weather", "--json");
    const { policies } = JSON.parse(asked.out) as { policies: string };
    const denied = { effect: "deny", reason: "policy_denied", policies } as const;
    const audit = trailOf({ decision: { policies } }, { decision: denied });
    const said = await runPolicy({ ...tree, "a.jsonl": audit }, "simulate", "-p", "{}/new", "--audit", "{}/a.jsonl");
    expect([said.code, said.out]).toEqual([
      0,
      "0 recorded calls would be decided otherwise, of 2 that a policy was asked about (2 records)\n",
    ]);
  });

  it("says the same as JSON", async () => {
    const { out } = await runPolicy(files, "diff", "{}/old", "{}/new", "--replay", "{}/audit.jsonl", "--json");
    expect(JSON.parse(out)).toMatchObject({
      differences: [
        { who: ["group analysts"], changes: [{ change: "loses", pattern: "history", policy: "a.yaml:4" }] },
      ],
      replay: { records: 3, asked: 3, changed: 2, open: 0, turns: [{ what: { to: "deny" }, examples: ["h1", "h2"] }] },
    });
  });

  it("takes the trail of a gateway that was asked nothing yet", async () => {
    const { out, code } = await runPolicy(files, "simulate", "-p", "{}/new", "--audit", "{}/empty.jsonl");
    expect([code, out]).toEqual([0, expect.stringContaining("0 recorded calls")]);
  });

  it("names policies beside the working directory as a whole", async () => {
    const { directory } = await runPolicy(files, "diff", "{}/old", "{}/new");
    const cwd = vi.spyOn(process, "cwd").mockReturnValue(`${directory}/o`);
    onTestFinished(() => cwd.mockRestore());
    const { err } = await runPolicy({ "a.yaml": "roles: []\n" }, "test", "-p", `${directory}/odd`);
    expect(err).toContain(`${directory}/odd/a.yaml:4:`);
  });

  it("is content with what means the same", async () => {
    const { out, code } = await runPolicy(files, "diff", "{}/old", "{}/old/a.yaml", "--replay", "{}/audit.jsonl");
    expect(code).toBe(0);
    expect(out).toContain("no difference in what the policies mean\n");
    expect(out).toContain("0 recorded calls would be decided otherwise");
  });

  it.each<[string, string[], string]>([
    ["without a policy", ["{}/none", "{}/new"], "there is no such file"],
    ["without a trail", ["{}/old", "{}/new", "--replay", "{}/none"], "/none: there is no such file or directory\n"],
    [
      "with a trail that is none",
      ["{}/old", "{}/new", "--replay", "{}/old/a.yaml"],
      "a.yaml: no line of it is an audit",
    ],
    ["with a configuration", ["{}/sallyport.yaml", "{}/new"], "this is a configuration, not a policy; use -c\n"],
    ["with a policy that is wrong", ["{}/odd", "{}/new"], "no name that is let through can match this"],
  ])("cannot run %s", async (_case, args, message) => {
    const { err, code } = await runPolicy(files, "diff", ...args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });
});

describe("sallyport policy simulate", () => {
  it("says how to name what it does not find where it looks", async () => {
    await leaveClone();
    const missing = "sallyport.yaml:1:1: there is no such file\n  hint: name it with -c, or ";
    const trail = ["--audit", "{}/audit.jsonl"];
    expect((await runPolicy(files, "simulate", ...trail)).err).toBe(`${missing}give policy files with -p\n`);
    expect((await runPolicy(files, "simulate", "-p", "{}/new")).err).toBe(`${missing}the trail with --audit\n`);
  });

  it("puts a candidate to what was recorded", async () => {
    const { out, code } = await runPolicy(files, "simulate", "-p", "{}/new", "--audit", "{}/audit.jsonl");
    expect(code).toBe(1);
    expect(out).toContain("2 recorded calls would be decided otherwise, of 3");
    const same = await runPolicy(files, "simulate", "-p", "{}/old", "--audit", "{}/audit.jsonl", "--json");
    expect(same.code).toBe(0);
    expect(JSON.parse(same.out)).toMatchObject({ asked: 3, changed: 0, turns: [] });
  });

  it("puts the policy of the configuration to its own trail", async () => {
    const { "audit.jsonl": trail } = files;
    const { out, code } = await runPolicy(
      { "sallyport.yaml": configWith(), "policies/a.yaml": policy("[forecast]"), "data/audit/audit.jsonl": trail },
      "simulate",
      "-c",
      "{}/sallyport.yaml",
    );
    expect(code).toBe(1);
    expect(out).toContain("2 recorded calls");
  });

  it("reports what rules in shadow would have denied", async () => {
    const { out, code } = await runPolicy(files, "simulate", "--shadow-report", "--audit", "{}/audit.jsonl");
    expect(code).toBe(1);
    expect(out).toContain(
      "rules in shadow would have denied 1 call, allowed 0, and asked for more proof in 0 (3 records)",
    );
    expect(out).toContain(
      "try-out (policies/a.yaml:5): 1 call\n  allow -> deny  1x  alice (builtin)  weather  tool forecast",
    );
    const json = await runPolicy(files, "simulate", "--shadow-report", "--audit", "{}/audit.jsonl", "--json");
    expect(JSON.parse(json.out)).toMatchObject({
      would: { deny: 1 },
      turns: [{ what: { rule: "try-out" }, count: 1 }],
    });
  });

  it.each([
    ["what is put again", ["-p", "{}/new"]],
    ["what rules in shadow would have done", ["--shadow-report"]],
  ])("does not pass records that it cannot read over in silence, in %s", async (_what, args) => {
    const sealed = { ...files, "audit.jsonl": `${trailOf({})}${sealedLine(2)}${sealedLine(3)}` };
    const { out } = await runPolicy(sealed, "simulate", ...args, "--audit", "{}/audit.jsonl");
    expect(out).toContain("(3 records)");
    expect(out).toContain("2 records cannot be read, being encrypted: calls among them are not counted\n");
    const json = await runPolicy(sealed, "simulate", ...args, "--audit", "{}/audit.jsonl", "--json");
    expect(JSON.parse(json.out)).toMatchObject({ records: 3, unread: 2 });
    const clear = await runPolicy(files, "simulate", ...args, "--audit", "{}/audit.jsonl");
    expect(clear.out).not.toContain("cannot be read");
  });

  it("shows nothing that steers a terminal, and no secrets", async () => {
    for (const more of [["--shadow-report"], ["-p", "{}/new"]]) {
      const { out } = await runPolicy(files, "simulate", "--audit", "{}/evil.jsonl", ...more);
      expect(out).toContain("tool");
      expect(out).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
      expect(out).not.toContain("ghp_abc");
    }
  });

  it.each<[string, string[], string]>([
    ["without a trail or a configuration", ["-p", "{}/new", "-c", "{}/none.yaml"], "there is no such file"],
    ["with a candidate's shadow", ["-p", "{}/new", "--shadow-report"], "leave --policies out"],
  ])("cannot run %s", async (_case, args, message) => {
    const { err, code } = await runPolicy(files, "simulate", ...args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });
});
