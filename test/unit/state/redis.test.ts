import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { Secret } from "../../../src/config/secret.ts";
import { openKeyring } from "../../../src/crypto/keyring.ts";
import { createLog } from "../../../src/observe/log.ts";
import { connectRedis } from "../../../src/state/redis.ts";

it("leaves no connection behind that comes about while it is closed, and says nothing of it", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-redis-"));
  const server = createServer();
  const accepted: Socket[] = [];
  let ended = 0;
  // A Redis that never answers: whoever is still there waits for it.
  server.on("connection", (socket) => {
    accepted.push(socket);
    socket.on("error", () => {}).on("close", () => (ended += 1));
    socket.resume();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of accepted) socket.destroy();
    server.close();
    await rm(directory, { recursive: true });
  });
  const lines: string[] = [];
  const { port } = server.address() as AddressInfo;
  const shared = connectRedis({
    url: new Secret(`redis://127.0.0.1:${port}`),
    keyring: await openKeyring(directory, { now: Date.now, sessionLifetimeMs: 1_000 }),
    log: createLog("debug", (line) => lines.push(line)),
    now: () => performance.now(),
  });
  // As where the start fails over something else: the system has connected, and the client has not heard of it yet.
  await Promise.resolve();
  shared.close();
  await expect.poll(() => [accepted.length, ended]).toEqual([2, 2]);
  expect(lines).toEqual([]);
});
