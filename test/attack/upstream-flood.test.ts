/** Servers that never come to an end: memory that does not grow with what they send, and nobody else who has to wait. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { DenialCode } from "../../src/denial.ts";
import { callTool, pour, type RawScene, readMessages, startRawScene } from "./hostile.ts";
import { until } from "./until.ts";
import { byJson, byStream, held, refusal, residentMiB, type Way, witness } from "./witness.ts";

/** The heap of the gateway, in MiB: the usual one has room for what a leak would leave behind. */
const heapMiB = 96;
/** What a gateway may take on top of what it had, in MiB. What passes without a word is more than that. */
const growthMiB = 128;
const mebi = 1_048_576;

let scene: RawScene;
let roomy: RawScene;
/** One that waits for nobody who says nothing. */
let hasty: RawScene;
beforeAll(async () => {
  vi.stubEnv("NODE_OPTIONS", `--max-old-space-size=${heapMiB}`);
  [scene, roomy, hasty] = await Promise.all([
    startRawScene(),
    startRawScene({ maxResponse: "8MiB" }),
    startRawScene({ firstByte: "2s", idle: "2s" }),
  ]);
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await Promise.all([scene?.stop(), roomy?.stop(), hasty?.stop()]);
});

const answer = '{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","content":[]}}';
const note = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
const open = (type: string) => `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nConnection: close\r\n`;
const events = `${open("text/event-stream")}\r\n`;

const fill = (unit: string) => unit.repeat(Math.ceil(65_536 / unit.length));

/** Answers the calls of others while one is flooded. */
function answerOthers(socket: Socket): void {
  socket.end(`${open("application/json")}Content-Length: ${answer.length}\r\n\r\n${answer}`);
}
const other = { body: callTool(7, "open-other"), as: "other" } as const;
const isOther = (body: Buffer) => body.includes("open-other");

describe.each(byStream)("$name", (way) => {
  it.each<[string, string, string]>([
    ["one line", "data: ", "x".repeat(65_536)],
    ["lines of 64 KiB", "", `data: ${"x".repeat(65_530)}\n`],
    ["a name", "event: ", "x".repeat(65_536)],
    ["an id", "id: ", "x".repeat(65_536)],
    ["a field nobody knows", "what: ", "x".repeat(65_536)],
    ["names", "", fill("event: other\n")],
    ["fields nobody knows", "", fill("what: else\n")],
    ["times to wait", "", fill("retry: 1\n")],
  ])("whose event has no end but %s is cut off at the cap", async (_case, begin, more) => {
    for (const stage of [scene, roomy]) {
      stage.behave((socket) => {
        socket.write(events + begin);
        return pour(socket, more);
      });
      const { client, records, counted } = await witness(stage, way.ask);
      const expected = refusal("upstream_too_large", client, 7);
      if (way.recorded === "at the answer") {
        expect(client.messages).toEqual([expected]);
        expect(records).toMatchObject([{ decision: { reason: "upstream_too_large" } }]);
        expect(counted).toEqual({ upstream_too_large: 1 });
      } else expect(client.messages).toEqual([]);
      await until("the connection is closed", () => stage.upstream.open() === 0);
    }
  });

  it("whose client does not read has the server wait, and loses nothing", async () => {
    const loud = JSON.stringify({ ...JSON.parse(note), params: { text: "x".repeat(32_768) } });
    const count = 1_024;
    let written = 0;
    scene.behave(async (socket, { body }) => {
      if (isOther(body)) return answerOthers(socket);
      socket.write(events);
      while (written < count) {
        written += 1;
        if (!socket.write(`data: ${loud}\n\n`)) await once(socket, "drain");
      }
      socket.end(`data: ${answer}\n\n`);
    });
    const before = await residentMiB(scene);
    const response = await scene.leaveUnread(way.ask);
    const first = await until("the server has to wait", () => written > 8 && written);
    // The time of some calls for everything that may still flow.
    for (let calls = 0; calls < 50; calls++) expect((await scene.send(other)).text).toBe(answer);
    expect(first).toBeLessThan(count);
    expect(written).toBeLessThan(count);
    expect((await residentMiB(scene)) - before).toBeLessThan(growthMiB);
    const text = (await response.setEncoding("utf8").toArray()).join("");
    const messages = readMessages("text/event-stream", text);
    expect(messages).toHaveLength(way.owed ? count + 1 : count);
    expect(messages.slice(0, count).every(({ method }) => method === "notifications/tools/list_changed")).toBe(true);
    await until("nothing is left over", async () => (await held(scene)) === 0);
  });
});

/** How much of a flood is to be seen, in MiB: poured by the server, or received by the client. */
type Amount = { readonly poured: number } | { readonly passed: number };

/** Pours that much, and returns how the gateway has grown, in MiB; another call is answered in the middle of it. */
async function flood(way: Way, begin: string, block: string, amount: Amount): Promise<number> {
  let poured = 0;
  scene.behave((socket, { body }) => {
    if (isOther(body)) return answerOthers(socket);
    socket.write(begin);
    return pour(socket, block, (length) => {
      poured += length;
    });
  });
  const before = await residentMiB(scene);
  const opened = await scene.open(way.ask);
  const share = () => ("poured" in amount ? poured / amount.poured : opened.text().length / amount.passed) / mebi;
  await until("a part has left", () => share() > 0.25, 40_000);
  expect((await scene.send(other)).text).toBe(answer);
  await until("enough has left", () => share() > 1, 40_000);
  const growth = (await residentMiB(scene)) - before;
  opened.abort();
  await until("the server was cut off", () => scene.upstream.open() === 0);
  await until("nothing is left over", async () => (await held(scene)) === 0);
  return growth;
}

