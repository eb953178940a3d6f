import { once } from "node:events";
/** More than a gateway can do: what exceeds it is refused, and the rest is served. */
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { mostAnswers } from "../../src/limits/bans.ts";
import { createClient, toolCall } from "../e2e/http.ts";
import { connect, set } from "../e2e/setting.ts";
import { answerMinimally, startRecorder } from "../fixtures/recorder.ts";
import { readAudit, readRefusals, until } from "../golden/observe.ts";

const busy = fileURLToPath(new URL("../fixtures/busy.ts", import.meta.url));

it("a server that does not answer holds up nobody at another one, and its own callers are told in time", async () => {
  const quick = await startRecorder();
  onTestFinished(() => quick.stop());
  const { gateway, recorder, client } = await set({
    handler: () => {},
    server: { concurrent: 4, waiting: 2, timeouts: { turn: "300ms" } },
    connections: 20,
    configOverrides: { servers: { beta: { url: quick.url } }, listen: { drainTimeout: "50ms" } },
  });
  const calls = Promise.allSettled(Array.from({ length: 10 }, (_, id) => client.post(toolCall(id))));
  await until("the places to be taken", () => recorder.requests.length === 4 || undefined);
  const other = await createClient(gateway, "beta", await gateway.mint({ server: "beta" }));
  onTestFinished(() => other.close());
  expect((await other.post(toolCall(1))).message).toMatchObject({ id: 1, result: {} });
  const refused = await until("the others to be refused", async () => {
    const count = (await readRefusals(gateway)).get("upstream_busy");
    return count === 6 ? count : undefined;
  });
  expect(refused).toBe(6);
  expect(recorder.requests).toHaveLength(4);
  await gateway.stop();
  await calls;
});

it("a place is free again when the client of its call has gone", async () => {
  const { recorder, client, gateway, token } = await set({
    handler: (request, body, response) => {
      if (!body.includes('"never"')) answerMinimally(request, body, response);
    },
    server: { concurrent: 1 },
  });
  const wire = await connect(gateway);
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "never" } });
  const head = [
    "POST /alpha/mcp HTTP/1.1",
    "host: localhost",
    "content-type: application/json",
    "accept: application/json, text/event-stream",
    `authorization: Bearer ${token}`,
    `content-length: ${body.length}`,
  ];
  void wire.say(`${head.join("\r\n")}\r\n\r\n${body}`);
  await until("the call", () => recorder.requests.length === 1 || undefined);
  const waiting = client.post(toolCall(2));
  wire.leave();
  expect((await waiting).message).toMatchObject({ id: 2, result: {} });
});

it("connections of one address are counted; those beyond are closed, counted, and recorded once", async () => {
  const { gateway, client } = await set({ configOverrides: { overload: { connectionsPerAddress: 3 } } });
  // The client keeps one.
  expect((await client.post(toolCall(1))).message).toMatchObject({ result: {} });
  const [first] = [await connect(gateway), await connect(gateway)];
  for (let beyond = 0; beyond < 3; beyond++) await expect(connect(gateway)).rejects.toThrow();
  expect((await readRefusals(gateway)).get("connections_limited")).toBe(3);
  const records = (await readAudit(gateway)).filter(({ decision }) => decision.reason === "connections_limited");
  expect(records).toMatchObject([{ event: "refusal", peer: { ip: "127.0.0.1" }, decision: { effect: "deny" } }]);
  first?.leave();
  await until("room", () =>
    connect(gateway).then(
      () => true,
      () => undefined,
    ),
  );
  const exited = once(gateway.child, "exit");
  gateway.child.kill("SIGTERM");
  await exited;
  const counted = (await readAudit(gateway)).filter(({ note }) => note?.cause === "connections_limited");
  const refused = (await readAudit(gateway)).filter(({ decision }) => decision.reason === "connections_limited");
  const summed = counted.reduce((sum, { note }) => sum + Number(note?.count), refused.length);
  expect(summed).toBeGreaterThanOrEqual(3);
});

it("an address that goes on behind its refusals is not let in any more, and counted", async () => {
  const limits = { address: { requests: 2, window: "10m" } };
  const { gateway, client } = await set({ configOverrides: { limits } });
  const answers = new Set<number>();
  for (let count = 0; count < 2 + mostAnswers; count += 1) answers.add((await client.post(toolCall(count))).status);
  expect([...answers]).toEqual([200, 429]);
  for (let beyond = 0; beyond < 3; beyond += 1) await expect(connect(gateway)).rejects.toThrow();
  const refused = await readRefusals(gateway);
  expect([refused.get("address_limited"), refused.get("connections_limited")]).toEqual([mostAnswers, 3]);
  const [record] = (await readAudit(gateway)).filter(({ decision }) => decision.reason === "connections_limited");
  expect(record).toMatchObject({ event: "refusal", peer: { ip: "127.0.0.1" }, decision: { detail: "limits.address" } });
});

it("a proxy that others stand behind is always let in", async () => {
  const { gateway, client } = await set({
    configOverrides: {
      limits: { address: { requests: 2, window: "10m" } },
      network: { trustedProxies: ["127.0.0.0/8"] },
    },
  });
  for (let count = 0; count < 3 + mostAnswers; count += 1) await client.post(toolCall(count));
  expect((await client.post(toolCall(1))).status).toBe(429);
  await connect(gateway);
});

it("a connection is not kept by empty lines, which are no request to count", async () => {
  const { gateway } = await set({
    configOverrides: { listen: { keepAliveTimeout: "200ms", headersTimeout: "500ms" } },
  });
  const wire = await connect(gateway);
  void wire.say("GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const dripping = setInterval(() => void wire.say("\r\n"), 50);
  onTestFinished(() => clearInterval(dripping));
  await until("the end", () => wire.socket.destroyed || undefined);
});

it("while the event loop is late requests are refused at once, and probes are answered", async () => {
  const { gateway, client } = await set({
    nodeArgs: ["--import", busy],
    // Far below what the fixture takes each time, far above what a loaded machine does five times in a row.
    configOverrides: { overload: { lag: "250ms" } },
  });
  expect((await client.post(toolCall(1))).message).toMatchObject({ result: {} });
  gateway.child.kill("SIGUSR2");
  const refused = await until("a refusal", async () => {
    const answer = await client.post(toolCall(2));
    return answer.status === 503 ? answer : undefined;
  });
  expect(refused.message).toMatchObject({ error: { code: 503, data: { reason: "overloaded", retryAfterMs: 1_000 } } });
  expect((await fetch(`${gateway.adminUrl}/livez`)).status).toBe(200);
  expect((await readRefusals(gateway)).get("overloaded")).toBeGreaterThan(0);
  gateway.child.kill("SIGUSR2");
  await until("calls to pass", async () => (await client.post(toolCall(3))).status === 200 || undefined);
});
