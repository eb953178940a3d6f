import { createServer as createHttpServer, type Server, type ServerOptions } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Config } from "./config/schema.ts";
import type { TlsMaterial } from "./listener-tls.ts";
import type { ListenAddress } from "./network/address.ts";

/**
 * Makes the server that Node listens with: HTTPS, or plain HTTP where there is no material for TLS. It listens to nothing yet.
 */
export function createListener(listen: Config["listen"], material: TlsMaterial | null): Server {
  const options: ServerOptions = {
    maxHeaderSize: listen.maxHeader,
    headersTimeout: listen.headersTimeout,
    // The body's own timeout belongs to the message stage, which can put it on record; this one is the last resort.
    requestTimeout: listen.headersTimeout + listen.bodyTimeout + 5_000,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: listen.keepAliveTimeout,
    // The route stage refuses a missing Host itself, on record.
    requireHostHeader: false,
    insecureHTTPParser: false,
    noDelay: true,
  };
  const server = material === null ? createHttpServer(options) : createTlsServer(listen, material, options);
  // The size of all headers is capped; a cap on their number would drop what exceeds it without a word.
  server.maxHeadersCount = 0;
  return server;
}

function createTlsServer(listen: Config["listen"], material: TlsMaterial, options: ServerOptions): Server {
  const { clientCa, clientCert } = listen.tls ?? {};
  return createHttpsServer({
    ...options,
    ...material.context,
    minVersion: "TLSv1.2",
    handshakeTimeout: listen.handshakeTimeout,
    requestCert: clientCa !== undefined,
    rejectUnauthorized: clientCa !== undefined && clientCert !== "optional",
    // As a callback: of a list, each connection gets a copy from the shared pool of buffers, which it keeps alive as a whole.
    ALPNCallback: ({ protocols }) => protocols.find((protocol) => protocol === "http/1.1"),
  });
}

/**
 * Starts to listen.
 *
 * @returns the address, its port never 0
 * @throws Error with code `EADDRINUSE` and the like
 */
export function startListening(server: Server, address: ListenAddress): Promise<ListenAddress> {
  const { promise, resolve, reject } = Promise.withResolvers<ListenAddress>();
  server.once("error", reject);
  server.listen(address.port, address.host, () => {
    server.off("error", reject);
    const bound = server.address();
    const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
    resolve({ host: address.host, port });
  });
  return promise;
}