const endless: [string, string, string, Amount][] = [
  ["comments", events, fill(":\n"), { poured: 160 }],
  ["one comment", `${events}: `, fill("x"), { poured: 256 }],
  ["empty lines", events, fill("\n"), { poured: 160 }],
  ["empty lines that end in CR", events, fill("\r"), { poured: 32 }],
  ["empty events", events, fill("data:\n\n"), { passed: 1 }],
  ["ids", events, fill("id: 1\n\n"), { passed: 16 }],
  ["times to wait", events, fill("retry: 1\n\n"), { passed: 1 }],
  ["notifications", events, fill(`data: ${note}\n\n`), { passed: 32 }],
];

it.each(endless)("%s for ever take no memory, and end with the client", async (_case, begin, block, amount) => {
  const [way] = byStream;
  if (way === undefined) throw new Error("no way");
  expect(await flood(way, begin, block, amount)).toBeLessThan(growthMiB);
});

it.each(byStream)("comments and notifications for ever on $name take none either", async (way) => {
  const block = fill(":\n") + fill(`data: ${note}\n\n`);
  expect(await flood(way, events, block, { passed: 16 })).toBeLessThan(growthMiB);
});

const largeText = "x".repeat(7 * mebi);
const largeAnswer = JSON.stringify({
  ...JSON.parse(answer),
  result: { resultType: "complete", text: largeText },
});
const largeNote = JSON.stringify({ ...JSON.parse(note), params: { text: largeText } });

it.each([
  { ...byJson, large: largeAnswer },
  ...byStream.map((way) => ({ ...way, large: way.recorded === "at the answer" ? largeAnswer : largeNote })),
])("what is large and read by nobody is kept as its bytes alone, not as what it says: $name", async (way) => {
  let written = 0;
  roomy.behave((socket, { body }) => {
    if (isOther(body)) return answerOthers(socket);
    const said = way.wrap(way.large);
    const head = open(way.type) + (way.type === "application/json" ? `Content-Length: ${said.length}\r\n` : "");
    socket.write(`${head}\r\n${said}`, () => {
      written += 1;
    });
  });
  const left = [];
  // As text all of them are more than the heap.
  for (let count = 0; count < 16; count += 1) left.push(await roomy.leaveUnread(way.ask));
  await until("all is said", () => written === left.length);
  expect((await roomy.send(other)).text).toBe(answer);
  for (const response of left) response.destroy();
  await until("nothing is left over", async () => (await held(roomy)) === 0);
});

const chunked = "Transfer-Encoding: chunked\r\n\r\n";
const json = open("application/json");

/** What has to be refused for it to end at all. */
it.each<[string, DenialCode, string, string]>([
  ["JSON of white space", "upstream_too_large", `${json}\r\n`, " "],
  ["a string", "upstream_too_large", `${json}\r\n"`, "x"],
  ["a number", "upstream_too_large", `${json}\r\n`, "1"],
  ["brackets", "upstream_too_large", `${json}\r\n`, "["],
  ["JSON of which 1 GiB is announced", "upstream_too_large", `${json}Content-Length: ${1024 * mebi}\r\n\r\n`, " "],
  ["a header's value", "upstream_malformed", "HTTP/1.1 200 OK\r\nX: ", "x"],
  ["a header's name", "upstream_malformed", "HTTP/1.1 200 OK\r\nX", "x"],
  ["headers", "upstream_malformed", "HTTP/1.1 200 OK\r\n", "a: b\r\n"],
  ["headers without value", "upstream_malformed", "HTTP/1.1 200 OK\r\n", "a:\r\n"],
  ["a reason", "upstream_timeout", "HTTP/1.1 200 ", "x"],
  ["trailers", "upstream_malformed", `${json}${chunked}2\r\n{}\r\n0\r\n`, "a: b\r\n"],
  ["a chunk's extension", "upstream_timeout", `${json}${chunked}1;`, "a=b;"],
  ["noughts before a chunk's size", "upstream_timeout", `${json}${chunked}`, "0"],
])("%s without end: %s", async (_case, reason, begin, unit) => {
  const stage = reason === "upstream_timeout" ? hasty : scene;
  stage.behave((socket) => {
    socket.write(begin);
    return pour(socket, fill(unit));
  });
  const before = await residentMiB(stage);
  const { client, records, counted } = await witness(stage, byJson.ask);
  expect(client.messages).toEqual([refusal(reason, client, 7)]);
  expect(records).toMatchObject([{ decision: { reason }, outcome: { http: 200 } }]);
  expect(counted).toEqual({ [reason]: 1 });
  await until("the connection is closed", () => stage.upstream.open() === 0);
  expect((await residentMiB(stage)) - before).toBeLessThan(growthMiB);
});
