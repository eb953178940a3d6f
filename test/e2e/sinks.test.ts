/** Records on their way to other machines, while the gateway answers: real receivers that are slow, refuse, die and come back. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { ensureCertificates } from "../../src/quickstart/certificates.ts";
import type { Gateway } from "../fixtures/gateway.ts";
import { startSyslogReceiver } from "../fixtures/syslog-receiver.ts";
import { readMetric, scrape, until } from "../golden/observe.ts";
import { createClient, toolCall } from "./http.ts";
import { replaceFile, type Setting, sallyport, set } from "./setting.ts";

async function call({ client }: Pick<Setting, "client">, count: number): Promise<void> {
  for (let id = 1; id <= count; id += 1) expect((await client.post(toolCall(id))).message).toHaveProperty("result");
}

async function readLines(gateway: Pick<Gateway, "auditFile">): Promise<string[]> {
  return (await readFile(gateway.auditFile, "utf8")).trimEnd().split("\n");
}

/** Resolves once everything that it wrote on outlets that are read has been, too. */
async function end({ child }: Pick<Gateway, "child">, event: "close" | "exit" = "close"): Promise<void> {
  const ended = once(child, event);
  child.kill("SIGTERM");
  await ended;
}

/** Values of the metrics of one sink. */
async function readSink(gateway: Gateway, sink: string) {
  const text = await scrape(gateway);
  const read = (metric: string) => readMetric(text, `sallyport_audit_sink_${metric}`, "sink").get(sink);
  const reason = (name: string) =>
    Number(
      new RegExp(`^sallyport_audit_sink_dropped_total\\{sink="${sink}",reason="${name}"\\} (\\d+)$`, "m").exec(
        text,
      )?.[1],
    );
  return {
    records: read("records_total"),
    failures: read("failures_total") ?? 0,
    queue: read("queue_length"),
    lastSuccess: read("last_success_timestamp_seconds"),
    full: reason("full"),
    refused: reason("refused"),
  };
}

