import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { until } from "../golden/observe.ts";
import { fileOf } from "../unit/audit/lines.ts";
import { writeTree } from "../unit/config/fixture.ts";
import { toolCall } from "./http.ts";
import { denyEcho, type Setting, sallyport, set } from "./setting.ts";

/** Runs the command as somebody at a terminal would. */
async function audit({ gateway }: Setting, ...args: string[]): Promise<{ code: number; stdout: string }> {
  const run = promisify(execFile)(process.execPath, [sallyport, "audit", ...args], { cwd: gateway.directory });
  return run.then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
}

/** Runs `audit tail -f`, and collects what it says. */
function follow(cwd: string, ...args: string[]) {
  const child = spawn(process.execPath, [sallyport, "audit", "tail", "-f", ...args], { cwd });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    said += chunk;
  });
  const saying = (text: string) => until(text, () => said.includes(text) || undefined);
  return { child, saying, said: () => said };
}

it("what a gateway records is searched, followed, exported and added up while it runs", async () => {
  const setting = await set({ policyYaml: denyEcho });
  const { gateway, client } = setting;
  const allowed = await client.post(toolCall(1, "refund", { amount: 7 }));
  const denied = await client.post(toolCall(2, "echo"));
  const anonymous = await client.send("POST", { headers: { authorization: "Bearer none" }, body: "{}" });
  expect([allowed.status, denied.status, anonymous.status]).toEqual([200, 200, 401]);

  const refused = await audit(setting, "search", "--decision", "deny");
  expect(refused.code).toBe(0);
  expect(refused.stdout.split("\n").map((line) => line.split("  ").slice(1).join("  "))).toEqual([
    expect.stringMatching(
      new RegExp(`^${denied.requestId.slice(0, 8)} {2}tester \\(builtin\\) {2}alpha {2}tools/call {2}echo {2}deny {2}`),
    ),
    expect.stringMatching(new RegExp(`^${anonymous.requestId.slice(0, 8)} {2}- .*deny {2}token_malformed {2}401 {2}`)),
    "",
  ]);
  const json = await audit(setting, "search", "--id", allowed.requestId.slice(0, 13), "--json", "AMOUNT");
  expect(JSON.parse(json.stdout)).toMatchObject({ id: allowed.requestId, args: { view: { amount: 7 } } });
  expect(await audit(setting, "search", "--until", "1h")).toMatchObject({ code: 1, stdout: "" });
  expect((await audit(setting, "search", "--reason", "polcy_denied")).code).toBe(2);

  const { stdout: last } = await audit(setting, "tail", "-n", "1", "--tool", "*");
  expect(last).toContain(denied.requestId.slice(0, 8));
  for (const [format, mark] of [
    ["csv", `,${denied.requestId},request,127.0.0.1,`],
    ["ecs", `"http":{"request":{"id":"${denied.requestId}"`],
    ["ocsf", `"correlation_uid":"${denied.requestId}"`],
    ["cef", `externalId=${denied.requestId} src=127.0.0.1 suser=tester`],
    ["jsonl", `"id":"${denied.requestId}"`],
  ] as const) {
    const { code, stdout } = await audit(setting, "export", "--format", format, "--since", "1h");
    expect([format, code, stdout.includes(mark)]).toEqual([format, 0, true]);
  }
  const stats = await audit(setting, "stats", "--json", "--audit", join(gateway.directory, "data", "audit"));
  expect(JSON.parse(stats.stdout)).toMatchObject({
    records: 4,
    decisions: { allow: 1, deny: 2, none: 0 },
    people: { rows: [{ issuer: "builtin", subject: "tester", calls: 2, denials: 1 }] },
    tools: { rows: [{ tool: "echo" }, { tool: "refund" }] },
  });
});

it("audit tail -f tells what comes, until it is interrupted", async () => {
  const setting = await set();
  const { gateway, client } = setting;
  const before = await client.post(toolCall(1));
  const { child, saying, said } = follow(gateway.directory, "-n", "1", "--event", "request", "--json");
  await saying(before.requestId);
  const after = await client.post(toolCall(2));
  await saying(after.requestId);
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([0, null]);
  expect(said().split("\n")).toHaveLength(3);
});

it("audit tail -f waits for a trail, and goes on when its file is closed and another one begun", async () => {
  const directory = await writeTree({});
  const { child, saying, said } = follow(directory, "--audit", join(directory, "audit"), "--json");
  const place = (name: string) => join(directory, "audit", name);
  await mkdir(place("."));
  await writeFile(place("audit.jsonl"), fileOf([{ id: "first" }]));
  await saying('"first"');
  await rename(place("audit.jsonl"), place("audit.000000000001.jsonl"));
  await writeFile(place("audit.jsonl"), fileOf([{ id: "second" }], 2));
  await writeFile(place("audit-2.jsonl"), fileOf([{ id: "other" }]));
  await Promise.all([saying('"second"'), saying('"other"')]);
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([0, null]);
  expect(said().split("\n")).toHaveLength(4);
});

it("audit tail -f follows the trails of several gateways, of which one has not begun", async () => {
  const directory = await writeTree({ "one/audit.jsonl": fileOf([{ id: "first" }]) });
  const [one, two] = ["one", "two"].map((name) => join(directory, name)) as [string, string];
  const { child, saying, said } = follow(directory, "--audit", one, "--audit", two, "--json");
  await saying('"first"');
  await mkdir(two);
  await writeFile(join(two, "audit.jsonl"), fileOf([{ id: "second" }]));
  await saying('"second"');
  await writeFile(join(one, "audit.jsonl"), fileOf([{ id: "third" }], 2), { flag: "a" });
  await saying('"third"');
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([0, null]);
  expect(said().split("\n")).toHaveLength(4);
});

it("a reader that has seen enough ends a search quietly", async () => {
  const { gateway, client } = await set();
  for (let id = 1; id <= 20; id++) await client.post(toolCall(id));
  const line = `"${process.execPath}" "${sallyport}" audit search --event request | head -n 1`;
  const { stdout, stderr } = await promisify(execFile)("/bin/sh", ["-c", line], { cwd: gateway.directory });
  expect([stdout.split("\n").length, stderr]).toEqual([2, ""]);
});
