/** Several processes that serve as one gateway. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import type { Gateway } from "../fixtures/gateway.ts";
import { answerMinimally } from "../fixtures/recorder.ts";
import { scrape, until } from "../golden/observe.ts";
import { createClient, type HttpClient, initialize, toolCall } from "./http.ts";
import { countFailures } from "./replica-world.ts";
import { denyEcho, replaceFile, type Setting, type SettingOptions, set, verify, withSessions } from "./setting.ts";

const workers = 2;
const fault = fileURLToPath(new URL("../fixtures/fault.ts", import.meta.url));
const orphaned = fileURLToPath(new URL("../fixtures/orphaned.ts", import.meta.url));

/** A gateway of two workers and a client on each: connections are handed out in turn. */
async function setTwo(options: SettingOptions = {}): Promise<Setting & { readonly clients: readonly HttpClient[] }> {
  const { configOverrides, ...rest } = options;
  const setting = await set({ ...rest, configOverrides: { workers, ...configOverrides } });
  const { gateway, token, client } = setting;
  const other = await createClient(gateway, "alpha", token);
  onTestFinished(() => other.close());
  for (const each of [client, other]) await each.post(ping);
  const [first, second] = await Promise.all([readTrail(gateway, 1), readTrail(gateway, 2)]);
  expect([first, second].map((trail) => trail.filter(({ method }) => method === "ping").length)).toEqual([1, 1]);
  return { ...setting, clients: [client, other] };
}

const ping = { id: "ping", method: "ping" };

async function readTrail(gateway: Gateway, worker: number): Promise<readonly AuditRecord[]> {
  const name = worker === 1 ? "audit.jsonl" : `audit-${worker}.jsonl`;
  const text = await readFile(join(dirname(gateway.auditFile), name), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditRecord);
}

interface Worker {
  readonly worker: number;
  readonly pid: number;
  readonly serving: boolean;
  readonly config: string;
}

async function findWorkers(gateway: Gateway): Promise<readonly Worker[]> {
  const health = await (await fetch(`${gateway.adminUrl}/healthz`)).json();
  return (health as { workers: Worker[] }).workers;
}

/** Ends a worker and waits until another one serves in its place; resolves to the record of its start. */
async function replaceWorker(gateway: Gateway, worker: number, signal: NodeJS.Signals): Promise<AuditRecord> {
  const before = await findWorkers(gateway);
  process.kill(before.find((one) => one.worker === worker)?.pid ?? 0, signal);
  await until("another worker", async () => {
    const now = await findWorkers(gateway);
    return now.every(({ serving }) => serving) &&
      now.every(({ pid }, index) => (pid === before[index]?.pid) === (before[index]?.worker !== worker))
      ? true
      : undefined;
  });
  const starts = (await readTrail(gateway, worker)).filter(({ event }) => event === "start");
  expect(starts).toHaveLength(2);
  return starts[1] as AuditRecord;
}

it("workers count limits together, to the last request", async () => {
  const { gateway } = await setTwo({ configOverrides: { limits: { identity: { requests: 12, window: "1h" } } } });
  const send = async () => {
    const before = await countFailures(gateway);
    // Somebody whom nobody has counted yet, with a connection to each.
    const token = await gateway.mint({ server: "alpha", subject: randomUUID() });
    const clients = [await createClient(gateway, "alpha", token), await createClient(gateway, "alpha", token)];
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => clients[index % workers]?.post(toolCall(index))),
    );
    await Promise.all(clients.map((client) => client.close()));
    // Once more where a supervisor that this machine had no time for was given up.
    return (await countFailures(gateway)) === before ? answers : undefined;
  };
  const answers = await until("a count of the supervisor", send);
  const passed = answers.filter((answer) => answer?.message.result !== undefined);
  const refused = answers.filter((answer) => JSON.stringify(answer?.message).includes("identity_limited"));
  expect([passed.length, refused.length]).toEqual([12, 18]);
});