interface Post {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP receiver; what it does with a request the test says at each moment. */
async function startCollector() {
  const posts: Post[] = [];
  const state = { answer: (response: ServerResponse) => void response.writeHead(200).end("{}") };
  let server: Server;
  const listen = async (port: number) => {
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      posts.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      state.answer(response);
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  const stop = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  onTestFinished(async () => void (server.listening && (await stop())));
  return { posts, state, url: `http://127.0.0.1:${port}`, stop, resume: () => listen(port) };
}

const ok = (response: ServerResponse) => void response.writeHead(200).end("{}");

function linesOfWebhook(posts: readonly Post[]): string[] {
  return posts.flatMap(({ body }) => body.trimEnd().split("\n"));
}

function linesOfOtlp(posts: readonly Post[]): string[] {
  return posts.flatMap(({ body }) =>
    JSON.parse(body).resourceLogs[0].scopeLogs[0].logRecords.map(
      (record: { body: { stringValue: string } }) => record.body.stringValue,
    ),
  );
}

const textOf = (message: string) => message.slice(message.indexOf("] {") + 2);

it("syslog gets every line of the file in order, over TCP and TLS, and only a peer that is trusted does", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-test-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const certificates = await ensureCertificates(directory, new Date());
  const tls = {
    cert: await readFile(certificates.server, "utf8"),
    key: await readFile(certificates.serverKey, "utf8"),
  };
  const receivers = await Promise.all([startSyslogReceiver(), startSyslogReceiver(tls), startSyslogReceiver(tls)]);
  for (const receiver of receivers) onTestFinished(() => receiver.stop());
  const [plain, secure, stranger] = receivers;
  const sinks = [
    { type: "syslog", name: "plain", address: `tcp://127.0.0.1:${plain.port}` },
    {
      type: "syslog",
      name: "secure",
      address: `tls://localhost:${secure.port}`,
      ca: certificates.ca,
      facility: "audit",
    },
    { type: "syslog", name: "stranger", address: `tls://127.0.0.1:${stranger.port}` },
  ];
  const setting = await set({ configOverrides: { audit: { sinks } } });
  const { gateway, log } = setting;
  await call(setting, 30);
  await until("a failure", async () => (await readSink(gateway, "stranger")).failures > 0 || undefined);
  expect(await readSink(gateway, "stranger")).toMatchObject({ records: 0, lastSuccess: undefined });
  await end(gateway);
  const lines = await readLines(gateway);
  expect(lines.length).toBeGreaterThan(32);
  expect(plain.messages.map(textOf)).toEqual(lines);
  expect(secure.messages.map(textOf)).toEqual(lines);
  expect(stranger.messages).toEqual([]);
  expect(plain.messages[0]).toMatch(
    /^<134>1 \S+Z \S+ sallyport \d+ start \[origin software="sallyport" swVersion="[^"]+"\]/,
  );
  expect(secure.messages.every((message) => /^<1(?:08|09|10)>1 /.test(message))).toBe(true);
  expect(log()).toContain('"sink":"stranger"');
  expect(log()).toContain("records of the end did not reach an audit sink");
});

it("syslog goes on in order when its receiver dies and comes back", async () => {
  const receiver = await startSyslogReceiver();
  onTestFinished(() => receiver.stop());
  const sinks = [{ type: "syslog", address: `tcp://127.0.0.1:${receiver.port}` }];
  const setting = await set({ configOverrides: { audit: { sinks } } });
  const { gateway, log } = setting;
  await call(setting, 5);
  await until("lines", () => receiver.messages.length >= 6 || undefined);
  await receiver.stop();
  await call(setting, 20);
  await until("a failure", async () => (await readSink(gateway, "syslog")).failures > 0 || undefined);
  await receiver.resume();
  await call(setting, 5);
  await until("an empty queue", async () => (await readSink(gateway, "syslog")).queue === 0 || undefined);
  await end(gateway);
  expect(log()).toContain("an audit sink takes records again");
  const lines = await readLines(gateway);
  const arrived = [...new Set(receiver.messages.map(textOf))];
  expect(lines.filter((line) => arrived.includes(line))).toEqual(arrived);
  expect(arrived.at(-1)).toBe(lines.at(-1));
  // Only what the system had already taken for the dead connection can be missing.
  expect(lines.length - arrived.length).toBeLessThan(20);
});

it("OTLP and webhooks: the file has everything, and counters what a slow or dead receiver missed", async () => {
  const logs = await startCollector();
  const hooks = await startCollector();
  const alarms = await startCollector();
  const canary = "canary-sink-header-7f3a";
  const headers = { Authorization: `Bearer ${canary}` };
  const buffer = { records: 10 };
  const sinks = [
    { type: "otlp", url: `${logs.url}/v1/logs`, headers, buffer },
    { type: "webhook", url: `${hooks.url}/audit/${canary}`, headers, buffer, batch: 4 },
    { type: "webhook", name: "checkpoints", url: alarms.url, events: ["checkpoint"] },
  ];
  const audit = { sinks, checkpoints: { records: 20, interval: "1h" } };
  const setting = await set({ configOverrides: { audit } });
  const { gateway, log } = setting;
  await call(setting, 3);
  await until(
    "lines",
    () => (linesOfOtlp(logs.posts).length >= 4 && linesOfWebhook(hooks.posts).length >= 4) || undefined,
  );

  // Slow: no answer to what comes next, and far more calls than the buffers hold.
  const held: ServerResponse[] = [];
  for (const { state } of [logs, hooks]) state.answer = (response) => void held.push(response);
  await call(setting, 40);
  const [otlp, webhook] = [await readSink(gateway, "otlp"), await readSink(gateway, "webhook")];
  expect([otlp.queue, webhook.queue]).toEqual([10, 10]);
  expect(Math.min(otlp.full, webhook.full)).toBeGreaterThan(25);

  // Dead, and back; what the receivers had without an answer comes again.
  await Promise.all([logs.stop(), hooks.stop()]);
  await until("failures", async () => {
    const failures = await Promise.all(["otlp", "webhook"].map((name) => readSink(gateway, name)));
    return failures.every((each) => each.failures > 0) || undefined;
  });
  await call(setting, 3);
  for (const { state } of [logs, hooks]) state.answer = ok;
  await Promise.all([logs.resume(), hooks.resume()]);
  for (const name of ["otlp", "webhook"]) {
    await until("an empty queue", async () => (await readSink(gateway, name)).queue === 0 || undefined);
  }
  // For now, then for good.
  hooks.state.answer = (response) => {
    hooks.state.answer = ok;
    response.writeHead(503, { "retry-after": "0" }).end();
  };
  logs.state.answer = (response) => {
    logs.state.answer = ok;
    response.writeHead(400).end(canary);
  };
  await call(setting, 1);
  await until("a refusal", async () => (await readSink(gateway, "otlp")).refused > 0 || undefined);
  await until("an empty queue", async () => (await readSink(gateway, "webhook")).queue === 0 || undefined);
  const counted = { otlp: await readSink(gateway, "otlp"), webhook: await readSink(gateway, "webhook") };
  const before = (await readLines(gateway)).length;
  expect(await scrape(gateway)).not.toContain(canary);
  await end(gateway);

  const lines = await readLines(gateway);
  const arrived = { otlp: [...new Set(linesOfOtlp(logs.posts))], webhook: [...new Set(linesOfWebhook(hooks.posts))] };
  for (const each of Object.values(arrived)) {
    expect(lines.filter((line) => each.includes(line))).toEqual(each);
    expect(each.at(-1)).toBe(lines.at(-1));
  }
  for (const { records = 0, full, refused } of Object.values(counted)) expect(records + full + refused).toBe(before);
  expect(arrived.webhook.length).toBe(lines.length - counted.webhook.full);
  // The collector had read the batch that it refused.
  expect(arrived.otlp.length).toBe(lines.length - counted.otlp.full);
  expect([counted.otlp.refused, counted.webhook.refused]).toEqual([1, 0]);

  const checkpoints = lines.filter((line) => line.includes('"event":"checkpoint"'));
  expect(checkpoints.length).toBeGreaterThan(1);
  expect(linesOfWebhook(alarms.posts)).toEqual(checkpoints);
  for (const { headers: had } of [...logs.posts, ...hooks.posts]) expect(had.authorization).toBe(`Bearer ${canary}`);
  const keys = new Map(hooks.posts.map(({ headers: had, body }) => [had["idempotency-key"], body]));
  for (const { headers: had, body } of hooks.posts) expect(keys.get(had["idempotency-key"])).toBe(body);
  expect(log()).toContain("an audit sink does not take records");
  expect(log() + lines.join("\n")).not.toContain(canary);
});

/** The same gateway once more, with a stdout that the test reads, or not. */
async function serveAgain({ gateway, token }: Setting, isRead: boolean) {
  await end(gateway);
  const child = spawn(process.execPath, [sallyport, "serve", "-c", gateway.configFile], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let out = "";
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk;
  });
  const read = (chunk: Buffer) => {
    out += chunk;
  };
  if (isRead) child.stdout.on("data", read);
  await until("the gateway", () => log.includes('"serving"') || undefined);
  const client = await createClient(gateway, "alpha", token);
  onTestFinished(() => client.close());
  return { child, client, out: () => out };
}

