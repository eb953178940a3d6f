/** Event streams, however a server writes and ends them: on each kind of stream the same messages, or a refusal with a name. */
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DenialCode } from "../../src/denial.ts";
import { type RawScene, startRawScene } from "./hostile.ts";
import type { RawHandler } from "./rawUpstream.ts";
import { until } from "./until.ts";
import { byJson, byStream, refusal, type Sight, type Way, witness } from "./witness.ts";

let scene: RawScene;
/** One that waits for nobody who falls silent. */
let hasty: RawScene;
beforeAll(async () => {
  [scene, hasty] = await Promise.all([startRawScene(), startRawScene({ idle: "1s" })]);
});
afterAll(async () => {
  await Promise.all([scene?.stop(), hasty?.stop()]);
});

const _meta = { "io.modelcontextprotocol/subscriptionId": 7 };
const note = { jsonrpc: "2.0", method: "notifications/tools/list_changed", params: { _meta, text: "zwölf \u{1f511}" } };
const answer = { jsonrpc: "2.0", id: 7, result: { resultType: "complete", content: ['a "b" \\ c'], _meta } };
const one = JSON.stringify(note);
const two = JSON.stringify(answer);
const head =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
const lastChunk = "0\r\n\r\n";

const chunk = (bytes: Buffer) => [`${bytes.length.toString(16)}\r\n`, bytes, "\r\n"];
const join = (parts: readonly (string | Buffer)[]) => Buffer.concat(parts.map((part) => Buffer.from(part)));

/** Says this in one chunk, and nothing more: it is the gateway that has to close the connection. */
const say =
  (events: string | Buffer): RawHandler =>
  (socket) =>
    void socket.write(join([head, ...chunk(Buffer.from(events))]));

/** The same with the end of the stream behind it. */
const finish =
  (events: string | Buffer): RawHandler =>
  (socket) =>
    void socket.write(join([head, ...chunk(Buffer.from(events)), lastChunk]));

/** Every byte in a chunk of its own, the next one once the one before has left. */
const drip =
  (begin: string, bytes: Buffer): RawHandler =>
  async (socket) => {
    socket.setNoDelay(true);
    socket.write(begin);
    for (const byte of bytes) {
      await new Promise((resolve) => socket.write(join(chunk(Buffer.of(byte))), resolve));
    }
    socket.write(lastChunk);
  };

