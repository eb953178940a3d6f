import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { probePort } from "../../../src/quickstart/probe.ts";

it("finds a free port for 0 and leaves it free", async () => {
  const port = await probePort({ host: "127.0.0.1", port: 0 });
  expect(port).toBeGreaterThan(0);
  expect(await probePort({ host: "127.0.0.1", port })).toBe(port);
});

it("rejects with the system's error when the port is taken", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.close();
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await expect(probePort({ host: "127.0.0.1", port })).rejects.toMatchObject({ code: "EADDRINUSE" });
});
