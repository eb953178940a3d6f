import type { Socket } from "node:net";

/** How long a connection that is over may take to let its last bytes leave, in milliseconds. */
const lastMs = 10_000;

/**
 * Has a connection on which nothing more is to come close in any case: at once where it breaks, and after a while whatever became of its last
 * bytes. With TLS a write to somebody who has reset the connection may end in nothing, neither sent nor failed (Node.js 26), and what waits
 * for it would hold its place among the connections for ever.
 *
 * @param ms how long it may take
 */
export function closeStalled(socket: Socket, ms: number = lastMs): void {
  // Not the socket's own timer, which answers begin anew.
  const timer = setTimeout(() => socket.destroy(), ms).unref();
  socket.on("error", () => socket.destroy()).once("close", () => clearTimeout(timer));
}
