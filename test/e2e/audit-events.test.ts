/** What is on record beside the messages: sessions, ends of streams, connections without a request, the clock. */
import { once } from "node:events";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { readAudit, until } from "../golden/observe.ts";
import { initialize, toolCall } from "./http.ts";
import { eventText, set, verify, withSessions } from "./setting.ts";

it("a session is on record under one name from its beginning to its end, with its stream", async () => {
  const { gateway, client } = await set({
    handler(request, body, response) {
      if (request.method !== "GET") return withSessions(request, body, response);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(eventText);
      setImmediate(() => response.end(eventText));
    },
  });
  const { session = "" } = await client.post(initialize);
  const inSession = { "mcp-session-id": session };
  await client.post(toolCall(1), inSession);
  const stream = await client.send("GET", { headers: inSession });
  await client.send("DELETE", { headers: inSession });
  const records = await until("the end of the stream", async () => {
    const all = (await readAudit(gateway)).filter(({ peer }) => peer !== null);
    return all.some(({ event }) => event === "stream_end") ? all : undefined;
  });
  expect(records.map(({ event, method }) => method ?? event).sort()).toEqual(
    ["initialize", "tools/call", "stream", "stream_end", "end"].sort(),
  );
  expect(new Set(records.map((record) => record.session)).size).toBe(1);
  expect(records[0]?.session).toEqual(expect.any(String));
  expect(records.find(({ event }) => event === "stream_end")).toMatchObject({
    id: stream.requestId,
    outcome: { http: 200, upstream: 200 },
    bytes: { out: 2 * eventText.length },
    note: { events: 2, cause: "server" },
  });
});

it("connections that end before their handshake are counted by address", async () => {
  const { gateway } = await set();
  const port = Number(new URL(gateway.publicUrl).port);
  for (const leave of ["destroy", "resetAndDestroy", "speak"]) {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    await once(socket, "connect");
    if (leave === "destroy") socket.destroy();
    else if (leave === "resetAndDestroy") socket.resetAndDestroy();
    else socket.write("GET / HTTP/1.0\r\n\r\n");
    if (!socket.closed) await once(socket.resume(), "close");
  }
  const exited = once(gateway.child, "exit");
  gateway.child.kill("SIGTERM");
  await exited;
  const counted = (await readAudit(gateway)).filter(({ event }) => event === "connections");
  expect(counted.map(({ note }) => Number(note?.count)).reduce((sum, count) => sum + count, 0)).toBe(3);
  expect(new Set(counted.map(({ note }) => note?.cause))).toEqual(new Set(["handshake"]));
  // One that was reset before it was accepted has no address any more.
  expect(counted.map(({ peer }) => peer?.ip)).toContain("127.0.0.1");
  expect(await verify(gateway.auditFile)).toMatchObject({ code: 0 });
});

it("a clock that is set back by an hour is on record, and the trail goes on and verifies", async () => {
  const settable = `
    let setMs = 0;
    process.on("SIGUSR2", () => { setMs -= 3_600_000; });
    const Real = Date;
    const now = () => Real.now() + setMs;
    globalThis.Date = class extends Real {
      constructor(...parts) { parts.length === 0 ? super(now()) : super(...parts); }
      static now() { return now(); }
    };`;
  const preload = `data:text/javascript,${encodeURIComponent(settable)}`;
  const { gateway, client, log } = await set({ nodeArgs: ["--import", preload] });
  const before = await client.post(toolCall(1));
  gateway.child.kill("SIGUSR2");
  const step = await until("the step", async () => (await readAudit(gateway)).find(({ event }) => event === "clock"));
  const { fromMs, toMs } = step.note as { fromMs: number; toMs: number };
  expect(Math.round((toMs - fromMs) / 60_000)).toBe(-60);
  await until("that to be told", () => log().includes("the clock was set"));
  const after = await client.post(toolCall(2));
  const timeOf = async (id: string) => (await readAudit(gateway)).find((record) => record.id === id)?.time ?? "";
  expect((await timeOf(after.requestId)) < (await timeOf(before.requestId))).toBe(true);
  expect(await verify(gateway.auditFile)).toMatchObject({ code: 0, report: { ok: true } });
});
