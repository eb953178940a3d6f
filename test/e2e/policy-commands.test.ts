import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { createClient, toolCall } from "./http.ts";
import { type Setting, sallyport, set } from "./setting.ts";

const policyYaml = `version: 1
roles:
  everyone:
    allow:
      - { id: echo, server: alpha, tools: [echo] }
      - { id: small, server: alpha, tools: [refund], when: mcp.tool.arguments.amount <= 100 }
      - { id: idle, server: alpha, prompts: [daily] }
    deny:
      - { id: never, server: alpha, tools: ["drop-*"] }
      - { id: no-echo, server: alpha, tools: [echo], mode: shadow }
bindings:
  - { roles: [everyone], groups: [all] }
`;

/** Runs the command as somebody at a terminal would. */
async function policy({ gateway }: Setting, ...args: string[]): Promise<{ code: number; stdout: string }> {
  const run = promisify(execFile)(process.execPath, [sallyport, "policy", ...args], { cwd: gateway.directory });
  return run.then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
}

it("what a gateway recorded is explained, reviewed and put to other policies", async () => {
  const setting = await set({ policyYaml });
  const { gateway, client } = setting;
  const guest = await createClient(
    gateway,
    "alpha",
    await gateway.mint({ server: "alpha", subject: "guest", groups: [] }),
  );
  onTestFinished(() => guest.close());

  const allowed = await client.post(toolCall(1, "echo", {}));
  const refunded = await client.post(toolCall(2, "refund", { amount: 50 }));
  const denied = await client.post(toolCall(3, "drop-all", {}));
  const tooMuch = await client.post(toolCall(4, "refund", { amount: 500 }));
  const unbound = await guest.post(toolCall(5, "echo", {}));
  for (const { message } of [allowed, refunded]) expect(message).toHaveProperty("result");
  for (const { message } of [denied, tooMuch, unbound]) expect(message).toMatchObject({ error: { code: 403 } });

  const explain = (...args: string[]) => policy(setting, "explain", ...args);
  expect(await explain(allowed.requestId)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^ALLOWED then, by the same policies as now: by rule echo \(policies\/all\.yaml:5\)[\s\S]*enforced: DENIED: by deny rule no-echo/,
    ),
  });
  const { stdout: told } = await explain(allowed.requestId);
  const [, then, now] = /policies ([0-9a-f]{16}) then, ([0-9a-f]{16}) now/.exec(told) ?? [];
  expect(then).toBe(now);
  expect(now).toBeDefined();
  expect(await explain(denied.requestId)).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(
      /^DENIED then, by the same policies as now: by deny rule never \(policies\/all\.yaml:9\)/,
    ),
  });
  expect(await explain(tooMuch.requestId)).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(
      /^DENIED then, by the same policies as now: no rule [\s\S]*: deny, [\s\S]*arguments, as recorded: \{"amount":500\}/,
    ),
  });
  expect(await explain(tooMuch.requestId, "--arguments", '{"amount":500}')).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^DENIED: no rule allows it[\s\S]*\[mcp\.tool\.arguments\.amount is 500\]/),
  });
  expect(await explain(unbound.requestId)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("be in group all: rule echo (policies/all.yaml:5) would allow it"),
  });

  const shadow = await policy(setting, "simulate", "--shadow-report", "--json");
  expect(shadow.code).toBe(1);
  expect(JSON.parse(shadow.stdout)).toMatchObject({
    would: { deny: 1, allow: 0 },
    turns: [{ what: { rule: "no-echo", subject: "tester", name: "echo" }, examples: [allowed.requestId] }],
  });

  await mkdir(join(gateway.directory, "next"));
  await writeFile(
    join(gateway.directory, "next", "all.yaml"),
    policyYaml.replace("tools: [echo] }", "tools: [drop-all] }"),
  );
  const turned = [
    {
      what: { certain: true, from: "allow", to: "deny", subject: "tester", name: "echo" },
      examples: [allowed.requestId],
    },
  ];
  const simulated = await policy(setting, "simulate", "--policies", "next", "--json");
  expect(simulated.code).toBe(1);
  expect(JSON.parse(simulated.stdout)).toMatchObject({ asked: 5, changed: 1, open: 0 });
  const compared = await policy(setting, "diff", "policies", "next", "--replay", gateway.auditFile, "--json");
  expect(compared.code).toBe(1);
  expect(JSON.parse(compared.stdout)).toMatchObject({
    differences: [{ who: ["group all"], changes: [{ change: "loses", pattern: "echo" }] }],
    replay: { asked: 5, changed: 1, open: 0, turns: turned },
  });

  const review = await policy(setting, "review", "--json");
  expect(review.code).toBe(0);
  const { grants } = JSON.parse(review.stdout) as { grants: Record<string, unknown>[] };
  expect(grants.map(({ who, pattern, uses }) => [who, pattern, uses])).toEqual([
    ["tester (builtin)", "daily", 0],
    ["tester (builtin)", "echo", 1],
    ["tester (builtin)", "refund", 1],
  ]);
});
