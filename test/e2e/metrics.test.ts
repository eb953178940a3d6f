/** What an operator sees at /metrics. */
import { spawnSync } from "node:child_process";
import { expect, it, onTestFinished } from "vitest";
import { findFreePort, type Gateway } from "../fixtures/gateway.ts";
import { hasPromtool } from "../fixtures/promtool.ts";
import { startRecorder } from "../fixtures/recorder.ts";
import { scrape, until } from "../golden/observe.ts";
import { createClient, toolCall } from "./http.ts";
import { set } from "./setting.ts";

/** The lines of one metric, without its name. */
async function readLines(gateway: Gateway, metric: string): Promise<string[]> {
  const lines = (await scrape(gateway)).split("\n");
  return lines.filter((line) => line.startsWith(`${metric}{`)).map((line) => line.slice(metric.length));
}

async function callAt(gateway: Gateway, server: string): Promise<void> {
  const client = await createClient(gateway, server, await gateway.mint({ server }));
  onTestFinished(() => client.close());
  await client.post(toolCall(1));
}

it("tells which server calls are refused for, and which not", async () => {
  const torn = await startRecorder((_request, _body, response) => void response.destroy());
  onTestFinished(() => torn.stop());
  const servers = {
    away: { url: `http://127.0.0.1:${await findFreePort()}/mcp` },
    torn: { url: torn.url },
  };
  const { gateway } = await set({ configOverrides: { servers } });
  for (const server of ["alpha", "away", "away", "torn"]) await callAt(gateway, server);
  expect((await readLines(gateway, "sallyport_upstream_refusals_total")).toSorted()).toEqual([
    '{server="away",reason="upstream_unreachable"} 2',
    '{server="torn",reason="upstream_reset"} 1',
  ]);
});

it("tells how fetching the keys of each issuer goes, by the name that the configuration gives it", async () => {
  let isAway = true;
  const provider = await startRecorder(({ url, headers: { host } }, _body, response) => {
    if (isAway) return void response.writeHead(503).end();
    const issuer = `http://${host}`;
    response.end(JSON.stringify(url === "/jwks" ? { keys: [] } : { issuer, jwks_uri: `${issuer}/jwks` }));
  });
  onTestFinished(() => provider.stop());
  const issuer = new URL(provider.url).origin;
  const { gateway } = await set({ configOverrides: { identity: { issuers: { corp: { issuer } } } } });
  const fetches = () => readLines(gateway, "sallyport_jwks_fetches_total");
  const failed = await until("the first fetch", async () => {
    const lines = await fetches();
    return lines.includes('{issuer="corp",outcome="failed"} 1') ? lines : undefined;
  });
  expect(failed).toEqual(['{issuer="corp",outcome="ok"} 0', '{issuer="corp",outcome="failed"} 1']);
  expect(await readLines(gateway, "sallyport_jwks_age_seconds")).toEqual([]);

  isAway = false;
  const [header, claims] = [{ alg: "ES256", kid: "k1" }, { iss: issuer }].map((part) => btoa(JSON.stringify(part)));
  const stranger = await createClient(gateway, "alpha", `${header}.${claims}.${btoa("signature")}`.replaceAll("=", ""));
  onTestFinished(() => stranger.close());
  await until("keys", async () => (await stranger.post(toolCall(1))).text.includes("token_key") || undefined);
  expect(await fetches()).toContain('{issuer="corp",outcome="ok"} 1');
  expect(await readLines(gateway, "sallyport_jwks_age_seconds")).toHaveLength(1);
  expect(await scrape(gateway)).not.toContain(issuer);
});

it.skipIf(!hasPromtool).each([1, 2])("satisfies promtool check metrics (workers: %i)", async (workers) => {
  const { gateway, client } = await set({ configOverrides: { workers } });
  await client.post(toolCall(1));
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: await scrape(gateway),
    encoding: "utf8",
  });
  expect([status, stdout + stderr]).toEqual([0, ""]);
});

it("has no label that a stranger made, nor one who may call", async () => {
  const { gateway, client } = await set();
  const names = { stranger: "zzz-1", server: "zzz-2", tool: "zzz-3", method: "zzz-4", id: "zzz-5", origin: "zzz-6" };
  const stranger = await createClient(gateway, names.server, `${btoa('{"alg":"ES256","kid":"zzz-7"}')}.e30.zzz`);
  onTestFinished(() => stranger.close());
  for (const { post, send } of [stranger, client]) {
    await post(toolCall(1, names.tool));
    await post({ id: names.id, method: names.method });
    await post({ method: `notifications/${names.method}` });
    await post(toolCall(2), { "mcp-session-id": names.stranger, "mcp-protocol-version": names.stranger });
    await post(toolCall(2), { origin: `https://${names.origin}` });
    await send("GET", { path: `/.well-known/oauth-protected-resource/${names.server}` });
    await send("GET", { path: `/${names.server}/sse` });
    await send("DELETE", { path: `/${names.server}/mcp` });
  }
  const metrics = await scrape(gateway);
  expect(metrics).toContain('sallyport_requests_total{server="none"');
  expect(metrics).not.toContain("zzz");
});
