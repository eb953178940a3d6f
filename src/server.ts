import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import { Server as NetServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createTrustWatch } from "./client-certificates.ts";
import type { Config } from "./config/schema.ts";
import { Denial } from "./denial.ts";
import { closeRevoked } from "./doors/revoked.ts";
import type { Gateway } from "./gateway.ts";
import { watchHandshakes } from "./handshakes.ts";
import type { House } from "./house.ts";
import { createIdleness } from "./idle.ts";
import { readTlsMaterial, type TlsMaterial } from "./listener-tls.ts";
import type { ListenAddress } from "./network/address.ts";
import { plainAddress } from "./network/cidr.ts";
import { createOverload } from "./overload.ts";
import { createRoster } from "./roster.ts";
import { closeStalled } from "./stalled.ts";
import { refuseUnreadable, watchUnreadable } from "./unreadable.ts";
import { actFor, receive, type Visit } from "./visit.ts";

/** The public listener: HTTPS, or plain HTTP where the configuration allows it. */
export interface PublicServer {
  /** Starts to listen; resolves to the address, its port never 0. */
  listen(): Promise<ListenAddress>;
  /** Reads certificate and key again; connections that stand are not touched. */
  reloadCertificate(): Promise<void>;
  readonly draining: boolean;
  /** When the certificate that new connections are shown expires; null without TLS. */
  readonly certificateExpiry: Date | null;
  /** Resolves when every visit that is in progress now is over. */
  settled(): Promise<void>;
  /** Stops accepting, ends endless streams, lets calls finish for a while, then breaks off what is left. */
  drain(): Promise<void>;
  /** Stops accepting and refuses whatever is in progress, at once. */
  abandon(): Promise<void>;
}

/**
 * Makes the public listener.
 *
 * @param current the gateway that serves the next request; asked anew for each, so that a reload is one assignment
 */
export async function createPublicServer(
  listen: Config["listen"],
  current: () => Gateway,
  house: House,
): Promise<PublicServer> {
  const { ticketKeys } = house.station;
  const readMaterial = async () => (listen.tls === undefined ? null : await readTlsMaterial(listen.tls, ticketKeys));
  let material = await readMaterial();
  const server = createListener(listen, material);
  const trust = createTrustWatch();
  // Their size is capped; a cap on their number would drop what exceeds it without a word.
  server.maxHeadersCount = 0;
  const visits = createRoster<Visit>();
  const bySocket = new WeakMap<Duplex, Visit>();
  let draining = false;
  const overload = createOverload(current, house);
  const idle = createIdleness(listen.keepAliveTimeout + listen.headersTimeout, () => performance.now());
  const admit = (message: IncomingMessage, response: ServerResponse, refusal: Denial | null) => {
    // Streams that only stand there take no time.
    const outside =
      draining || trust.isStale(message.socket)
        ? new Denial("draining")
        : overload.check(visits.size - house.standing.size);
    const visit = receive(current(), house, message, response, outside ?? refusal);
    visits.add(visit);
    bySocket.set(message.socket, visit);
    idle.end(message.socket);
    void visit.over.then(() => {
      visits.remove(visit);
      if (bySocket.get(message.socket) !== visit) return;
      bySocket.delete(message.socket);
      idle.begin(message.socket);
    });
  };
  const acts = new Set<Promise<void>>();
  house.doors.attend((door, verb) => {
    const act = actFor(current(), house, door, verb).finally(() => acts.delete(act));
    acts.add(act);
  });
  const failed = (ip: string) => house.refusedConnections.count(plainAddress(ip), "handshake");
  const awaitHandshake = listen.tls === undefined ? () => {} : watchHandshakes(server as HttpsServer, failed);
  server.on("connection", (socket: Socket) => {
    if (!overload.admit(socket)) return;
    awaitHandshake(socket);
    if (listen.tls?.clientCa !== undefined) trust.admit(socket);
  });
  server.on("request", (message, response) => admit(message, response, null));
  // Node would answer these two itself, past the corridor and past the record.
  server.on("checkExpectation", (message, response) => admit(message, response, new Denial("expectation_unknown")));
  server.on("connect", (_message, socket) => {
    // The server has given the connection away: nothing reads it, ends it in time or counts it among its own any more.
    const denial = new Denial("method_not_allowed", { allow: "POST, GET, DELETE" });
    const refused = refuseUnreadable(house, denial, socket as Socket, !bySocket.has(socket));
    void refused.then(() => (socket as Socket).destroySoon());
  });
  watchUnreadable(server, house, (socket) => bySocket.get(socket));
  server.on("secureConnection", (socket: Socket) => socket.once("end", () => closeStalled(socket)));
  server.on("tlsClientError", () => house.metrics.handshakeFailed());
  // Whatever is open ends when its token or session is revoked. Everything else is judged at its next message, but a stream has none: it ends
  // with its token's time and with its settings, and whoever wants it opens it again. A policy it can follow (relay/standing.ts).
  const sweep = setInterval(() => {
    const nowMs = house.now();
    const { settings, sessions } = current();
    closeRevoked(house.doors, sessions);
    idle.sweep();
    for (const visit of visits) {
      const { revoked } = visit;
      if (revoked !== null) visit.interrupt(new Denial(revoked));
      if (!visit.endless) continue;
      if (draining || visit.settings !== settings || trust.isStale(visit.socket))
        visit.interrupt(new Denial("draining"));
      else if (visit.isExpired(nowMs)) visit.interrupt(new Denial("token_expired"));
    }
  }, sweepMs);
  sweep.unref();
  return {
    listen: () => startListening(server, listen.address),
    async reloadCertificate() {
      const next = await readMaterial();
      if (next === null) return;
      (server as HttpsServer).setSecureContext(next.context);
      if (next.trust !== material?.trust) trust.change();
      material = next;
    },
    get draining() {
      return draining;
    },
    get certificateExpiry() {
      return material?.expires ?? null;
    },
    async settled() {
      await Promise.all([...[...visits].map(({ over }) => over), ...acts]);
    },
    drain: () => close(new Denial("draining"), listen.drainTimeout),
    abandon: () => close(new Denial("internal_error", { detail: "the process failed" }), 0),
  };

  /** @param finishMs how long calls may finish, in milliseconds */
  async function close(reason: Denial, finishMs: number): Promise<void> {
    const finishVisits = async () => {
      while (visits.size > 0) await Promise.all([...visits].map(({ over }) => over));
      // Sessions of clients of 2024-11-05 end with their doors.
      await Promise.all(acts);
    };
    draining = true;
    // http.Server's own close() also cuts connections whose answer is written but not read to its end.
    const closed = new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
    for (const visit of visits) if (visit.endless || finishMs === 0) visit.interrupt(reason);
    const deadline = setTimeout(() => {
      for (const visit of visits) visit.interrupt(reason);
    }, finishMs);
    // Whatever still holds a visit up by then, a gateway that was told to stop stops.
    const late = Promise.withResolvers<void>();
    const cut = setTimeout(late.resolve, finishMs + farewellMs);
    await Promise.race([finishVisits(), late.promise]);
    server.closeAllConnections();
    await closed;
    clearTimeout(deadline);
    clearTimeout(cut);
    clearInterval(sweep);
    overload.close();
  }
}

/** How often open streams are looked at, in milliseconds. */
const sweepMs = 1_000;

/** How long the last answers may take to leave, in milliseconds. */
const farewellMs = 2_000;

function createListener(listen: Config["listen"], material: TlsMaterial | null): Server {
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
  if (material === null) return createHttpServer(options);
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

/** @throws Error with code `EADDRINUSE` and the like */
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
