/** What a server can do with bytes, sockets and headers: the client gets the answer it is owed, or a refusal. */
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Recorder, type RecorderHandler, startRecorder } from "../fixtures/recorder.ts";
import { callTool, type Opened, pour, type Scene, startScene } from "./hostile.ts";
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

/** A server that sends this and ends. */
const say =
  (type: string | undefined, body: string | Buffer, status = 200): RecorderHandler =>
  (_request, _body, response) => {
    response.writeHead(status, type === undefined ? {} : { "content-type": type }).end(body);
  };

/** A server that sends each byte by itself. */
const drip =
  (body: Buffer): RecorderHandler =>
  async (_request, _body, response) => {
    response.socket?.setNoDelay(true);
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const byte of body) await new Promise((resolve) => response.write(Buffer.from([byte]), resolve));
    response.end();
  };

/** The head of an event stream, then whatever `go` does. */
const stream =
  (go: (response: ServerResponse) => void | Promise<void>): RecorderHandler =>
  (_request, _body, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    return go(response);
  };

describe("an event stream, however it is written", () => {
  const one = JSON.stringify(note);
  const two = JSON.stringify(answer);
  const spread = JSON.stringify(answer, null, 2).split("\n");
  it.each<[string, string]>([
    ["LF", `data: ${one}\n\ndata: ${two}\n\n`],
    ["CR", `data: ${one}\r\rdata: ${two}\r\r`],
    ["CRLF", `data: ${one}\r\n\r\ndata: ${two}\r\n\r\n`],
    ["all of them", `data: ${one}\r\n\n\rdata: ${two}\r\r\n`],
    ["a byte order mark", `\ufeffdata: ${one}\n\ndata: ${two}\n\n`],
    ["no space after the colon", `data:${one}\n\ndata:${two}\n\n`],
    ["an answer over several lines", `data: ${one}\n\n${spread.map((line) => `data: ${line}\n`).join("")}\n`],
    [
      "an answer over several lines that end in CRLF",
      `data: ${one}\n\n${spread.map((line) => `data: ${line}\r\n`).join("")}\r\n`,
    ],
    [
      "comments and unknown fields",
      `: hello\n\nwhat: else\ndata: ${one}\n: between\n\nnothing\nevent: message\ndata: ${two}\n\n`,
    ],
  ])("%s, in one piece and byte by byte", async (_case, text) => {
    for (const handler of [say("text/event-stream", text), drip(Buffer.from(text))]) {
      scene.behave(handler);
      expect((await scene.send(ask)).messages).toEqual([note, answer]);
    }
  });
});

describe("an answer that has no end", () => {
  const filler = "x".repeat(1_024);
  it.each<[string, string, string]>([
    ["an event without a line's end", "data: ", filler],
    ["an event of ever more lines", "", `data: ${filler}\n`],
    ["an event's name without end", "event: ", filler],
  ])("%s is cut off at the cap", async (_case, begin, more) => {
    scene.behave(
      stream(async (response) => {
        response.write(begin);
        await pour(response, more);
      }),
    );
    const result = await scene.send(ask);
    expect(result.messages).toHaveLength(1);
    expect(result.messages[0]).toMatchObject({ id: 7, error: { data: { reason: "upstream_too_large" } } });
    await until("the server was cut off", () => scene.upstream.requests.at(-1)?.aborted);
  });

  it("JSON is cut off at the cap", async () => {
    scene.behave((_request, _body, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      return pour(response, " ".repeat(1_024));
    });
    expect((await scene.send(ask)).reason).toBe("upstream_too_large");
    await until("the server was cut off", () => scene.upstream.requests.at(-1)?.aborted);
  });

  it.each<[string, string]>([
    ["comments", ": still here\n"],
    ["one comment", ": "],
    ["empty lines", "\n\n"],
    ["events without data", "id: 1\n\n"],
    ["notifications", `data: ${JSON.stringify(note)}\n\n`],
  ])("%s for ever end with the client", async (_case, block) => {
    let poured = 0;
    const count = (length: number) => {
      poured += length;
    };
    scene.behave(stream((response) => pour(response, block.repeat(100), count)));
    const opened = await scene.open(ask);
    await until("more than a message may have was poured", () => poured > 200_000);
    opened.abort();
    await until("the server was cut off", () => scene.upstream.requests.at(-1)?.aborted);
  });

  it("a client that does not read makes the server wait instead of filling the gateway's memory", async () => {
    let written = 0;
    const block = `data: ${JSON.stringify({ ...note, params: { level: "info", data: "x".repeat(16_384) } })}\n\n`;
    let stalled = false;
    scene.behave(
      stream(async (response) => {
        while (!response.destroyed && written < 64 * 1_048_576) {
          written += block.length;
          if (response.write(block)) continue;
          const drained = new Promise((resolve) => response.once("drain", () => resolve("drained")));
          const end = AbortSignal.timeout(1_500);
          const waited = new Promise((resolve) => end.addEventListener("abort", () => resolve("stalled")));
          stalled = (await Promise.race([drained, waited])) === "stalled";
          if (stalled) return void response.destroy();
        }
        response.destroy();
      }),
    );
    const wire = await openWire(scene.gateway);
    wire.pause();
    const token = await scene.gateway.mint({ server: "hostile" });
    wire.send(
      `POST /hostile/mcp HTTP/1.1\r\nHost: ${new URL(scene.gateway.publicUrl).host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${ask.body.length}\r\n\r\n${ask.body}`,
    );
    await until("the server had to wait, or sent all it had", () => stalled || written >= 64 * 1_048_576, 30_000);
    expect(stalled).toBe(true);
    wire.destroy();
  });
});

