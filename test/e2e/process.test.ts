import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { parse, stringify } from "yaml";
import { ensureCertificates } from "../../src/quickstart/certificates.ts";
import { startChild } from "../fixtures/child.ts";
import { type Gateway, type GatewayOptions, permissivePolicy, startGateway } from "../fixtures/gateway.ts";
import { answerMinimally, type Recorder, type RecorderHandler, startRecorder } from "../fixtures/recorder.ts";
import { readAudit, readMetric, scrape, until } from "../golden/observe.ts";
import { openWire, type Wire } from "../golden/wire.ts";
import { createClient, type HttpClient, initialize, toolCall } from "./http.ts";

const sallyport = fileURLToPath(new URL("../../bin/sallyport.js", import.meta.url));

interface Setting {
  readonly gateway: Gateway;
  readonly recorder: Recorder;
  readonly client: HttpClient;
  readonly token: string;
  /** Everything the gateway wrote on stderr since it was ready. */
  log(): string;
}

interface SettingOptions extends Omit<GatewayOptions, "servers"> {
  readonly handler?: RecorderHandler;
  readonly server?: Readonly<Record<string, unknown>>;
  readonly connections?: number;
}

/** A gateway in a process of its own with one recording server behind it; all gone when the test is over. */
async function set(options: SettingOptions = {}): Promise<Setting> {
  const { handler, server, connections, ...rest } = options;
  const recorder = await startRecorder(handler);
  onTestFinished(() => recorder.stop());
  const gateway = await startGateway({ ...rest, servers: { alpha: { url: recorder.url, ...server } } });
  onTestFinished(async () => void (await gateway.stop()));
  let log = "";
  gateway.child.stderr?.on("data", (chunk: string) => {
    log += chunk;
  });
  const token = await gateway.mint({ server: "alpha" });
  const client = await createClient(gateway, "alpha", token, connections);
  onTestFinished(() => client.close());
  return { gateway, recorder, client, token, log: () => log };
}

/** Answers as usual, and gives a session to whoever initializes. */
const withSessions: RecorderHandler = (request, body, response) => {
  if (body.includes('"initialize"')) response.setHeader("mcp-session-id", upstreamSession);
  answerMinimally(request, body, response);
};

const eventText =
  'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"hello"}}\n\n';

const upstreamSession = "canary-upstream-session-51d0";

const denyEcho = permissivePolicy.replace(
  "bindings:",
  '    deny:\n      - { id: no-echo, server: "*", tools: [echo] }\nbindings:',
);

/** A TLS connection on which nothing was said yet. */
async function connect(gateway: Gateway): Promise<Wire> {
  const { port } = new URL(gateway.publicUrl);
  const wire = await openWire({ host: "127.0.0.1", port: Number(port), ca: await readFile(gateway.caFile, "utf8") });
  onTestFinished(() => wire.leave());
  return wire;
}

/** Tells how the gateway ended, once it has. */
function watchExit({ child }: Gateway): () => unknown {
  let how: unknown;
  child.once("exit", (...parts) => {
    how = parts;
  });
  return () => how;
}

async function isDraining({ adminUrl }: Gateway): Promise<boolean> {
  const answer = await fetch(`${adminUrl}/readyz`).catch(() => undefined);
  return answer?.status === 503;
}

async function lastReload(gateway: Gateway): Promise<number | undefined> {
  const [, value] = /^sallyport_config_last_reload_successful (\d)$/m.exec(await scrape(gateway)) ?? [];
  return value === undefined ? undefined : Number(value);
}

async function reloads(gateway: Gateway): Promise<readonly unknown[]> {
  return (await readAudit(gateway)).filter(({ event }) => event === "reload").map(({ note }) => note);
}

async function verify(path: string): Promise<{ code: number; report: Record<string, unknown> }> {
  const run = promisify(execFile)(process.execPath, [sallyport, "audit", "verify", "--json", path]);
  const { code, stdout } = await run.then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
  return { code, report: JSON.parse(stdout) as Record<string, unknown> };
}

function replaceFile(path: string, text: string): Promise<void> {
  return writeFile(`${path}.new`, text).then(() => rename(`${path}.new`, path));
}

