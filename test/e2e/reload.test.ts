import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { parse, stringify } from "yaml";
import { ensureCertificates } from "../../src/quickstart/certificates.ts";
import type { Gateway } from "../fixtures/gateway.ts";
import { answerMinimally } from "../fixtures/recorder.ts";
import { readAudit, scrape, until } from "../golden/observe.ts";
import { openWire } from "../golden/wire.ts";
import { createClient, initialize, toolCall } from "./http.ts";
import { connect, denyEcho, hangUp, lastReload, reloads, replaceFile, set, withSessions } from "./setting.ts";

it.each<[string, string, RegExp]>([
  ["a policy that does not parse", "version: 1\nroles: [\n", /policies\/all\.yaml:3:1 · /],
  [
    "a policy with a role that is not there",
    "version: 1\nbindings: [{ roles: [ghost], groups: [all] }]\n",
    /policies\/all\.yaml:2:\d+ · bindings\[0\]\.roles\[0\] · /,
  ],
  ["an empty policy file", "", /policies\/all\.yaml:1:1 · /],
])("a reload with %s changes nothing but a metric, a log line and a record", async (_case, policy, problem) => {
  const { gateway, client, log } = await set();
  await replaceFile(join(gateway.directory, "policies", "all.yaml"), policy);
  gateway.child.kill("SIGHUP");
  await until("the reload to fail", async () => (await lastReload(gateway)) === 0 || undefined);
  expect((await client.post(toolCall(1))).message).toMatchObject({ id: 1, result: {} });
  expect(await until("its record", async () => (await reloads(gateway))[0])).toMatchObject({
    successful: false,
    problems: [expect.stringMatching(problem)],
  });
  expect(log()).toContain("the last good one goes on");
  expect(await (await fetch(`${gateway.adminUrl}/readyz`)).text()).toBe("ok\n");

  await replaceFile(join(gateway.directory, "policies", "all.yaml"), denyEcho);
  gateway.child.kill("SIGHUP");
  await until("the next reload", async () => (await lastReload(gateway)) === 1 || undefined);
});

it("a reload that would change a listener is refused, with the setting's name", async () => {
  const { gateway, client, log } = await set();
  const config = parse(await readFile(gateway.configFile, "utf8")) as { listen: Record<string, unknown> };
  config.listen.maxHeader = "32KiB";
  await replaceFile(gateway.configFile, stringify(config));
  gateway.child.kill("SIGHUP");
  await until("the reload to fail", async () => (await lastReload(gateway)) === 0 || undefined);
  expect(log()).toContain("listen.maxHeader");
  expect((await client.post(toolCall(1))).message).toMatchObject({ id: 1, result: {} });
});

it("what a refused reload says of itself quotes no secret of the files", async () => {
  const { gateway, log } = await set();
  const config = parse(await readFile(gateway.configFile, "utf8")) as { servers: Record<string, object> };
  // Found out by a rule, by a key that nobody knows, and where the YAML itself ends too early.
  config.servers.alpha = { ...config.servers.alpha, headers: { "X-Note": " canary-one" }, extra: "canary-two" };
  for (const [text, problem] of [
    [stringify(config), "servers.alpha.extra · unknown key"],
    [`${stringify(config)}log: { level: canary-three\n`, "must be sufficiently indented and end with a }"],
  ] as const) {
    await replaceFile(gateway.configFile, text);
    gateway.child.kill("SIGHUP");
    await until("its record", async () => JSON.stringify(await reloads(gateway)).includes(problem) || undefined);
  }
  expect(JSON.stringify(await reloads(gateway)) + log()).not.toContain("canary");
});