describe("an answer that is not what it says, or not the one", () => {
  const text = JSON.stringify(answer);
  const event = `data: ${text}\n\n`;
  it.each<[string, string, RecorderHandler]>([
    ["JSON called an event stream", "upstream_closed", say("text/event-stream", text)],
    ["an event stream called JSON", "upstream_malformed", say("application/json", event)],
    ["JSON called HTML", "upstream_malformed", say("text/html", text)],
    ["JSON without a type", "upstream_malformed", say(undefined, text)],
    ["two answers in a row", "upstream_malformed", say("application/json", text + text)],
    ["a batch of answers", "upstream_malformed", say("application/json", `[${text}]`)],
    ["a batch in an event", "upstream_malformed", say("text/event-stream", `data: [${text}]\n\n`)],
    ["half an answer", "upstream_malformed", say("application/json", text.slice(0, -5))],
    [
      "an answer twice in one event",
      "upstream_malformed",
      say("text/event-stream", `data: ${text}\ndata: ${text}\n\n`),
    ],
    ["an event that nothing ends", "upstream_closed", say("text/event-stream", `data: ${text}\n`)],
    [
      "bytes that are no UTF-8",
      "upstream_malformed",
      say("application/json", Buffer.from(text.replace("a ", "\xff"), "latin1")),
    ],
    [
      "bytes that are no UTF-8 in an event",
      "upstream_malformed",
      say("text/event-stream", Buffer.from(event.replace("a ", "\xff"), "latin1")),
    ],
    ["another id", "upstream_malformed", say("application/json", text.replace("7", "8"))],
    ["another id in an event", "upstream_malformed", say("text/event-stream", event.replace("7", "8"))],
    ["the id as a string", "upstream_malformed", say("application/json", text.replace("7", '"7"'))],
    ["a result for nobody", "upstream_malformed", say("application/json", text.replace("7", "null"))],
    ["two ids", "upstream_malformed", say("application/json", text.replace('"id":7', '"id":7,"id":8'))],
    [
      "a request instead of an answer",
      "upstream_malformed",
      say("application/json", '{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{}}'),
    ],
    ["a notification instead of an answer", "upstream_malformed", say("application/json", JSON.stringify(note))],
    [
      "an answer that is also a request",
      "upstream_malformed",
      say("application/json", text.replace('"id":7', '"id":7,"method":"ping"')),
    ],
    [
      "result and error",
      "upstream_malformed",
      say("application/json", text.replace('"id":7', '"id":7,"error":{"code":1,"message":"x"}')),
    ],
    ["nothing", "upstream_malformed", say("application/json", "")],
    ["202 to a request", "upstream_malformed", say(undefined, "", 202)],
    ["an error page", "upstream_refused", say("text/html", "<h1>stack trace</h1>", 500)],
    ["JSON with status 500", "upstream_refused", say("application/json", text, 500)],
    ["a login of its own", "upstream_refused", say("application/json", text, 401)],
  ])("%s: %s", async (_case, reason, handler) => {
    scene.behave(handler);
    const result = await scene.send(ask);
    expect(result.reason).toBe(reason);
    expect(result.messages).toHaveLength(1);
    expect(result.messages[0]).toMatchObject({ id: 7 });
    expect(result.text).not.toContain("stack trace");
    expect(result.messages[0]).not.toHaveProperty("result");
  });

  it("what comes after the answer never reaches the client, nor holds the stream open", async () => {
    const second = JSON.stringify({ ...answer, result: { content: [{ type: "text", text: "second" }] } });
    scene.behave(
      stream((response) => {
        response.write(`${event}data: ${second}\n\ndata: ${JSON.stringify(note)}\n\n`);
      }),
    );
    expect((await scene.send(ask)).messages).toEqual([answer]);
    await until("the server was cut off", () => scene.upstream.requests.at(-1)?.aborted);
  });

  it("an error for nobody in particular is the answer to the only request there is", async () => {
    scene.behave(say("application/json", '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}', 400));
    expect((await scene.send(ask)).messages).toEqual([
      { jsonrpc: "2.0", id: 7, error: { code: -32_700, message: "x" } },
    ]);
  });

  it("headers of the server stay outside", async () => {
    scene.behave((_request, _body, response) => {
      response.setHeader("set-cookie", ["a=1", "b=2"]);
      response.writeHead(200, {
        "content-type": "application/json; charset=utf-8",
        server: "secret/1.0",
        "x-powered-by": "secret",
        "www-authenticate": "Bearer",
        "access-control-allow-origin": "*",
        "mcp-session-id": "raw-session",
        "x-request-id": "chosen",
        location: "http://elsewhere.invalid/",
      });
      response.end(text);
    });
    const { headers, messages } = await scene.send(ask);
    expect(messages).toEqual([answer]);
    const allowed = [
      "x-request-id",
      "content-length",
      "content-type",
      "cache-control",
      "date",
      "connection",
      "keep-alive",
    ];
    expect(Object.keys(headers).filter((name) => !allowed.includes(name))).toEqual([]);
    expect(headers["x-request-id"]).not.toBe("chosen");
  });
});

