import { once } from "node:events";
import { expect, it } from "vitest";
import { startChild } from "../fixtures/child.ts";
import { answerMinimally } from "../fixtures/recorder.ts";
import { readAudit, until } from "../golden/observe.ts";
import { toolCall } from "./http.ts";
import { connect, eventText, isDraining, sallyport, set, verify, watchExit } from "./setting.ts";

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
  expect(records.slice(-2)).toMatchObject([{ event: "stop" }, { event: "checkpoint" }]);
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