it.each<[string, (gateway: Gateway) => void]>([
  ["SIGHUP", (gateway) => void gateway.child.kill("SIGHUP")],
  ["a change of the file alone", () => {}],
])("after %s an open session is judged by the new policy at its next message", async (_case, nudge) => {
  const { gateway, client, recorder } = await set({ handler: withSessions });
  const { session = "" } = await client.post(initialize);
  const inSession = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
  expect((await client.post(toolCall(1), inSession)).message).toMatchObject({ id: 1, result: {} });

  await replaceFile(join(gateway.directory, "policies", "all.yaml"), denyEcho);
  nudge(gateway);
  await until("the reload", async () => (await reloads(gateway)).length > 0 || undefined);
  const forwarded = recorder.requests.length;
  const refused = await client.post(toolCall(2), inSession);
  expect(refused.message).toMatchObject({ id: 2, error: { code: 403, data: { reason: "policy_denied" } } });
  expect((await client.post({ id: 3, method: "ping" }, inSession)).message).toMatchObject({ id: 3 });
  expect(recorder.requests).toHaveLength(forwarded + 1);
  const record = (await readAudit(gateway)).find(({ id }) => id === refused.requestId);
  expect(record?.decision).toMatchObject({ effect: "deny", rule: "no-echo" });
  // Each record says which policies it was judged by, and the gauge which ones decide now.
  const [first] = (await readAudit(gateway)).filter(({ method }) => method === "tools/call");
  expect(first?.decision.policies).not.toBe(record?.decision.policies);
  expect(await scrape(gateway)).toContain(`sallyport_policy_hash{hash="${record?.decision.policies}"} 1`);
});

const more = `version: 1
roles:
  more:
    deny: [{ id: no-echo, server: "*", tools: [echo] }]
bindings: [{ roles: [more], groups: [all] }]
`;

it.each<[string, string]>([
  ["was half written", more.slice(0, more.indexOf("tools"))],
  ["had a mistake", more.replace("tools", "tool")],
])("a new policy file that %s is taken once it is whole, though written in place", async (_case, first) => {
  const { gateway, client } = await set();
  const file = join(gateway.directory, "policies", "more.yaml");
  await writeFile(file, first);
  await until("the reload to fail", async () => (await lastReload(gateway)) === 0 || undefined);
  // Neither the directory changes by this nor anything that the last good policy was read from.
  await writeFile(file, more);
  await until("the next reload", async () => (await lastReload(gateway)) === 1 || undefined);
  expect((await client.post(toolCall(1))).message).toMatchObject({ error: { data: { reason: "policy_denied" } } });
});

it("after a reload other things are recorded of arguments", async () => {
  const { gateway, client } = await set();
  const args = { patientId: "p-17", session: "morning" };
  await client.post(toolCall(1, "echo", args));
  const config = parse(await readFile(gateway.configFile, "utf8")) as { servers: { alpha: object } };
  for (const audit of [{ redact: ["patient_*"], keep: ["session"] }, { arguments: "digest" }]) {
    await replaceFile(
      gateway.configFile,
      stringify({ ...config, servers: { alpha: { ...config.servers.alpha, audit } } }),
    );
    expect(await hangUp(gateway)).toMatchObject({ successful: true });
    await client.post(toolCall(2, "echo", args));
  }
  const calls = (await readAudit(gateway)).filter(({ method }) => method === "tools/call");
  const redacted = expect.stringMatching(/^\[redacted:[0-9a-f]{12}\]$/);
  expect(calls.map((record) => record.args?.view)).toEqual([
    { patientId: "p-17", session: redacted },
    { patientId: redacted, session: "morning" },
    undefined,
  ]);
  expect(new Set(calls.map((record) => record.args?.digest)).size).toBe(1);
});

it("a call in flight ends under the policy it began with, whatever a reload changes", async () => {
  const release = Promise.withResolvers<void>();
  const { gateway, client, recorder } = await set({
    handler: async (request, body, response) => {
      await release.promise;
      answerMinimally(request, body, response);
    },
  });
  const call = client.post(toolCall(1));
  await until("the call", () => recorder.requests.length === 1 || undefined);
  await replaceFile(join(gateway.directory, "policies", "all.yaml"), denyEcho);
  expect(await hangUp(gateway)).toMatchObject({ successful: true });
  release.resolve();
  expect((await call).message).toMatchObject({ id: 1, result: {} });
});