describe("redirects", () => {
  let elsewhere: Recorder;
  beforeAll(async () => {
    elsewhere = await startRecorder();
  });
  afterAll(() => elsewhere?.stop());

  it.each([301, 302, 303, 307, 308])("%i is not followed", async (status) => {
    scene.behave((_request, _body, response) => {
      response.writeHead(status, { location: elsewhere.url, "content-type": "application/json" });
      response.end(JSON.stringify(answer));
    });
    const { reason, headers } = await scene.send(ask);
    expect(reason).toBe("upstream_refused");
    expect(headers).not.toHaveProperty("location");
    // The next call goes to the server again, and its answer comes behind whatever a redirect could have caused.
    scene.behave(say("application/json", JSON.stringify(answer)));
    expect((await scene.send(ask)).messages).toEqual([answer]);
    expect(elsewhere.requests).toEqual([]);
  });
});

describe("a server that breaks off, or never begins", () => {
  const event = `data: ${JSON.stringify(note)}\n\n`;
  it.each<[string, string, RecorderHandler]>([
    ["before it answers", "upstream_reset", (_request, _body, response) => void response.destroy()],
    [
      "with headers of 64 KiB",
      "upstream_malformed",
      (_request, _body, response) => void response.writeHead(200, { "x-big": "x".repeat(65_536) }).end(),
    ],
    [
      "with a head that is no HTTP",
      "upstream_malformed",
      (_request, _body, response) => void response.socket?.end("HTTP/1.1 two hundred\r\n\r\n"),
    ],
    [
      "with a NUL in its head",
      "upstream_malformed",
      (_request, _body, response) => void response.socket?.end("HTTP/1.1 200 OK\r\nX: \0\r\n\r\n"),
    ],
    [
      "with two lengths",
      "upstream_malformed",
      (_request, _body, response) =>
        void response.socket?.end(
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        ),
    ],
    [
      "with a promise of 101",
      "upstream_reset",
      (_request, _body, response) =>
        void response.socket?.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ],
    [
      "in the middle of JSON",
      "upstream_reset",
      (_request, _body, response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": 1_000 });
        response.write("{", () => response.destroy());
      },
    ],
    [
      "in the middle of a stream",
      "upstream_reset",
      stream((response) => void response.write(event, () => response.destroy())),
    ],
    ["at the end of a stream, without an answer", "upstream_closed", stream((response) => void response.end(event))],
    ["by silence", "upstream_timeout", () => {}],
    [
      "by silence after the head",
      "upstream_timeout",
      (_request, _body, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.flushHeaders();
      },
    ],
    ["by silence in a stream", "upstream_timeout", stream((response) => void response.write(event))],
  ])("%s: %s", async (_case, reason, handler) => {
    scene.behave(handler);
    const result = await scene.send(ask);
    expect(result.messages.at(-1)).toMatchObject({ id: 7, error: { data: { reason } } });
    expect(result.status).toBe(200);
  });

  it("an answer's bytes that nobody asked for do not become the answer to the next call", async () => {
    const forged = JSON.stringify({ ...answer, result: { content: [{ type: "text", text: "forged" }] } });
    const whole = (body: string) =>
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    scene.behave(
      (_request, _body, response) => void response.socket?.write(whole(JSON.stringify(answer)) + whole(forged)),
    );
    const first = await scene.send(ask);
    expect(first.text).not.toContain("forged");
    scene.behave(say("application/json", JSON.stringify(answer)));
    expect((await scene.send(ask)).messages).toEqual([answer]);
  });
});

describe("fifty clients that go away", () => {
  const readGauges = async () => {
    const metrics = await (await fetch(`${scene.gateway.adminUrl}/metrics`)).text();
    const read = (name: string) => Number(new RegExp(`^${name}\\{server="hostile"\\} (\\d+)$`, "m").exec(metrics)?.[1]);
    return { calls: read("sallyport_inflight_requests"), streams: read("sallyport_open_streams") };
  };
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
