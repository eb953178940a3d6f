import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { Gateway } from "../fixtures/gateway.ts";

/**
 * A balancer before replicas: hands connections out in turn, as plain TCP, and passes over replicas that are gone.
 *
 * @returns its port of 127.0.0.1; it is gone when the test is over
 */
export async function layBalancer(replicas: readonly Pick<Gateway, "publicUrl">[]): Promise<{ port: number }> {
  const ports = replicas.map(({ publicUrl }) => Number(new URL(publicUrl).port));
  const clients = new Set<Socket>();
  let turn = 0;
  const server = createServer(async (client) => {
    clients.add(client.on("error", () => {}));
    client.once("close", () => clients.delete(client));
    for (let tried = 0; tried < ports.length; tried++) {
      turn += 1;
      const replica = createConnection(ports[turn % ports.length] ?? 0, "127.0.0.1");
      const connected = await once(replica, "connect").then(
        () => true,
        () => false,
      );
      if (!connected) continue;
      replica.on("error", () => {}).once("close", () => client.destroy());
      client.once("close", () => replica.destroy());
      client.pipe(replica).pipe(client);
      return;
    }
    client.resetAndDestroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const client of clients) client.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port };
}