/** Tells apart what the gateway tells the server of its own accord. */
const besidesRefusals =
  (handler: RawHandler): RawHandler =>
  (socket, request) =>
    request.body.includes('"error"')
      ? void socket.end("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
      : handler(socket, request);

async function see(way: Way, handler: RawHandler, at = scene): Promise<Sight> {
  at.behave(handler);
  const sight = await witness(at, way.ask);
  expect(sight.client.status).toBe(200);
  await until("the connection is closed", () => at.upstream.open() === 0);
  return sight;
}

/** Both messages where an answer is owed, else the one that is none; nothing is wrong. */
function expectBoth(way: Way, { client, records, end, counted }: Sight): void {
  expect(client.messages).toEqual(way.owed ? [note, answer] : [note]);
  expect(records).toMatchObject([{ decision: { reason: null }, outcome: { http: 200, rpc: null, upstream: 200 } }]);
  expect(counted).toEqual({});
  if (way.recorded === "at the answer") return void expect(end).toBeNull();
  const bytes = { out: Buffer.byteLength(client.text) };
  expect(end).toMatchObject({ event: "stream_end", decision: { reason: null }, bytes, note: { cause: "server" } });
}

/** The refusal where an answer is owed and not recorded yet, else the end. */
function expectEnd(way: Way, { client, records, counted }: Sight, reason: DenialCode, before = [note]): void {
  if (way.recorded === "at the head") return void expect(client.messages).toEqual(before);
  const expected = refusal(reason, client, 7);
  expect(client.messages).toEqual([...before, expected]);
  expect(records).toMatchObject([{ decision: { reason }, outcome: { http: 200, rpc: expected.error?.code } }]);
  expect(counted).toEqual({ [reason]: 1 });
}

const spread = JSON.stringify(answer, null, 2).split("\n");
const spelled: [string, string][] = [
  ["LF", `data: ${one}\n\ndata: ${two}\n\n`],
  ["CR", `data: ${one}\r\rdata: ${two}\r\r:\n`],
  ["CRLF", `data: ${one}\r\n\r\ndata: ${two}\r\n\r\n`],
  ["all of them", `data: ${one}\r\n\n\rdata: ${two}\r\r\n`],
  ["a byte order mark", `\ufeffdata: ${one}\n\ndata: ${two}\n\n`],
  ["no space after the colon", `data:${one}\n\ndata:${two}\n\n`],
  ["two spaces after the colon", `data:  ${one}\n\ndata:  ${two}\n\n`],
  ["an answer over several lines", `data: ${one}\n\n${spread.map((line) => `data: ${line}\n`).join("")}\n`],
  ["the same with CRLF", `data: ${one}\n\n${spread.map((line) => `data: ${line}\r\n`).join("")}\r\n`],
  [
    "comments and unknown fields",
    `: hello\n\nwhat: else\ndata: ${one}\n: between\n\nnothing\nevent: message\ndata: ${two}\n\n`,
  ],
  ["field names in capitals between", `DATA: x\nData: y\nID: 1\ndata: ${one}\n\ndata: ${two}\n\n`],
  ["a space before a field's name between", ` data: x\ndata: ${one}\n\ndata: ${two}\n\n`],
  ["an id with NUL", `id: a\0b\ndata: ${one}\n\ndata: ${two}\n\n`],
  ["NUL in a comment and on a line", `: \0\n\0\n\ndata: ${one}\n\ndata: ${two}\n\n`],
  ["a retry that is no number", `retry: soon\nretry: -1\nretry: 1e9\ndata: ${one}\n\ndata: ${two}\n\n`],
  ["JSON that is no event around it", `${two}\n\n${two}\ndata: ${one}\n\n[${two}]\n\ndata: ${two}\n\n`],
  ["the mark twice, the second on a line without meaning", `\ufeff\ufeff\ndata: ${one}\n\ndata: ${two}\n\n`],
];

describe.each(byStream)("$name", (way) => {
  it.each(spelled)("with %s, in one piece and byte by byte", async (_case, text) => {
    expectBoth(way, await see(way, finish(text)));
    expectBoth(way, await see(way, drip(head, Buffer.from(text))));
  });

  it.each<[string, string]>([
    ["a second answer", `data: ${JSON.stringify({ ...answer, result: { content: ["second"] } })}\n\n`],
    ["a notification", `data: ${one}\n\n`],
    ["garbage", "garbage\n\ndata: {\n\n"],
    ["a field without end", `data: ${"x".repeat(100_000)}`],
  ])("that goes on after its answer with %s", async (_case, more) => {
    // A stream that owes no answer goes on, so it is asked for one message only.
    if (!way.owed) return expectBoth(way, await see(way, finish(`data: ${one}\n\ndata: ${two}\n\n`)));
    expectBoth(way, await see(way, say(`data: ${one}\n\ndata: ${two}\n\n${more}`)));
  });

  it("with a time to wait before reconnecting", async () => {
    const sight = await see(way, finish(`retry: 999999999\ndata: ${one}\n\ndata: ${two}\n\n`));
    expectBoth(way, sight);
    expect(sight.client.text.match(/^retry: .*$/gm)).toEqual(["retry: 999999999"]);
  });

  it("with a request of the server among its events", async () => {
    const request = '{"jsonrpc":"2.0","id":"s","method":"sampling/createMessage","params":{"messages":[]}}';
    const text = `data: ${request}\n\ndata: ${one}\n\ndata: ${two}\n\n`;
    const { client, records } = await see(way, besidesRefusals(finish(text)));
    expect(client.messages).toEqual(way.owed ? [note, answer] : [note]);
    const reasons = records.map(({ event, decision: { reason } }) => (event === "server_request" ? reason : null));
    expect(reasons.filter(Boolean)).toEqual(["client_request_denied"]);
  });

  it.each([
    ["ends", "upstream_closed", finish(`data: ${one}\n\n`)],
    ["ends without the line that completes its answer", "upstream_closed", finish(`data: ${one}\n\ndata: ${two}\n`)],
    [
      "ends in the middle of a character",
      "upstream_closed",
      finish(join([`data: ${one}\n\n: `, Buffer.of(0xe2, 0x82)])),
    ],
    ["goes on with a mark of its own", "upstream_closed", finish(`data: ${one}\n\n\ufeffdata: ${two}\n\n`)],
    ["goes on with JSON that is no event", "upstream_closed", finish(`data: ${one}\n\n${two}\n\n`)],
    ["is reset", "upstream_reset", (socket) => cut(socket, () => socket.resetAndDestroy())],
    ["is closed in the middle of a chunk", "upstream_reset", (socket) => cut(socket, () => socket.end("ff\r\ndata"))],
  ] as [string, DenialCode, RawHandler][])("that %s is %s", async (_case, reason, handler) => {
    expectEnd(way, await see(way, handler), reason);
  });
});

/** Without anything before, for what comes in the same read as a fault shares its fate. */
describe.each(byStream)("$name that begins", (way) => {
  it.each<[string, DenialCode, string | Buffer]>([
    ["without UTF-8", "upstream_malformed", join([": ", Buffer.of(0xff), "\n"])],
    ["in UTF-16", "upstream_malformed", Buffer.from(`\ufeffdata: ${two}\n\n`, "utf16le")],
    ["with gzip", "upstream_malformed", gzipSync(`data: ${two}\n\n`)],
    ["with a line above the cap", "upstream_too_large", `data: ${"x".repeat(70_000)}`],
    ["with lines above the cap", "upstream_too_large", `data: ${"x".repeat(999)}\n`.repeat(70)],
    ["with an id above the cap", "upstream_too_large", `id: ${"x".repeat(70_000)}`],
    ["with a name above the cap", "upstream_too_large", `event: ${"x".repeat(70_000)}`],
  ])("%s is %s", async (_case, reason, events) => {
    expectEnd(way, await see(way, say(events)), reason, []);
  });
});

/** Sends a notification, and ends the connection in some way once it has left. */
function cut(socket: Socket, end: () => void): void {
  // A connection that was to be closed anyway would make it a fault of the framing.
  const kept = head.replace("Connection: close\r\n", "");
  socket.write(join([kept, ...chunk(Buffer.from(`data: ${one}\n\n`))]), end);
}

it("JSON byte by byte is the same JSON", async () => {
  const begin =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
  const { client } = await see(byJson, drip(begin, Buffer.from(two)));
  expect(client.text).toBe(two);
});

it.each(byStream.filter(({ recorded }) => recorded === "at the answer"))(
  "$name that falls silent is upstream_timeout",
  async (way) => expectEnd(way, await see(way, say(`data: ${one}\n\n`), hasty), "upstream_timeout"),
);

it("a subscription may be silent for as long as a standalone stream may", async () => {
  hasty.behave((socket) => void socket.write(head));
  const listening = await Promise.all(
    byStream.filter(({ recorded }) => recorded === "at the head").map(({ ask }) => hasty.open(ask)),
  );
  const ended = listening.map((opened) => {
    let over = false;
    void opened.finish().then(() => {
      over = true;
    });
    return () => over;
  });
  // Calls that began later and were given up for their silence, one after the other.
  for (let calls = 0; calls < 2; calls++) expect((await hasty.send(byJson.ask)).reason).toBe("upstream_timeout");
  expect(ended.map((isOver) => isOver())).toEqual([false, false]);
  for (const { abort } of listening) abort();
});
