/** What an operator sees at /metrics. */
import { expect, it, onTestFinished } from "vitest";
import { findFreePort, type Gateway } from "../fixtures/gateway.ts";
import { startRecorder } from "../fixtures/recorder.ts";
import { scrape } from "../golden/observe.ts";
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
