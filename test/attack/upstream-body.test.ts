/** Bytes that are no answer, or not the one that is owed, in every way of answering: nothing of them reaches the client. */
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DenialCode, refusals } from "../../src/denial.ts";
import { callTool, pour, type RawScene, startRawScene } from "./hostile.ts";
import { until } from "./until.ts";
import { byJson, byStream, refusal, type Way, witness } from "./witness.ts";

let scene: RawScene;
beforeAll(async () => {
  scene = await startRawScene();
});
afterAll(() => scene?.stop());

const text = '{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","content":["a \\u0022b\\u0022"]}}';
const note = {
  jsonrpc: "2.0",
  method: "notifications/tools/list_changed",
  params: { _meta: { "io.modelcontextprotocol/subscriptionId": 7 } },
};

/** One whole answer; the gateway is left to close the connection. */
function say(type: string | undefined, body: string | Buffer, status = "200 OK"): void {
  const line = type === undefined ? "" : `Content-Type: ${type}\r\n`;
  const head = `HTTP/1.1 ${status}\r\n${line}Connection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  scene.behave((socket) => void socket.write(Buffer.concat([Buffer.from(head), Buffer.from(body)])));
}

/** Events that come one after the other, each in a chunk of its own. */
function stream(events: readonly (string | Buffer)[], finished: boolean): void {
  const chunks = events.flatMap((event) => [`${Buffer.byteLength(event).toString(16)}\r\n`, event, "\r\n"]);
  const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  const parts = [head, ...chunks, finished ? "0\r\n\r\n" : ""];
  scene.behave((socket) => void socket.write(Buffer.concat(parts.map((part) => Buffer.from(part)))));
}

const wrapped = (way: Way, message: Buffer) =>
  Buffer.concat(way === byJson ? [message] : [Buffer.from("data: "), message, Buffer.from("\n\n")]);

/** The refusal in the client's hands, on record and counted; with `before` in front of it. */
async function expectRefused(way: Way, reason: DenialCode, before: readonly object[] = []): Promise<void> {
  const { client, records, counted } = await witness(scene, way.ask);
  expect(client.messages).toEqual([...before, refusal(reason, client, 7)]);
  expect(records).toMatchObject([
    { event: "request", decision: { reason }, outcome: { http: 200, rpc: refusals[reason].rpc, tool_error: null } },
  ]);
  expect(counted).toEqual({ [reason]: 1 });
  await until("the connection is closed", () => scene.upstream.open() === 0);
}

/** What to a stream that owes nothing is only a message for nobody. */
const forNobody = "dropped";
/** What to no stream is a message. */
const broken = "cut";

const spoilt: [string, typeof forNobody | typeof broken, string | Buffer][] = [
  ["half an answer", broken, text.slice(0, -5)],
  ["two answers in a row", broken, text + text],
  ["a batch", broken, `[${text}]`],
  ["a string", broken, JSON.stringify(text)],
  ["a number", broken, "7"],
  ["an empty object", broken, "{}"],
  ["bytes that are no UTF-8", broken, Buffer.from(text.replace("a ", "\xff"), "latin1")],
  ["an overlong form in UTF-8", broken, Buffer.from(text.replace("a ", "\xc0\x80"), "latin1")],
  ["a surrogate in UTF-8", broken, Buffer.from(text.replace("a ", "\xed\xa0\x80"), "latin1")],
  ["a byte order mark", broken, `\ufeff${text}`],
  ["UTF-16", broken, Buffer.from(`\ufeff${text}`, "utf16le")],
  ["UTF-16 without its mark", broken, Buffer.from(text, "utf16le")],
  ["gzip", broken, gzipSync(text)],
  ["NUL before it", broken, `\0${text}`],
  ["NUL behind it", broken, `${text}\0`],
  ["NUL in a string", broken, text.replace("a ", "\0")],
  ["a comment", broken, `${text}//`],
  ["a trailing comma", broken, text.replace("}}", "},}")],
  ["NaN", broken, text.replace('"complete"', "NaN")],
  ["deeper than anybody reads", broken, text.replace("[", "[".repeat(1_000)).replace("]", "]".repeat(1_000))],
  ["another version", broken, text.replace('"2.0"', '"1.0"')],
  ["the version as a number", broken, text.replace('"2.0"', "2.0")],
  ["no version", broken, text.replace('"jsonrpc":"2.0",', "")],
  ["two ids", broken, text.replace('"id":7', '"id":7,"id":8')],
  ["two ids, one escaped", broken, text.replace('"id":7', '"id":7,"\\u0069d":8')],
  ["two results", broken, text.replace("}}", '},"result":{}}')],
  ["a result in other letters", broken, text.replace("}}", '},"Result":{}}')],
  ["a method as well", broken, text.replace('"id":7', '"id":7,"method":"ping"')],
  ["result and error", broken, text.replace('"id":7', '"id":7,"error":{"code":1,"message":"x"}')],
  ["neither result nor error", broken, '{"jsonrpc":"2.0","id":7}'],
  ["another id", forNobody, text.replace("7", "8")],
  ["the id as a string", forNobody, text.replace("7", '"7"')],
  ["the id as an array", forNobody, text.replace("7", "[7]")],
  ["the id as a fraction", forNobody, text.replace("7", "7.5")],
  ["a result for nobody", forNobody, text.replace("7", "null")],
  ["a result without an id", forNobody, text.replace('"id":7,', "")],
  ["a result that is no object", forNobody, '{"jsonrpc":"2.0","id":7,"result":[]}'],
  ["an error without a code", forNobody, '{"jsonrpc":"2.0","id":7,"error":{"message":"x"}}'],
  ["an error with a fraction for a code", forNobody, '{"jsonrpc":"2.0","id":7,"error":{"code":1.5,"message":"x"}}'],
  ["an error of another request", forNobody, '{"jsonrpc":"2.0","id":8,"error":{"code":1,"message":"x"}}'],
];

