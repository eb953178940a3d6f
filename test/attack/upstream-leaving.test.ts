/** Clients that go away, or talk out of turn, in the middle of an answer: the server's side of it ends as well. */
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RecorderHandler } from "../fixtures/recorder.ts";
import { readMetric, scrape } from "../golden/observe.ts";
import { callTool, type Opened, type Scene, startScene } from "./hostile.ts";
import { until } from "./until.ts";
import { openWire } from "./wire.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene?.stop());

const note = { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "zwölf \u{1f511}" } };
const answer = { jsonrpc: "2.0", id: 7, result: { content: [{ type: "text", text: 'a "b" \\ c' }] } };
const ask = { body: callTool(7) };

/** The head of an event stream, then whatever `go` does. */
const stream =
  (go: (response: ServerResponse) => void | Promise<void>): RecorderHandler =>
  (_request, _body, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    return go(response);
  };

async function readGauges(): Promise<{ calls: number | undefined; streams: number | undefined }> {
  const metrics = await scrape(scene.gateway);
  const read = (name: string) => readMetric(metrics, name, "server").get("hostile");
  return { calls: read("sallyport_inflight_requests"), streams: read("sallyport_open_streams") };
}

describe("fifty clients that go away", () => {
  const silent: RecorderHandler = stream((response) => void response.write(`data: ${JSON.stringify(note)}\n\n`));

  it.each<["POST" | "GET", "calls" | "streams"]>([
    ["POST", "calls"],
    ["GET", "streams"],
  ])("leave nothing open (%s)", async (verb, kind) => {
    scene.behave(silent);
    const begin = scene.upstream.requests.length;
    const open = () => scene.upstream.requests.slice(begin).filter(({ aborted }) => !aborted).length;
    const said = verb === "POST" ? ask : {};
    const opened: Opened[] = await Promise.all(Array.from({ length: 50 }, () => scene.open({ verb, ...said })));
    expect(open()).toBe(50);
    expect((await readGauges())[kind]).toBe(50);
    for (const client of opened) client.abort();
    await until("no stream is open at the server", () => open() === 0);
    await until("the gauges are back at zero", async () => {
      const { calls, streams } = await readGauges();
      return calls === 0 && streams === 0;
    });
  });

  it("leave nothing open when the server never began", async () => {
    scene.behave(() => {});
    const begin = scene.upstream.requests.length;
    const wires = await Promise.all(Array.from({ length: 50 }, () => openWire(scene.gateway)));
    const token = await scene.gateway.mint({ server: "hostile" });
    const host = new URL(scene.gateway.publicUrl).host;
    for (const wire of wires) {
      wire.send(
        `POST /hostile/mcp HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${ask.body.length}\r\n\r\n${ask.body}`,
      );
    }
    const arrived = () => scene.upstream.requests.slice(begin);
    await until("all arrived", () => arrived().length === 50);
    for (const wire of wires) wire.destroy();
    await until("all are broken off", () => arrived().every(({ aborted }) => aborted));
    await until("the gauge is back at zero", async () => (await readGauges()).calls === 0);
  });
});

describe("a client that sends garbage while it is being answered", () => {
  it("gets nothing but the stream, or its end", async () => {
    let finish = () => {};
    scene.behave(
      stream((response) => {
        response.write(`data: ${JSON.stringify(note)}\n\n`);
        finish = () => response.end(`data: ${JSON.stringify(answer)}\n\n`);
      }),
    );
    const wire = await openWire(scene.gateway);
    const token = await scene.gateway.mint({ server: "hostile" });
    const host = new URL(scene.gateway.publicUrl).host;
    wire.send(
      `POST /hostile/mcp HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${ask.body.length}\r\n\r\n${ask.body}`,
    );
    await until("the stream began", () => wire.received().includes("zw"));
    wire.send("\x00\x01garbage\r\n\r\n");
    await until("the gateway noticed", () => wire.closed || scene.upstream.requests.at(-1)?.aborted);
    finish();
    expect(wire.received().split("HTTP/1.1 ")).toHaveLength(2);
    wire.destroy();
  });
});
