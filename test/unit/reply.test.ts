/** Clients that read slowly, or not at all. */
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, it, onTestFinished, vi } from "vitest";
import { createReply, type Reply, slowestPace, stallMs } from "../../src/reply.ts";

const receipt = {} as Parameters<Reply["send"]>[0];
/** More than the operating system takes from a writer whose reader does not read. */
const body = Buffer.alloc(32 * 1_048_576, 0x20);

/** Answers one client, which reads nothing until it is told to; what it was answered with has left when `left` resolves. */
async function answer(say: (reply: Reply) => Promise<void>) {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const answering = Promise.withResolvers<{ left: Promise<void>; socket: NodeJS.EventEmitter }>();
  const server = createServer((request, response) => {
    const left = say(createReply(response, 3_600_000, () => []));
    answering.resolve({ left, socket: request.socket });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1").pause();
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  client.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const { left, socket } = await answering.promise;
  const closed = once(socket, "close");
  return { client, left, closed };
}

const whole = (reply: Reply) => reply.send(receipt, { status: 200, body });
const streamed = (reply: Reply) => reply.openStream({}).write(body.toString());

it.each([
  ["an answer", whole],
  ["an event", streamed],
])("whoever takes too long for %s is cut off", async (_what, say) => {
  const { left, closed } = await answer(say);
  vi.advanceTimersByTime(stallMs + body.length / slowestPace + 1_000);
  await Promise.all([left, closed]);
});

it("whoever reads it in that time gets all of it, and keeps the connection", async () => {
  const { client, left } = await answer(whole);
  vi.advanceTimersByTime(stallMs + (body.length / slowestPace) * 0.9);
  let read = 0;
  client.on("data", (chunk) => {
    read += chunk.length;
  });
  client.resume();
  await left;
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(stallMs * 100);
  await expect.poll(() => read).toBeGreaterThan(body.length);
  expect(client.destroyed).toBe(false);
});
