import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, it, onTestFinished, vi } from "vitest";
import { Denial } from "../../src/denial.ts";
import type { House } from "../../src/house.ts";
import { refuseUnreadable } from "../../src/unreadable.ts";

const house = {
  metrics: { refused: () => {} },
  audit: { wallTime: () => new Date(0), append: async () => {}, fingerprint: () => "" },
  log: { error: expect.fail },
} as unknown as House;

it("closes a connection that was told no, though its client leaves it open", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  // As servers of HTTP are.
  const server = createServer({ allowHalfOpen: true });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true });
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  const [socket] = (await once(server, "connection")) as [Socket];
  const closed = once(socket, "close");
  await refuseUnreadable(house, new Denial("malformed_http"), socket, true);
  await once(client.resume(), "end");
  expect(socket.destroyed).toBe(false);
  vi.advanceTimersByTime(10_000);
  await closed;
});
