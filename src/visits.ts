import type { Duplex } from "node:stream";
import type { Idleness } from "./idle.ts";
import { createRoster } from "./roster.ts";
import type { Visit } from "./visit.ts";

/** All that the public listener has in progress. */
export interface Visits extends Iterable<Visit> {
  /** How many there are; what the gateway does on a client's behalf is not counted. */
  readonly size: number;
  /** Counts a visit in until it is over. */
  add(visit: Visit): void;
  /** The visit that a connection is in the middle of; undefined between two requests. */
  of(connection: Duplex): Visit | undefined;
  /** Counts in what the gateway does on behalf of a client of 2024-11-05 (visit.ts, actFor), until it is done. */
  addAct(act: Promise<void>): void;
  /** Resolves when all that is in progress now is over. */
  settled(): Promise<void>;
  /** Resolves when nothing is in progress any more. */
  emptied(): Promise<void>;
}

/**
 * Begins with no visit.
 *
 * @param idle is told when a connection begins and ends to stand between two requests
 */
export function createVisits(idle: Pick<Idleness, "begin" | "end">): Visits {
  const visits = createRoster<Visit>();
  const byConnection = new WeakMap<Duplex, Visit>();
  const acts = new Set<Promise<void>>();
  return {
    get size() {
      return visits.size;
    },
    [Symbol.iterator]: () => visits[Symbol.iterator](),
    add(visit) {
      const { socket } = visit;
      visits.add(visit);
      byConnection.set(socket, visit);
      idle.end(socket);
      void visit.over.then(() => {
        visits.remove(visit);
        // The next request of the connection may have come before this one was over.
        if (byConnection.get(socket) !== visit) return;
        byConnection.delete(socket);
        idle.begin(socket);
      });
    },
    of: (connection) => byConnection.get(connection),
    addAct(act) {
      const counted: Promise<void> = act.finally(() => acts.delete(counted));
      acts.add(counted);
    },
    async settled() {
      await Promise.all([...[...visits].map(({ over }) => over), ...acts]);
    },
    async emptied() {
      while (visits.size > 0) await Promise.all([...visits].map(({ over }) => over));
      // Sessions of clients of 2024-11-05 end with their doors.
      await Promise.all(acts);
    },
  };
}
