import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import { Server as NetServer, type Socket } from "node:net";
import { createTrustWatch, type TrustWatch } from "./client-certificates.ts";
import type { Config } from "./config/schema.ts";
import { Denial } from "./denial.ts";
import { closeRevoked } from "./doors/revoked.ts";
import type { Gateway } from "./gateway.ts";
import { watchHandshakes } from "./handshakes.ts";
import type { House } from "./house.ts";
import { createIdleness } from "./idle.ts";
import { createListener, startListening } from "./listener.ts";
import { readTlsMaterial } from "./listener-tls.ts";
import type { ListenAddress } from "./network/address.ts";
import { plainAddress } from "./network/cidr.ts";
import { createOverload, type Overload } from "./overload.ts";
import { closeStalled } from "./stalled.ts";
import { refuseUnreadable, watchUnreadable } from "./unreadable.ts";
import { actFor, receive, type Visit } from "./visit.ts";
import { createVisits, type Visits } from "./visits.ts";

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
  const overload = createOverload(current, house);
  const idle = createIdleness(listen.keepAliveTimeout + listen.headersTimeout, () => performance.now());
  const visits = createVisits(idle);
  let draining = false;
  const isOutdated = (socket: Socket) => draining || trust.isStale(socket);

  takeConnections(server, listen, house, overload, trust);
  takeRequests(server, house, visits, (message, response, refusal) => {
    // Streams that only stand there take no time.
    const inProgress = visits.size - house.standing.size;
    const outside = isOutdated(message.socket) ? new Denial("draining") : overload.check(inProgress);
    visits.add(receive(current(), house, message, response, outside ?? refusal));
  });
  house.doors.attend((door, verb) => visits.addAct(actFor(current(), house, door, verb)));

  const sweeping = setInterval(() => {
    const nowMs = house.now();
    const { settings, sessions } = current();
    closeRevoked(house.doors, sessions);
    idle.sweep();
    for (const visit of visits) {
      const reason = findEnd(visit, nowMs, visit.settings !== settings || isOutdated(visit.socket));
      if (reason !== null) visit.interrupt(reason);
    }
  }, sweepMs);
  sweeping.unref();

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
    settled: () => visits.settled(),
    drain: () => close(new Denial("draining"), listen.drainTimeout),
    abandon: () => close(new Denial("internal_error", { detail: "the process failed" }), 0),
  };

  async function close(reason: Denial, finishMs: number): Promise<void> {
    draining = true;
    await endVisits(server, visits, reason, finishMs);
    clearInterval(sweeping);
    overload.close();
  }
}

/** How often open streams are looked at, in milliseconds. */
const sweepMs = 1_000;

/** How long the last answers may take to leave, in milliseconds. */
const lastAnswersMs = 2_000;

/** Lets connections in, or turns them away, and counts those that come to nothing. */
function takeConnections(
  server: Server,
  { tls }: Config["listen"],
  house: House,
  overload: Overload,
  trust: TrustWatch,
): void {
  const failed = (ip: string) => house.refusedConnections.count(plainAddress(ip), "handshake");
  const awaitHandshake = tls === undefined ? () => {} : watchHandshakes(server as HttpsServer, failed);
  server.on("connection", (socket: Socket) => {
    if (!overload.admit(socket)) return;
    awaitHandshake(socket);
    if (tls?.clientCa !== undefined) trust.admit(socket);
  });
  server.on("secureConnection", (socket: Socket) => socket.once("end", () => closeStalled(socket)));
  server.on("tlsClientError", () => house.metrics.handshakeFailed());
}

/** @param refusal why a request may not enter the corridor, where its head alone says so */
type Admit = (message: IncomingMessage, response: ServerResponse, refusal: Denial | null) => void;

/** Brings everything that comes on a connection either to the corridor or to its refusal: Node answers nothing by itself. */
function takeRequests(server: Server, house: House, visits: Visits, admit: Admit): void {
  server.on("request", (message, response) => admit(message, response, null));
  // Node would answer these two itself, past the corridor and past the record.
  server.on("checkExpectation", (message, response) => admit(message, response, new Denial("expectation_unknown")));
  server.on("connect", (_message, socket) => {
    // The server has given the connection away: nothing reads it, ends it in time or counts it among its own any more.
    const denial = new Denial("method_not_allowed", { allow: "POST, GET, DELETE" });
    const refused = refuseUnreadable(house, denial, socket as Socket, visits.of(socket) === undefined);
    void refused.then(() => (socket as Socket).destroySoon());
  });
  watchUnreadable(server, house, visits.of);
}

/**
 * Why a visit may not go on; null where it may. Whatever is open ends when its token or session is revoked. Everything else is
 * judged again with the next message, but a stream has none: it ends with its token's time and with its settings, and whoever
 * wants it opens it again. A new policy ends no stream: it is followed (relay/standing.ts).
 *
 * @param isOutdated whether the settings or the certificate it is served under are no longer those that count
 */
function findEnd(visit: Visit, nowMs: number, isOutdated: boolean): Denial | null {
  if (visit.revoked !== null) return new Denial(visit.revoked);
  if (!visit.endless) return null;
  if (isOutdated) return new Denial("draining");
  return visit.isExpired(nowMs) ? new Denial("token_expired") : null;
}

/**
 * Stops accepting and resolves when no connection is left. Streams end at once; calls may finish.
 *
 * @param reason why whatever does not end by itself is broken off
 * @param finishMs how long calls may finish, in milliseconds; 0 breaks them off at once
 */
async function endVisits(server: Server, visits: Visits, reason: Denial, finishMs: number): Promise<void> {
  // http.Server's own close() also cuts connections whose answer is written but not read to its end.
  const closed = new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
  for (const visit of visits) if (visit.endless || finishMs === 0) visit.interrupt(reason);
  const deadline = setTimeout(() => {
    for (const visit of visits) visit.interrupt(reason);
  }, finishMs);
  // Whatever still holds a visit up by then, a gateway that was told to stop stops.
  const late = Promise.withResolvers<void>();
  const cut = setTimeout(late.resolve, finishMs + lastAnswersMs);
  await Promise.race([visits.emptied(), late.promise]);
  server.closeAllConnections();
  await closed;
  clearTimeout(deadline);
  clearTimeout(cut);
}