it("a session that was opened at one worker is served by the other, and once ended by none, not even a later one", async () => {
  const {
    gateway,
    token,
    clients: [one, other],
  } = await setTwo({
    handler(request, body, response) {
      if (request.method === "DELETE") response.writeHead(204).end();
      else withSessions(request, body, response);
    },
  });
  const { session = "" } = (await one?.post(initialize)) ?? {};
  const headers = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
  expect((await other?.post(toolCall(1), headers))?.message).toMatchObject({ id: 1, result: {} });
  expect((await other?.send("DELETE", { headers }))?.status).toBe(204);
  await until("the other worker to know", async () => {
    const answer = await one?.post(toolCall(2), headers);
    return answer?.status === 404 ? answer : undefined;
  });
  await replaceWorker(gateway, 1, "SIGKILL");
  for (let connection = 0; connection < 4; connection++) {
    const client = await createClient(gateway, "alpha", token);
    onTestFinished(() => client.close());
    expect((await client.post(toolCall(3), headers)).status).toBe(404);
  }
});

it("a request that is open at one worker can be called off at the other", async () => {
  const { clients, recorder } = await setTwo({
    handler: (request, body, response) => {
      if (!body.includes('"never"')) withSessions(request, body, response);
    },
  });
  const [one, other] = clients;
  const { session = "" } = (await one?.post(initialize)) ?? {};
  const headers = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
  const call = one?.post({ id: 5, method: "tools/call", params: { name: "never", arguments: {} } }, headers);
  await until("the call", () => recorder.requests.find(({ body }) => body.includes('"never"')));
  await other?.post({ method: "notifications/cancelled", params: { requestId: 5 } }, headers);
  expect((await call)?.text).toBe("");
  await until("the server to be let go", () => recorder.requests.find(({ aborted }) => aborted));
});

it("a worker that is killed is replaced, the other serves on, and both trails verify", async () => {
  const { gateway, clients } = await setTwo();
  const start = await replaceWorker(gateway, 1, "SIGKILL");
  expect(start.note).toMatchObject({ worker: 1, workers, after: "SIGKILL" });
  for (const client of clients) expect((await client.post(toolCall(1))).message).toMatchObject({ id: 1, result: {} });
  expect(await scrape(gateway)).toMatch(/^sallyport_worker_restarts_total\{of="1",worker="supervisor"\} 1$/m);
  expect(await verify(dirname(gateway.auditFile))).toMatchObject({
    code: 0,
    report: { ok: true, trails: [{ ok: true }, { ok: true }] },
  });
});

it("a worker that fails refuses its calls, on record, and is replaced", async () => {
  const { gateway, clients, recorder, log } = await setTwo({
    nodeArgs: ["--import", fault],
    handler: (request, body, response) => {
      if (!body.includes('"never"')) answerMinimally(request, body, response);
    },
  });
  const call = clients[0]?.post({ id: 5, method: "tools/call", params: { name: "never", arguments: {} } });
  await until("the call", () => recorder.requests.find(({ body }) => body.includes('"never"')));
  const worker = await findHolder(gateway);
  const start = await replaceWorker(gateway, worker, "SIGUSR2");
  expect(await call).toMatchObject({ status: 200, message: { id: 5, error: { code: -32603 } } });
  expect(start.note).toMatchObject({ after: "exit code 1" });
  const trail = await readTrail(gateway, worker);
  const before = trail.slice(
    0,
    trail.findIndex(({ seq }) => seq === start.seq),
  );
  expect(before.slice(-2)).toMatchObject([{ event: "stop" }, { event: "checkpoint" }]);
  expect(trail.find(({ decision }) => decision.reason === "internal_error")).toBeDefined();
  expect(log()).toContain("thrown by the test");
});

/** Which worker has a call in progress. */
async function findHolder(gateway: Gateway): Promise<number> {
  const line = /^sallyport_inflight_requests\{server="alpha",worker="(\d)"\} 1$/m;
  return Number(await until("the gauge", async () => line.exec(await scrape(gateway))?.[1]));
}

it("a reload reaches all workers, and one that is started later as well", async () => {
  const { gateway, clients } = await setTwo();
  const [before] = await findWorkers(gateway);
  await replaceFile(join(gateway.directory, "policies", "all.yaml"), denyEcho);
  gateway.child.kill("SIGHUP");
  await until("the reload", async () => {
    const now = await findWorkers(gateway);
    return now.every(({ config }) => config !== before?.config && config === now[0]?.config) || undefined;
  });
  await replaceWorker(gateway, 2, "SIGKILL");
  for (const client of clients) {
    expect((await client.post(toolCall(1))).message).toMatchObject({ error: { data: { reason: "policy_denied" } } });
  }
});

