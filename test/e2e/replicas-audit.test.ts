/** Replicas write a trail each; commands read them together. */
import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { hasRedis } from "../fixtures/redis.ts";
import { createClient, initialize, toolCall } from "./http.ts";
import { openRedis, startReplica, untilUp } from "./replica-world.ts";
import { sallyport, set, withSessions } from "./setting.ts";

const policyYaml = `version: 1
roles:
  everyone:
    allow:
      - { id: echo, server: alpha, tools: [echo] }
      - { id: refund, server: alpha, tools: [refund] }
bindings: [{ roles: [everyone], groups: [all] }]
`;

it.skipIf(!hasRedis).each([
  ["in clear", false],
  ["encrypted", true],
])("what either replica saw is found in both trails, %s", async (_how, encryption) => {
  const redis = await openRedis();
  const configOverrides = { state: { redis: redis.url }, audit: { encryption } };
  const { gateway, recorder, token, client } = await set({ policyYaml, configOverrides, handler: withSessions });
  const replica = await startReplica(gateway, { servers: { alpha: recorder.url }, policyYaml, configOverrides });
  const other = await createClient({ publicUrl: replica.publicUrl, caFile: gateway.caFile }, "alpha", token);
  onTestFinished(() => other.close());
  for (const each of [gateway, replica]) await untilUp(each, 1);

  const { session = "" } = await client.post(initialize);
  const headers = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
  const ids: string[] = [];
  for (const [at, tool] of ["echo", "refund", "echo"].entries()) {
    const { message, requestId } = await (at === 1 ? other : client).post(toolCall(at, tool), headers);
    expect(message).toHaveProperty("result");
    ids.push(requestId);
  }

  const say = async (...args: string[]) => {
    const running = promisify(execFile)(process.execPath, [sallyport, ...args], { cwd: gateway.directory });
    return running.then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
    );
  };
  const both = [gateway, replica].flatMap(({ auditFile }) => ["--audit", dirname(auditFile)]);

  const found = await say("audit", "search", "--json", "--subject", "tester", "--method", "tools/call", ...both);
  const records = found.stdout.split("\n").filter((line) => line !== "");
  expect([found.stderr, records.map((line) => JSON.parse(line).id)]).toEqual(["", ids]);

  expect(await say("policy", "explain", ids[1] ?? "")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("there is no record of this request"),
  });
  expect(await say("policy", "explain", ids[1] ?? "", ...both)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("by rule refund"),
  });

  const usesOf = async (...trails: string[]) => {
    const { grants } = JSON.parse((await say("policy", "review", "--json", ...trails)).stdout) as {
      grants: { who: string; pattern: string; uses: number }[];
    };
    const ofTester = grants.filter(({ who }) => who.startsWith("tester"));
    return Object.fromEntries(ofTester.map(({ pattern, uses }) => [pattern, uses]));
  };
  expect(await usesOf()).toEqual({ echo: 2, refund: 0 });
  expect(await usesOf(...both)).toEqual({ echo: 2, refund: 1 });

  const sessions = async (...trails: string[]) =>
    JSON.parse((await say("session", "list", "--mcp", "--json", ...trails)).stdout);
  expect(await sessions(...both)).toMatchObject({ mcp: [{ subject: "tester", messages: 4 }] });
  expect(await sessions()).toMatchObject({ mcp: [{ subject: "tester", messages: 3 }] });
});
