import type { Socket } from "node:net";
import { Denial } from "./denial.ts";
import type { Gateway } from "./gateway.ts";
import type { House } from "./house.ts";
import { createLag } from "./limits/lag.ts";
import { createWindows } from "./limits/windows.ts";
import { limitKey, plainAddress } from "./network/cidr.ts";
import { refuseUnreadable } from "./unreadable.ts";

/** Keeps from the corridor what this process could not do in time. */
export interface Overload {
  /** Why a further request may not enter; null where it may. */
  check(inProgress: number): Denial | null;
  /** Counts a connection in, or closes it; true where it is in. */
  admit(socket: Socket): boolean;
  close(): void;
}

/** @param current the gateway that serves at the moment, whose settings count */
export function createOverload(current: () => Gateway, house: House): Overload {
  const lag = createLag();
  let expectedMs = performance.now() + lookMs;
  const looking = setInterval(() => {
    const nowMs = performance.now();
    lag.note(nowMs - expectedMs, current().config.overload.lag);
    expectedMs = nowMs + lookMs;
  }, lookMs);
  looking.unref();
  const refusals = createWindows(() => performance.now());

  /** Too many of them: counted each, recorded once in a while, or records would be the flood. */
  function turnAway(socket: Socket, address: string, detail: string): void {
    const denial = new Denial("connections_limited", { detail });
    const { granted } = refusals.take("refusals", onceInAWhile, address, 1);
    if (granted === 1) return void refuseUnreadable(house, denial, socket, false);
    house.metrics.refused(denial.code);
    house.refusedConnections.count(plainAddress(socket.remoteAddress ?? ""), denial.code);
    socket.destroy();
  }

  return {
    check(inProgress) {
      const { requests } = current().config.overload;
      if (inProgress < requests && !lag.behind) return null;
      const detail = lag.behind ? "the event loop is late" : "too many requests in progress";
      return new Denial("overloaded", { detail, retryAfterMs: tryAgainMs });
    },
    admit(socket) {
      const { config, peers } = current();
      const { connections, connectionsPerAddress } = config.overload;
      const ip = plainAddress(socket.remoteAddress ?? "");
      const address = limitKey(ip);
      const isProxy = peers.trustedProxies.has(ip);
      if (!isProxy && house.bans.has(address)) {
        turnAway(socket, address, "limits.address");
        return false;
      }
      const mostOfAddress = isProxy ? connections : connectionsPerAddress;
      const place = house.counters.enter("connections", "all", connections);
      const ownPlace = house.counters.enter("connections of", address, mostOfAddress);
      if (place !== null && ownPlace !== null) {
        socket.once("close", () => {
          place[Symbol.dispose]();
          ownPlace[Symbol.dispose]();
        });
        return true;
      }
      place?.[Symbol.dispose]();
      ownPlace?.[Symbol.dispose]();
      turnAway(socket, address, place === null ? "overload.connections" : "overload.connectionsPerAddress");
      return false;
    },
    close: () => clearInterval(looking),
  };
}

/** How often the event loop is looked at, in milliseconds. */
const lookMs = 100;
/** What callers are told to wait, in milliseconds. */
const tryAgainMs = 1_000;
const onceInAWhile = { requests: 1, windowMs: 60_000 };