it("a worker that cannot be replaced, because the files are broken by then, leaves the gateway ready and comes back with them", async () => {
  const { gateway, clients } = await setTwo();
  const policy = join(gateway.directory, "policies", "all.yaml");
  await replaceFile(policy, "version: 1\nroles: [\n");
  const broken = await findWorkers(gateway);
  process.kill(broken[1]?.pid ?? 0, "SIGKILL");
  await until("the attempt to fail", () => gateway.errors().includes("could not be started") || undefined);
  expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);
  expect((await clients[0]?.post(toolCall(1)))?.message).toMatchObject({ id: 1, result: {} });
  await replaceFile(policy, denyEcho);
  gateway.child.kill("SIGHUP");
  await until("both to serve", async () => (await findWorkers(gateway)).every(({ serving }) => serving) || undefined);
  expect(await scrape(gateway)).toMatch(/^sallyport_worker_restarts_total\{of="2",worker="supervisor"\} 1$/m);
});

it("SIGTERM to one worker alone lets it finish and be replaced, while the gateway stays ready", async () => {
  const { gateway, clients } = await setTwo();
  const start = await replaceWorker(gateway, 2, "SIGTERM");
  expect(start.note).toMatchObject({ after: "exit code 0" });
  const trail = await readTrail(gateway, 2);
  const before = trail.slice(
    0,
    trail.findIndex(({ seq }) => seq === start.seq),
  );
  expect(before.slice(-2)).toMatchObject([{ event: "stop" }, { event: "checkpoint" }]);
  expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);
  for (const client of clients) expect((await client.post(toolCall(1))).message).toMatchObject({ id: 1, result: {} });
});

it("SIGTERM to the whole group, as a terminal or a container sends it, ends everything once", async () => {
  const { gateway } = await setTwo();
  const exited = once(gateway.child, "exit");
  const pids = (await findWorkers(gateway)).map(({ pid }) => pid);
  // It hears of the end of no worker before its own signal is there, as in a group that has one at the same moment.
  gateway.child.kill("SIGSTOP");
  for (const pid of pids) process.kill(pid, "SIGTERM");
  gateway.child.kill("SIGTERM");
  gateway.child.kill("SIGCONT");
  expect(await exited).toEqual([0, null]);
  for (const worker of [1, 2]) {
    const trail = await readTrail(gateway, worker);
    expect(trail.filter(({ event }) => event === "stop")).toHaveLength(1);
  }
});

it("SIGTERM drains all workers; each trail ends with a stop", async () => {
  const release = Promise.withResolvers<void>();
  const { gateway, clients, recorder } = await setTwo({
    handler: async (request, body, response) => {
      if (body.includes("tools/call")) await release.promise;
      answerMinimally(request, body, response);
    },
  });
  const calls = clients.map((client, index) => client.post(toolCall(index)));
  await until("the calls", () => recorder.requests.length === 2 + workers || undefined);
  const exited = once(gateway.child, "exit");
  gateway.child.kill("SIGTERM");
  const reasons = await until("readyz to say no", async () => {
    const answer = await fetch(`${gateway.adminUrl}/readyz`);
    return answer.status === 503 ? answer.text() : undefined;
  });
  expect(reasons).toContain("draining");
  release.resolve();
  for (const call of calls) expect((await call).message).toMatchObject({ result: {} });
  expect(await exited).toEqual([0, null]);
  for (const worker of [1, 2]) {
    expect((await readTrail(gateway, worker)).slice(-2)).toMatchObject([{ event: "stop" }, { event: "checkpoint" }]);
  }
});

it("workers whose supervisor is killed end without a word, whatever they had to ask it", async () => {
  const { gateway, client, log } = await set({ configOverrides: { workers }, nodeArgs: ["--import", orphaned] });
  // Its stderr is closed once the workers, which share it, are gone as well.
  const closed = once(gateway.child, "close");
  await expect(client.post(ping)).rejects.toThrow();
  expect(await closed).toEqual([null, "SIGKILL"]);
  expect(log()).toBe("");
});

it("clients of 2024-11-05 are told that several workers do not serve them", async () => {
  const { clients } = await setTwo();
  const answer = await clients[0]?.send("GET", { path: "/alpha/sse" });
  expect(answer).toMatchObject({ status: 501, message: { error: { data: { reason: "elder_unserved" } } } });
});

it("a gateway whose workers cannot start says why and ends", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void taken.close());
  await once(taken, "listening");
  const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
  await expect(set({ configOverrides: { workers, listen: { address } } })).rejects.toThrow(
    `${address} is already in use`,
  );
});
