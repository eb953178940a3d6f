import { createServer } from "node:net";
import type { ListenAddress } from "../network/address.ts";

/**
 * Listens for a moment, to learn whether one can.
 *
 * @returns the port; the one the system chose for port 0
 * @throws the system's error, such as EADDRINUSE
 */
export async function probePort({ host, port }: ListenAddress): Promise<number> {
  const server = createServer();
  return await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const found = typeof address === "object" && address !== null ? address.port : port;
      server.close(() => resolve(found));
    });
  });
}
