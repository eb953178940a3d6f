import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { type ClientCertificate, readClientCertificate } from "./auth/client-certificate.ts";
import { nameOf } from "./handshakes.ts";

/** Read once for each connection. */
const known = new WeakMap<Socket, ClientCertificate | null>();

/** The certificate that the other end of a connection has shown, where there is one and it was verified. */
export function certificateOf(socket: Socket): ClientCertificate | null {
  // False as well where nobody asks for one.
  if (!("authorized" in socket) || socket.authorized !== true) return null;
  const found = known.get(socket);
  if (found !== undefined) return found;
  const certificate = (socket as TLSSocket).getPeerX509Certificate();
  const read = certificate === undefined ? null : readClientCertificate(certificate);
  known.set(socket, read);
  return read;
}

/** Tells connections whose certificate was verified against what counts now from those that came before it changed. */
export interface TrustWatch {
  /** Is told of each connection that is let in. */
  admit(socket: Socket): void;
  /** Whatever was verified until now was verified against something else. */
  change(): void;
  /** Whether a connection with a certificate is of before. */
  isStale(socket: Socket): boolean;
}

/** A watch over no connection yet. */
export function createTrustWatch(): TrustWatch {
  const open = new Map<string, number>();
  let changes = 0;
  return {
    admit(socket) {
      if (socket.remoteAddress === undefined) return;
      const name = nameOf(socket);
      open.set(name, changes);
      socket.once("close", () => open.delete(name));
    },
    change() {
      changes += 1;
    },
    isStale: (socket) => certificateOf(socket) !== null && (open.get(nameOf(socket)) ?? changes) !== changes,
  };
}
