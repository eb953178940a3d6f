import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { readAudit, readMetric, scrape, until } from "../golden/observe.ts";
import { initialize, toolCall } from "./http.ts";
import { reloads, sallyport, set, upstreamSession, verify, withSessions } from "./setting.ts";

it("a second process on the same audit directory does not start, and says why", async () => {
  const { gateway, client } = await set();
  const config = parse(await readFile(gateway.configFile, "utf8")) as { listen: Record<string, unknown> };
  config.listen.address = "127.0.0.1:0";
  const second = join(gateway.directory, "second.yaml");
  await writeFile(second, stringify(config));
  const child = spawn(process.execPath, [sallyport, "serve", "-c", second], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk;
  });
  expect(await once(child, "close")).toEqual([2, null]);
  expect(said).toContain(`process ${gateway.child.pid} writes this audit trail already`);
  expect((await client.post(toolCall(1))).status).toBe(200);
  expect(await verify(gateway.auditFile)).toMatchObject({ code: 0 });
});

// Linux alone can take the room for files away from a process that runs, and give it back.
it.runIf(existsSync("/usr/bin/prlimit"))(
  "a full disk refuses calls, keeps them from the server, and heals",
  async () => {
    const { gateway, client, recorder, log } = await set();
    expect((await client.post(toolCall(1))).message).toHaveProperty("result");
    const limit = (bytes: string) =>
      promisify(execFile)("/usr/bin/prlimit", ["--pid", String(gateway.child.pid), `--fsize=${bytes}:unlimited`]);
    await limit(String((await stat(gateway.auditFile)).size));
    const refused = await client.post(toolCall(2));
    expect(refused.message).toMatchObject({ id: 2, error: { code: 503, data: { reason: "audit_unavailable" } } });
    expect(refused.text).not.toContain("recorded");
    const probe = await fetch(`${gateway.adminUrl}/readyz`);
    expect([probe.status, await probe.text()]).toEqual([503, expect.stringContaining("audit")]);
    expect(readMetric(await scrape(gateway), "sallyport_refusals_total", "reason").get("audit_unavailable")).toBe(1);
    expect(log()).toContain("audit record could not be written");
    expect(await scrape(gateway)).toMatch(/^sallyport_audit_up 0$/m);

    const forwarded = recorder.requests.length;
    expect((await client.post(toolCall(3))).message).toMatchObject({
      error: { data: { reason: "audit_unavailable" } },
    });
    expect.soft(recorder.requests, "a call that cannot be recorded reached the server").toHaveLength(forwarded);

    await limit("unlimited");
    const healed = await until("the gateway to heal", async () => {
      const answer = await client.post(toolCall(4));
      return "result" in answer.message ? answer : undefined;
    });
    expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);
    expect(await scrape(gateway)).toMatch(/^sallyport_audit_up 1$/m);
    expect((await readAudit(gateway)).map(({ id }) => id)).toContain(healed.requestId);
    expect(await verify(gateway.auditFile)).toMatchObject({ code: 0, report: { ok: true } });
  },
);

it.each([
  ["state", 1],
  ["audit", 1],
  ["audit", 2],
])("a %s directory that cannot be made is named by its place in the file (workers: %i)", async (name, workers) => {
  const configOverrides = { workers, [name]: { directory: "policies/all.yaml/data" } };
  await expect(set({ configOverrides })).rejects.toThrow(
    new RegExp(`sallyport\\.yaml:\\d+:\\d+: ${name}\\.directory: what is above this directory is a file`),
  );
});

it("no secret is in log, trail, metrics or probes", async () => {
  const canaries = {
    upstreamBearer: "canary-upstream-bearer-77aa",
    upstreamHeader: "canary-upstream-header-88bb",
    password: "canary-password-in-arguments-99cc",
    nested: "canary-nested-api-key-00dd",
    query: "canary-token-in-query-11ee",
    basic: "Y2FuYXJ5OmJhc2ljLXBhc3N3b3Jk",
    madeUpSession: "canary-session-made-up-22ff",
    badToken: "canary.bad.token-33aa",
    upstreamSession,
  };
  const { gateway, client, recorder, token, log } = await set({
    handler: withSessions,
    server: { credentials: { bearer: canaries.upstreamBearer }, headers: { "x-api-key": canaries.upstreamHeader } },
    configOverrides: { log: { level: "debug" } },
  });
  const { session = "" } = await client.post(initialize);
  expect(session).not.toBe("");
  const inSession = { "mcp-session-id": session };
  const args = { password: canaries.password, deep: [{ settings: JSON.stringify({ api_key: canaries.nested }) }] };
  expect((await client.post(toolCall(1, "echo", args), inSession)).message).toHaveProperty("result");
  const shown = recorder.requests.flatMap(({ rawHeaders }) => rawHeaders);
  expect(shown).toContain(`Bearer ${canaries.upstreamBearer}`);
  expect(shown).toContain(canaries.upstreamHeader);
  expect(shown.join("\n")).not.toContain(token);

  const body = JSON.stringify({ jsonrpc: "2.0", id: 2, method: "ping" });
  const refused = [
    await client.send("POST", {
      body,
      path: `/alpha/mcp?access_token=${canaries.query}`,
      headers: { origin: "https://evil.test" },
    }),
    await client.send("POST", { body, headers: { authorization: `Basic ${canaries.basic}` } }),
    await client.send("POST", { body, headers: { authorization: `Bearer ${canaries.badToken}` } }),
    await client.send("POST", { body, headers: { authorization: `Bearer ${token.slice(0, -8)}AAAAAAAA` } }),
    await client.send("POST", { body, headers: { "mcp-session-id": canaries.madeUpSession } }),
    await client.send("POST", { body: `{"jsonrpc":"2.0","id":3,"password":"${canaries.password}",` }),
    await client.send("DELETE", { headers: { ...inSession, "mcp-protocol-version": canaries.madeUpSession } }),
  ];
  for (const { status } of refused) expect(status).toBeGreaterThanOrEqual(400);
  gateway.child.kill("SIGHUP");
  await until("the reload", async () => (await reloads(gateway)).length > 0 || undefined);

  const { keys } = await readKeys(join(gateway.directory, "data"));
  const secrets = [...Object.values(canaries), token, token.split(".")[2] ?? "", session, ...keys];
  const outlets = {
    log: gateway.errors() + log(),
    audit: await readFile(gateway.auditFile, "utf8"),
    metrics: await scrape(gateway),
    healthz: await (await fetch(`${gateway.adminUrl}/healthz`)).text(),
    answers: refused.map(({ text }) => text).join("\n"),
  };
  expect(outlets.log).toContain("request refused");
  for (const [outlet, text] of Object.entries(outlets)) {
    const found = secrets.filter(
      (secret) => text.includes(secret) && !(outlet === "answers" && secret === canaries.madeUpSession),
    );
    expect(found, outlet).toEqual([]);
  }
});

/** Everything secret in the key ring. */
async function readKeys(directory: string): Promise<{ keys: string[] }> {
  const { signing, sealing, fingerprint } = JSON.parse(await readFile(join(directory, "keys.json"), "utf8")) as {
    signing: { jwk: { d: string } }[];
    sealing: { key: string }[];
    fingerprint: string;
  };
  return { keys: [...signing.map(({ jwk }) => jwk.d), ...sealing.map(({ key }) => key), fingerprint] };
}
