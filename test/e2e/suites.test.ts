/** Suites of tests beside the policies: what fails them is not taken. */
import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { scrape, until } from "../golden/observe.ts";
import { configWith, policy, writeTree } from "../unit/config/fixture.ts";
import { toolCall } from "./http.ts";
import { denyEcho, lastReload, reloads, replaceFile, sallyport, set } from "./setting.ts";

const suite = `version: 1
identities: { tester: { subject: tester, groups: [all] }, stranger: { subject: stranger } }
requests: { echo: { server: alpha, tool: echo } }
tests:
  - { name: everybody may echo, identities: [tester], requests: [echo], expect: allow, rule: everything }
`;
const failing = suite.replace("[tester], requests", "[tester, stranger], requests");

it("a policy that fails its suite is not taken, and is once it passes", async () => {
  const { gateway, client, log } = await set();
  const policies = join(gateway.directory, "policies");
  await writeFile(join(policies, "all_test.yaml"), suite);
  const reloaded = await until("the suite to be seen", async () => (await reloads(gateway))[0]);
  expect(reloaded).toMatchObject({ successful: true });

  await replaceFile(join(policies, "all.yaml"), denyEcho);
  await until("the reload to fail", async () => (await lastReload(gateway)) === 0 || undefined);
  expect((await client.post(toolCall(1))).message).toMatchObject({ id: 1, result: {} });
  const failures = async () => (await reloads(gateway)).filter((note) => !(note as { successful: boolean }).successful);
  const refused = await until("its record", async () => (await failures())[0]);
  const problem =
    /policies\/all_test\.yaml:5:5 · tests\[0\] · "everybody may echo" fails: tester × echo: expected allow, got deny by no-echo at policies\/all\.yaml:\d+$/;
  const problems = [expect.stringMatching(problem)];
  const { previous: _, ...said } = reloaded as { previous: object };
  expect(refused).toEqual({ ...said, successful: false, problems });
  const line = log()
    .split("\n")
    .find((each) => each.includes("the last good one goes on"));
  expect(JSON.parse(line ?? "{}")).toMatchObject({ level: "error", cause: "file", problems });

  // The suite alone changes, where it stands: nothing else tells that there is something new to read.
  await writeFile(join(policies, "all_test.yaml"), suite.replace("allow, rule: everything", "deny, rule: no-echo"));
  await until("the next reload", async () => (await lastReload(gateway)) === 1 || undefined);
  expect((await client.post(toolCall(2))).message).toMatchObject({ id: 2, error: { code: 403 } });
});

it("a suite that appears and fails can be mended where it stands", async () => {
  const { gateway, log } = await set();
  const file = join(gateway.directory, "policies", "more_test.yaml");
  await writeFile(file, "version: 1\nidentities: [\n");
  await until("the reload to fail", async () => (await lastReload(gateway)) === 0 || undefined);
  expect(log()).toContain("policies/more_test.yaml:3:1");
  await writeFile(file, suite);
  await until("the next reload", async () => (await lastReload(gateway)) === 1 || undefined);
  const before = (await reloads(gateway)).length;
  await rm(file);
  await until("a reload without it", async () => (await reloads(gateway)).length > before || undefined);
  expect(await lastReload(gateway)).toBe(1);
});

it("a failing suite keeps nothing from being taken where the configuration says so", async () => {
  const policies = { files: ["policies/*.yaml"], testsOnReload: false };
  const { gateway, client } = await set({ configOverrides: { policies } });
  await writeFile(join(gateway.directory, "policies", "all_test.yaml"), failing);
  await replaceFile(join(gateway.directory, "policies", "all.yaml"), denyEcho);
  await until("the reload", async () => (await reloads(gateway)).length > 0 || undefined);
  await until(
    "the new policy",
    async () => "error" in ((await client.post(toolCall(1))).message as object) || undefined,
  );
  expect(await lastReload(gateway)).toBe(1);
});

it("every worker refuses what fails a suite", async () => {
  const { gateway, client } = await set({ configOverrides: { workers: 2 } });
  await writeFile(join(gateway.directory, "policies", "all_test.yaml"), failing);
  await replaceFile(join(gateway.directory, "policies", "all.yaml"), denyEcho);
  await until("both to refuse", async () => {
    const metrics = await scrape(gateway);
    return [1, 2].every((worker) => metrics.includes(`sallyport_config_last_reload_successful{worker="${worker}"} 0`));
  });
  expect((await client.post(toolCall(1))).message).toMatchObject({ id: 1, result: {} });
});

it("a gateway does not start with a policy that fails its suite, and says which test it is", async () => {
  const directory = await writeTree({
    "sallyport.yaml": configWith("admin: { address: 127.0.0.1:0 }\n"),
    "policies/a.yaml": policy,
    "policies/a_test.yaml": failing.replace("alpha", "weather").replace(", rule: everything", ""),
  });
  const start = promisify(execFile)(process.execPath, [sallyport, "serve", "-c", join(directory, "sallyport.yaml")]);
  const stderr = await start.catch((error: { code: number; stderr: string }) => {
    expect(error.code).toBe(2);
    return error.stderr;
  });
  expect(stderr).toContain('policies/a_test.yaml:5:5: tests[0]: "everybody may echo" fails: tester × echo: expected');
  expect(stderr).toContain("  5 |   - { name: everybody may echo");
});
