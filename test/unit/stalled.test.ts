/** Connections that are over close, whatever became of their last bytes. */
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectSecurely } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { ensureCertificates } from "../../src/quickstart/certificates.ts";
import { closeStalled } from "../../src/stalled.ts";

const connections = 60;

it("lets go of connections that were reset while an answer to them was on its way", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-stalled-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const { server: certificate, serverKey } = await ensureCertificates(directory, new Date());
  const [cert, key] = await Promise.all([readFile(certificate), readFile(serverKey)]);
  const server = createServer({ cert, key }, (_request, response) => void setImmediate(() => response.end("late")));
  const closed: Promise<unknown>[] = [];
  server.on("connection", (socket) => void closed.push(once(socket, "close")));
  server.on("secureConnection", (socket) => socket.once("end", () => closeStalled(socket, 20)));
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const raw = connect(port, "127.0.0.1").on("error", () => {});
      const socket = connectSecurely({ socket: raw, rejectUnauthorized: false }).on("error", () => {});
      await once(socket, "secureConnect");
      socket.write("GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n", () => setImmediate(() => raw.resetAndDestroy()));
      await once(raw, "close");
    }),
  );
  expect(await Promise.all(closed)).toHaveLength(connections);
});