it("stdout has the ready line first, and then every line of the file", async () => {
  const setting = await set({ configOverrides: { audit: { sinks: [{ type: "stdout" }] } } });
  const before = (await readLines(setting.gateway)).length;
  const again = await serveAgain(setting, true);
  await call(again, 5);
  await end(again);
  const [ready = "", ...lines] = again.out().trimEnd().split("\n");
  expect(JSON.parse(ready)).toMatchObject({ event: "ready" });
  const all = await readLines(setting.gateway);
  expect(lines).toEqual(all.slice(all.findLastIndex((line) => line.includes('"event":"start"'))));
  expect(all.length - lines.length).toBeGreaterThanOrEqual(before);
});

it("a reader of stdout that stands still keeps neither calls nor the end of the gateway", async () => {
  const setting = await set({ configOverrides: { audit: { sinks: [{ type: "stdout", buffer: { records: 5 } }] } } });
  const again = await serveAgain(setting, false);
  await call(again, 300);
  // Nobody reads what it wrote.
  await end(again, "exit");
  expect(again.child.exitCode).toBe(0);
  expect((await readLines(setting.gateway)).at(-1)).toContain('"event":"checkpoint"');
});

it("each worker hands over its own trail, and a changed header takes a restart", async () => {
  const hooks = await startCollector();
  const sinks = [{ type: "webhook", url: hooks.url, headers: { "X-Key": "one" } }];
  const setting = await set({ configOverrides: { workers: 2, audit: { sinks } } });
  const { gateway, log } = setting;
  await call(setting, 3);
  const config = await readFile(gateway.configFile, "utf8");
  await replaceFile(gateway.configFile, config.replace("X-Key: one", "X-Key: two"));
  gateway.child.kill("SIGHUP");
  await until("a refused reload", () => log().includes("these need a restart: audit.sinks") || undefined);
  await end(gateway);
  const directory = dirname(gateway.auditFile);
  const arrived = linesOfWebhook(hooks.posts);
  for (const name of ["audit.jsonl", "audit-2.jsonl"]) {
    const lines = await readLines({ auditFile: join(directory, name) });
    expect(arrived.filter((line) => lines.includes(line))).toEqual(lines);
  }
});