it("a call in flight keeps its place at a server whose limits a reload changes", async () => {
  const release = Promise.withResolvers<void>();
  const { gateway, client, recorder } = await set({
    connections: 2,
    handler: async (request, body, response) => {
      await release.promise;
      answerMinimally(request, body, response);
    },
  });
  const call = client.post(toolCall(1));
  await until("the call", () => recorder.requests.length === 1 || undefined);
  const config = parse(await readFile(gateway.configFile, "utf8")) as { servers: { alpha: object } };
  const alpha = { ...config.servers.alpha, concurrent: 1, timeouts: { turn: "300ms" } };
  await replaceFile(gateway.configFile, stringify({ ...config, servers: { alpha } }));
  await hangUp(gateway);
  expect((await client.post(toolCall(2))).message).toMatchObject({ error: { data: { reason: "upstream_busy" } } });
  expect(await scrape(gateway)).toContain('sallyport_inflight_requests{server="alpha"} 1');
  release.resolve();
  expect((await call).message).toMatchObject({ id: 1, result: {} });
  expect((await client.post(toolCall(3))).message).toMatchObject({ id: 3, result: {} });
});

it("a call whose body was still arriving reaches its server, whatever a reload changes", async () => {
  const { gateway, token, recorder, client } = await set();
  const wire = await connect(gateway);
  const body = JSON.stringify({ jsonrpc: "2.0", ...toolCall(1) });
  const head = [
    "POST /alpha/mcp HTTP/1.1",
    "Host: 127.0.0.1",
    `Authorization: Bearer ${token}`,
    "Content-Type: application/json",
    "Accept: application/json, text/event-stream",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  await wire.say(`${head.join("\r\n")}\r\n\r\n${body.slice(0, 10)}`);
  // What was said before this call is answered has been read by then.
  await client.post(toolCall(2));
  expect(await hangUp(gateway)).toMatchObject({ successful: true });
  await wire.say(body.slice(10));
  expect((await wire.hear()).status).toBe(200);
  expect(recorder.requests.at(-1)?.body.toString()).toBe(body);
});

it("serves a certificate that was replaced on disk to new connections, and keeps the old ones", async () => {
  const { gateway, token } = await set();
  const { port } = new URL(gateway.publicUrl);
  const oldCa = await readFile(gateway.caFile, "utf8");
  const old = await openWire({ host: "127.0.0.1", port: Number(port), ca: oldCa });
  onTestFinished(() => old.leave());

  const directory = await mkdtemp(join(tmpdir(), "sallyport-certificate-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const made = await ensureCertificates(directory, new Date());
  await rename(made.serverKey, join(gateway.directory, "certs", "server.key"));
  await rename(made.server, join(gateway.directory, "certs", "server.pem"));
  // Its own look may come between the two files.
  expect(await hangUp(gateway)).toMatchObject({ successful: true });

  const newClient = await createClient({ ...gateway, caFile: made.ca }, "alpha", token);
  onTestFinished(() => newClient.close());
  expect((await newClient.post(toolCall(1))).status).toBe(200);
  await expect(openWire({ host: "127.0.0.1", port: Number(port), ca: oldCa })).rejects.toThrow();
  void old.say(`GET /alpha/mcp HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
  expect(await old.hear()).toMatchObject({ status: 401 });
});

it.each([
  ["is no certificate any more", (file: string) => replaceFile(file, "half of a cert")],
  ["is gone", (file: string) => rm(file)],
])("a certificate whose file %s is shown on, and so is when it expires, until another one is", async (_case, spoil) => {
  const { gateway, client } = await set();
  const file = join(gateway.directory, "certs", "server.pem");
  const expiry = async () => (await scrape(gateway)).match(/^sallyport_cert_expiry_timestamp_seconds (.*)$/m)?.[1];
  const shown = String(expirySeconds(await readFile(file)));
  expect(await expiry()).toBe(shown);
  await spoil(file);
  gateway.child.kill("SIGHUP");
  await until("the reload to fail", async () => (await lastReload(gateway)) === 0 || undefined);
  expect(await expiry()).toBe(shown);
  expect((await client.post(toolCall(1))).status).toBe(200);

  const directory = await mkdtemp(join(tmpdir(), "sallyport-certificate-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const made = await ensureCertificates(directory, new Date(Date.now() - 86_400_000));
  const renewed = String(expirySeconds(await readFile(made.server)));
  expect(renewed).not.toBe(shown);
  await rename(made.serverKey, join(gateway.directory, "certs", "server.key"));
  await rename(made.server, file);
  gateway.child.kill("SIGHUP");
  await until("the new one", async () => (await lastReload(gateway)) === 1 || undefined);
  expect(await expiry()).toBe(renewed);
});

function expirySeconds(pem: Buffer): number {
  return new X509Certificate(pem).validToDate.getTime() / 1_000;
}
