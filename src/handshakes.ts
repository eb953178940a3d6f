import type { Server } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/**
 * Tells of connections that end before their TLS handshake does. Node tells of them too (`tlsClientError`), but by then many have
 * no address any more.
 *
 * @param failed takes the address of the other end; empty where there is none any more
 * @returns to be told of each connection that is let in
 */
export function watchHandshakes(server: Server, failed: (ip: string) => void): (socket: Socket) => void {
  const pending = new Set<string>();
  server.on("secureConnection", (socket: TLSSocket) => pending.delete(nameOf(socket)));
  return (socket) => {
    const { remoteAddress } = socket;
    // One that was reset before it was accepted has no address, and no handshake.
    if (remoteAddress === undefined) return void socket.once("close", () => failed(""));
    const name = nameOf(socket);
    pending.add(name);
    socket.once("close", () => {
      if (pending.delete(name)) failed(remoteAddress);
    });
  };
}

/** The two sockets of a connection, with TLS and without, have only this in common. */
export function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