describe("a JSON answer that is", () => {
  it.each<[string, unknown, string | Buffer]>([
    ...spoilt,
    ["nothing", broken, ""],
    ["white space", broken, " \r\n\t"],
    ["an event", broken, `data: ${text}\n\n`],
    ["a notification", broken, JSON.stringify(note)],
    ["a request", broken, '{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{}}'],
  ])("%s is refused", async (_case, _end, body) => {
    say("application/json", body);
    await expectRefused(byJson, "upstream_malformed");
  });

  it.each<[string, DenialCode, string | undefined, string]>([
    ["called HTML", "upstream_malformed", "text/html", "200 OK"],
    ["called problem+json", "upstream_malformed", "application/problem+json", "200 OK"],
    ["of no type", "upstream_malformed", undefined, "200 OK"],
    ["called an event stream", "upstream_closed", "text/event-stream", "200 OK"],
    ["an acknowledgment without a type", "upstream_malformed", undefined, "202 Accepted"],
    ["a page for the people who run it", "upstream_refused", "text/html", "500 Oops"],
    ["sent with status 500", "upstream_refused", "application/json", "500 Oops"],
    ["sent with status 503", "upstream_refused", "application/json", "503 Busy"],
    ["a login of its own", "upstream_refused", "application/json", "401 Unauthorized"],
    ["a no of its own", "upstream_refused", "application/json", "403 Forbidden"],
    ["a login at its proxy", "upstream_refused", "application/json", "407 Proxy"],
    ["a limit of its own", "upstream_refused", "application/json", "429 Slow"],
    ["a page with status 400", "upstream_refused", "text/html", "400 Bad"],
  ])("%s is refused as %s", async (_case, reason, type, status) => {
    say(type, text, status);
    await expectRefused(byJson, reason);
  });

  it("an error for nobody in particular is the answer to the only request there is", async () => {
    say("application/json", '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}', "400 Bad");
    const { client, records, counted } = await witness(scene, byJson.ask);
    expect(client.status).toBe(400);
    expect(client.messages).toEqual([{ jsonrpc: "2.0", id: 7, error: { code: -32_700, message: "x" } }]);
    expect(records).toMatchObject([
      { decision: { reason: null }, outcome: { http: 400, rpc: -32_700, upstream: 400 } },
    ]);
    expect(counted).toEqual({});
  });
});

describe.each(byStream)("$name that has sent a notification and then sends", (way) => {
  it.each(spoilt)("%s", async (_case, end, body) => {
    const dropped = end === forNobody && !way.owed;
    stream([way.wrap(JSON.stringify(note)), wrapped(way, Buffer.from(body)), way.wrap(JSON.stringify(note))], dropped);
    if (way.recorded === "at the answer") return expectRefused(way, "upstream_malformed", [note]);
    const { client } = await witness(scene, way.ask);
    expect(client.messages).toEqual(dropped ? [note, note] : [note]);
    await until("the connection is closed", () => scene.upstream.open() === 0);
  });
});

describe("what nobody is owed an answer to", () => {
  const notification = '{"jsonrpc":"2.0","method":"notifications/initialized"}';

  it.each<[string, string, string]>([
    ["by JSON", "application/json", text],
    ["by a stream", "text/event-stream", `data: ${text}\n\n`],
    ["by a page", "text/html", "<h1>stack trace</h1>"],
  ])("is acknowledged and no more when it is answered %s", async (_case, type, body) => {
    // It never comes to an end, so only the gateway can bring one about.
    scene.behave((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${2 ** 40}\r\n\r\n${body}`);
      return pour(socket, " ");
    });
    const { client, records } = await witness(scene, { body: notification });
    expect({ status: client.status, text: client.text }).toEqual({ status: 202, text: "" });
    expect(records).toMatchObject([
      { event: "notification", decision: { reason: null }, outcome: { http: 202, upstream: 200 } },
    ]);
    await until("the connection is closed", () => scene.upstream.open() === 0);
  });
});

it("headers of the server stay outside", async () => {
  const more = [
    "Set-Cookie: a=1",
    "Set-Cookie: b=2",
    "Server: secret/1.0",
    "X-Powered-By: secret",
    "WWW-Authenticate: Bearer",
    "Access-Control-Allow-Origin: *",
    "Mcp-Session-Id: raw-session",
    "X-Request-Id: chosen",
    "Location: http://elsewhere.invalid/",
    "Content-Encoding: gzip",
  ].join("\r\n");
  say(`application/json\r\n${more}`, text);
  const { headers, messages } = await scene.send({ body: callTool(7) });
  expect(messages).toEqual([JSON.parse(text)]);
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
