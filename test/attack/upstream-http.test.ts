/** What a server can do with HTTP itself: heads, framing, interim answers, redirects. Each way of answering, seen from every side. */
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DenialCode } from "../../src/denial.ts";
import { type Recorder, startRecorder } from "../fixtures/recorder.ts";
import { type RawScene, startRawScene } from "./hostile.ts";
import { until } from "./until.ts";
import { byJson, byStream, refusal, type Way, witness } from "./witness.ts";

let scene: RawScene;
/** One that waits for nobody who does not begin. */
let hasty: RawScene;
let elsewhere: Recorder;
beforeAll(async () => {
  [scene, hasty, elsewhere] = await Promise.all([startRawScene(), startRawScene({ firstByte: "1s" }), startRecorder()]);
});
afterAll(async () => {
  await Promise.all([scene?.stop(), hasty?.stop(), elsewhere?.stop()]);
});

const answer = '{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","content":[]}}';
// HTTP is the same to the eras: the call of the stateless one adds nothing here.
const ways = [byJson, ...byStream.filter(({ name }) => name !== "a stateless answer by stream")];

/** A sound answer, as bytes of HTTP that can be spoilt; the connection is left to the gateway to close. */
function render(way: Way, head: Partial<{ status: string; type: string; more: string }> = {}): string {
  const { status = "HTTP/1.1 200 OK", type = `Content-Type: ${way.type}\r\n`, more = "" } = head;
  const body = way.wrap(answer);
  return `${status}\r\n${type}${more}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** The same without a length of its own. */
const headed = (way: Way, lines: string, body: string) =>
  `HTTP/1.1 200 OK\r\nContent-Type: ${way.type}\r\n${lines}\r\n${body}`;

const bare = "Connection: close\r\nContent-Length: 0\r\n\r\n";
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const chunked = "Transfer-Encoding: chunked\r\n";

/** What the gateway answers to a head that it does not take. */
async function expectRefused(way: Way, reason: DenialCode, at = scene): Promise<void> {
  const { client, records, counted } = await witness(at, way.ask);
  const id = way.ask.verb === "GET" ? undefined : 7;
  const expected = refusal(reason, client, id);
  expect(client.messages).toEqual([expected]);
  expect(client.headers["content-type"]).toBe("application/json");
  expect(client.status).toBe(id === undefined ? expected.error?.code : 200);
  expect(records).toMatchObject([
    { decision: { reason }, outcome: { http: client.status, rpc: expected.error?.code, tool_error: null } },
  ]);
  expect(counted).toEqual({ [reason]: 1 });
  await until("the connection is closed", () => at.upstream.open() === 0);
}

/** What the gateway hands out when there was nothing wrong after all. */
async function expectAnswered(way: Way): Promise<void> {
  const { client, records, counted } = await witness(scene, way.ask);
  expect(client.status).toBe(200);
  expect(client.messages).toEqual(way.ask.verb === "GET" ? [] : [JSON.parse(answer)]);
  expect(records).toMatchObject([{ decision: { reason: null }, outcome: { http: 200, rpc: null, upstream: 200 } }]);
  expect(counted).toEqual({});
  await until("the connection is closed", () => scene.upstream.open() === 0);
}

describe.each(ways)("$name", (way) => {
  const say = (bytes: string) => scene.behave((socket: Socket) => void socket.write(bytes));

  it.each<[string, DenialCode, (way: Way) => string]>([
    ["204", "upstream_malformed", () => "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"],
    ["205", "upstream_malformed", () => `HTTP/1.1 205 Reset Content\r\n${bare}`],
    ["304", "upstream_refused", () => `HTTP/1.1 304 Not Modified\r\n${bare}`],
    ["500", "upstream_refused", (way) => render(way, { status: "HTTP/1.1 500 Oops" })],
    ["999", "upstream_refused", (way) => render(way, { status: "HTTP/1.1 999 What" })],
    ["100 without being asked to go on", "upstream_reset", (way) => `HTTP/1.1 100 Continue\r\n\r\n${render(way)}`],
    [
      "another protocol",
      "upstream_reset",
      () => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x05hello",
    ],
    ["HTTP/0.9", "upstream_malformed", (way) => way.wrap(answer)],
    ["HTTP/1.2", "upstream_malformed", (way) => render(way, { status: "HTTP/1.2 200 OK" })],
    ["lines that end in LF alone", "upstream_malformed", (way) => render(way).replaceAll("\r\n", "\n")],
    ["a folded header", "upstream_malformed", (way) => render(way, { more: "X: a\r\n b\r\n" })],
    ["a NUL in a header", "upstream_malformed", (way) => render(way, { more: "X: a\0b\r\n" })],
    ["a header without a name", "upstream_malformed", (way) => render(way, { more: ": a\r\n" })],
    ["a header of 64 KiB", "upstream_malformed", (way) => render(way, { more: `X: ${"x".repeat(65_536)}\r\n` })],
    ["20,000 headers", "upstream_malformed", (way) => render(way, { more: "a: b\r\n".repeat(20_000) })],
    ["no type", "upstream_malformed", (way) => render(way, { type: "" })],
    ["the same type twice", "upstream_malformed", (way) => render(way, { more: `Content-Type: ${way.type}\r\n` })],
    [
      "both types",
      "upstream_malformed",
      (way) => render(way, { type: "Content-Type: application/json\r\nContent-Type: text/event-stream\r\n" }),
    ],
    [
      "types in a list",
      "upstream_malformed",
      (way) => render(way, { type: `Content-Type: ${way.type}, text/html\r\n` }),
    ],
    ["another type", "upstream_malformed", (way) => render(way, { type: "Content-Type: text/plain\r\n" })],
    ["a length below zero", "upstream_malformed", (way) => headed(way, "Content-Length: -1\r\n", way.wrap(answer))],
    ["a length in words", "upstream_malformed", (way) => headed(way, "Content-Length: much\r\n", way.wrap(answer))],
    ["a length beyond 2^64", "upstream_malformed", (way) => headed(way, `Content-Length: ${"9".repeat(30)}\r\n`, "")],
    ["the same length twice", "upstream_malformed", (way) => render(way, { more: "Content-Length: 5\r\n" })],
    ["a length and chunks", "upstream_malformed", (way) => render(way, { more: chunked })],
  ])("%s is %s", async (_case, reason, spoil) => {
    say(spoil(way));
    await expectRefused(way, reason);
  });

  it.each<[string, (way: Way) => string]>([
    ["HTTP/1.0", (way) => render(way, { status: "HTTP/1.0 200 OK" })],
    ["early hints", (way) => "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(3) + render(way)],
    ["16 early hints", (way) => "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(16) + render(way)],
    ["an interim answer nobody knows", (way) => `HTTP/1.1 199 Wait\r\n\r\n${render(way)}`],
    ["3,000 headers that are short", (way) => render(way, { more: "a:\r\n".repeat(3_000) })],
    ["a reason of 64 KiB", (way) => render(way, { status: `HTTP/1.1 200 ${"x".repeat(65_536)}` })],
    ["headers named like members of objects", (way) => render(way, { more: "__proto__: a\r\nconstructor: b\r\n" })],
    ["a charset of UTF-16", (way) => render(way, { type: `Content-Type: ${way.type}; charset=utf-16\r\n` })],
    ["a type in capitals", (way) => render(way, { type: `Content-Type: ${way.type.toUpperCase()} ; q=1\r\n` })],
    [
      "chunks of one byte, with extensions and trailers",
      (way) =>
        headed(
          way,
          `Connection: close\r\n${chunked}`,
          `${[...way.wrap(answer)].map((byte) => `1;a="b"\r\n${byte}\r\n`).join("")}0\r\nContent-Type: text/html\r\n\r\n`,
        ),
    ],
  ])("%s changes nothing", async (_case, spell) => {
    say(spell(way));
    await expectAnswered(way);
  });

  it.each<[string, DenialCode, (socket: Socket) => void]>([
    ["with FIN", "upstream_reset", (socket) => socket.end()],
    ["with RST", "upstream_reset", (socket) => socket.resetAndDestroy()],
    ["in the middle of the head", "upstream_reset", (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Ty")],
    ["after an interim answer", "upstream_reset", (socket) => socket.end("HTTP/1.1 103 Early Hints\r\n\r\n")],
  ])("broken off before it begins %s: %s", async (_case, reason, behave) => {
    scene.behave(behave);
    await expectRefused(way, reason);
  });

  it("not begun at all is upstream_timeout", async () => {
    hasty.behave(() => {});
    await expectRefused(way, "upstream_timeout", hasty);
  });

  const begun = way === byJson ? '{"jsonrpc":"2.0",' : ": begun\n\n";
  it.each<[string, DenialCode, (way: Way) => string]>([
    ["no size", "upstream_malformed", (way) => headed(way, chunked, `${chunk(begun)}zz\r\n`)],
    ["a size beyond 2^64", "upstream_malformed", (way) => headed(way, chunked, `${chunk(begun)}${"f".repeat(17)}\r\n`)],
    ["a size below zero", "upstream_malformed", (way) => headed(way, chunked, `${chunk(begun)}-1\r\n`)],
    ["more than its size", "upstream_malformed", (way) => headed(way, chunked, `2\r\n${begun}\r\n`)],
    [
      "trailers of 64 KiB",
      "upstream_malformed",
      (way) => headed(way, chunked, `${chunk(begun)}0\r\n${"X: y\r\n".repeat(11_000)}`),
    ],
  ])("a chunk of %s is %s", async (_case, reason, spoil) => {
    say(spoil(way));
    await expectBrokenOff(way, reason);
  });

  it("cut before the length that it announced is upstream_reset", async () => {
    const bytes = headed(way, `Content-Length: ${2 ** 30}\r\n`, begun);
    scene.behave((socket) => void socket.end(bytes));
    await expectBrokenOff(way, "upstream_reset");
  });

  it.each([301, 302, 303, 307, 308])("redirected with %i is not followed", async (status) => {
    say(render(way, { status: `HTTP/1.1 ${status} Go`, more: `Location: ${elsewhere.url}\r\n` }));
    await expectRefused(way, "upstream_refused");
    // An exchange behind it: whatever the redirect could have caused has happened by now.
    say(render(way));
    await expectAnswered(way);
    expect(elsewhere.requests).toEqual([]);
  });

  it("followed by an answer that nobody asked for does not lend it to the next request", async () => {
    const forged = way.wrap(answer.replace("[]", '["forged"]'));
    const more = `HTTP/1.1 200 OK\r\nContent-Type: ${way.type}\r\nContent-Length: ${forged.length}\r\n\r\n${forged}`;
    say(render(way).replace("Connection: close\r\n", "") + more);
    await expectAnswered(way);
    say(render(way));
    await expectAnswered(way);
  });
});

/** What the gateway answers when the head was sound and the body is not. */
async function expectBrokenOff(way: Way, reason: DenialCode): Promise<void> {
  if (way === byJson) return expectRefused(way, reason);
  const { client, records, counted } = await witness(scene, way.ask);
  expect(client.status).toBe(200);
  expect(client.headers["content-type"]).toBe("text/event-stream");
  if (way.recorded === "at the answer") {
    const expected = refusal(reason, client, 7);
    expect(client.messages).toEqual([expected]);
    expect(records).toMatchObject([{ decision: { reason }, outcome: { http: 200, rpc: expected.error?.code } }]);
    expect(counted).toEqual({ [reason]: 1 });
  } else expect(client.messages).toEqual([]);
  await until("the connection is closed", () => scene.upstream.open() === 0);
}