it.each<[string, string]>([
  ["a policy that does not parse", "version: 1\nroles: [\n"],
  ["a policy with a role that is not there", "version: 1\nbindings: [{ roles: [ghost], groups: [all] }]\n"],
  ["an empty policy file", ""],
])("a reload with %s changes nothing but a metric, a log line and a record", async (_case, policy) => {
  const { gateway, client, log } = await set();
  await replaceFile(join(gateway.directory, "policies", "all.yaml"), policy);
  gateway.child.kill("SIGHUP");
  await until("the reload to fail", async () => (await lastReload(gateway)) === 0 || undefined);
  expect((await client.post(toolCall(1))).message).toMatchObject({ id: 1, result: {} });
  expect(await until("its record", async () => (await reloads(gateway))[0])).toMatchObject({ successful: false });
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
  gateway.child.kill("SIGHUP");
  await until("the reload", async () => (await reloads(gateway)).length > 0 || undefined);
  release.resolve();
  expect((await call).message).toMatchObject({ id: 1, result: {} });
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
  gateway.child.kill("SIGHUP");
  await until("the reload", async () => (await reloads(gateway)).length > 0 || undefined);

  const newClient = await createClient({ ...gateway, caFile: made.ca }, "alpha", token);
  onTestFinished(() => newClient.close());
  expect((await newClient.post(toolCall(1))).status).toBe(200);
  await expect(openWire({ host: "127.0.0.1", port: Number(port), ca: oldCa })).rejects.toThrow();
  void old.say(`GET /alpha/mcp HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
  expect(await old.hear()).toMatchObject({ status: 401 });
});

it("SIGTERM: not ready at once, the call in progress finishes, exit code 0, the trail ends with a stop and verifies", async () => {
  const release = Promise.withResolvers<void>();
  const { gateway, client, recorder } = await set({
    handler: async (request, body, response) => {
      await release.promise;
      answerMinimally(request, body, response);
    },
  });
  const call = client.post(toolCall(1));
  await until("the call", () => recorder.requests.length === 1 || undefined);
  const exited = once(gateway.child, "exit");
  gateway.child.kill("SIGTERM");
  const probe = await until("readyz to say no", async () => {
    const answer = await fetch(`${gateway.adminUrl}/readyz`);
    return answer.status === 503 ? answer.text() : undefined;
  });
  expect(probe).toContain("draining");
  expect((await fetch(`${gateway.adminUrl}/livez`)).status).toBe(200);
  release.resolve();
  expect((await call).message).toMatchObject({ id: 1, result: { content: [{ text: "recorded" }] } });
  expect(await exited).toEqual([0, null]);
  const records = await readAudit(gateway);
  expect(records.at(-1)).toMatchObject({ event: "stop" });
  expect(records.map(({ id }) => id)).toContain((await call).requestId);
  expect(await verify(gateway.auditFile)).toMatchObject({ code: 0, report: { ok: true, stopped: true } });
});

it("SIGTERM: a call that does not finish within listen.drainTimeout is told so, and the exit code is 0 all the same", async () => {
  const { gateway, client, recorder } = await set({
    handler: () => {},
    configOverrides: { listen: { drainTimeout: "200ms" } },
  });
  const call = client.post(toolCall(1));
  await until("the call", () => recorder.requests.length === 1 || undefined);
  const exited = once(gateway.child, "exit");
  gateway.child.kill("SIGTERM");
  expect(await call).toMatchObject({ status: 503, message: { error: { data: { reason: "draining" } } } });
  expect(await exited).toEqual([0, null]);
  expect(await verify(gateway.auditFile)).toMatchObject({ code: 0, report: { stopped: true } });
});

it.each([
  ["open streams alone", 0],
  ["open streams and connections that are kept alive", 8],
])("SIGTERM: %s do not hold up the end, and streams end in good order", async (_case, inFlight) => {
  const release = Promise.withResolvers<void>();
  const { gateway, client, recorder, token } = await set({
    connections: 8,
    configOverrides: { listen: { drainTimeout: "10m" } },
    handler: async (request, body, response) => {
      if (request.method === "GET") {
        response.writeHead(200, { "content-type": "text/event-stream" }).write(eventText);
        return;
      }
      await release.promise;
      answerMinimally(request, body, response);
    },
  });
  const streams = [await connect(gateway), await connect(gateway), await connect(gateway)];
  const head = [
    "GET /alpha/mcp HTTP/1.1",
    "host: localhost",
    "accept: text/event-stream",
    `authorization: Bearer ${token}`,
  ];
  for (const stream of streams) {
    void stream.say(`${head.join("\r\n")}\r\n\r\n`);
    await until("the stream's first event", () => stream.received().includes("hello") || undefined);
  }
  const calls = Array.from({ length: inFlight }, (_, id) => client.post(toolCall(id)));
  await until("the calls", () => recorder.requests.length === inFlight + 3 || undefined);
  const exit = watchExit(gateway);
  gateway.child.kill("SIGTERM");
  await until("the drain", async () => exit() !== undefined || (await isDraining(gateway)) || undefined);
  release.resolve();
  for (const { status } of await Promise.all(calls)) expect(status).toBe(200);
  expect(await until("the end", exit)).toEqual([0, null]);
  for (const stream of streams) expect(await stream.hear()).toMatchObject({ status: 200, body: eventText });
});

it("SIGTERM: an answer that is on its way to a slow reader arrives whole", async () => {
  // More than the kernel keeps for both ends.
  const filler = "0123456789abcdef".repeat(2 * 1_048_576);
  const { gateway, token } = await set({
    server: { maxResponse: "64MiB" },
    handler: (_request, _body, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text: filler }] } }));
    },
  });
  const wire = await connect(gateway);
  const body = JSON.stringify({ jsonrpc: "2.0", ...toolCall(1) });
  const head = [
    "POST /alpha/mcp HTTP/1.1",
    "host: localhost",
    "content-type: application/json",
    `content-length: ${body.length}`,
    `authorization: Bearer ${token}`,
  ];
  wire.socket.pause();
  void wire.say(`${head.join("\r\n")}\r\n\r\n${body}`);
  await until(
    "its record",
    async () => (await readAudit(gateway)).some(({ method }) => method === "tools/call") || undefined,
  );
  const exit = watchExit(gateway);
  gateway.child.kill("SIGTERM");
  await until("the drain", async () => exit() !== undefined || (await isDraining(gateway)) || undefined);
  wire.socket.resume();
  const answer = await wire.hear();
  expect(answer.status).toBe(200);
  expect(answer.body).toContain(filler);
  expect(await until("the end", exit)).toEqual([0, null]);
});

it("kill -9 under load: every call that was answered is on record, the trail verifies, and a restart goes on with it", async () => {
  const { gateway, client } = await set({ connections: 16 });
  const answered: string[] = [];
  let next = 0;
  const exited = once(gateway.child, "exit");
  const worker = async () => {
    while (next < 300) {
      next += 1;
      const { requestId, message } = await client.post(toolCall(next));
      expect(message).toHaveProperty("result");
      answered.push(requestId);
      if (answered.length === 150) gateway.child.kill("SIGKILL");
    }
  };
  await Promise.allSettled(Array.from({ length: 16 }, worker));
  await exited;
  expect(answered.length).toBeGreaterThanOrEqual(150);
  expect(answered.length).toBeLessThan(300);
  const recorded = new Set((await readAudit(gateway)).map(({ id }) => id));
  expect(answered.filter((id) => !recorded.has(id))).toEqual([]);
  expect(await verify(gateway.auditFile)).toMatchObject({ code: 0, report: { ok: true, stopped: false } });

  const again = await startChild([sallyport, "serve", "-c", gateway.configFile]);
  await again.stop();
  expect(await verify(gateway.auditFile)).toMatchObject({ code: 0, report: { ok: true, stopped: true } });
});

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
    expect((await readAudit(gateway)).map(({ id }) => id)).toContain(healed.requestId);
    expect(await verify(gateway.auditFile)).toMatchObject({ code: 0, report: { ok: true } });
  },
);

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
