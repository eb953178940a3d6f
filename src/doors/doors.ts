import { randomUUID } from "node:crypto";
import { Denial } from "../denial.ts";
import type { Arrival, Identity } from "../facts.ts";
import type { Revision } from "../mcp/era.ts";
import type { EventStream } from "../reply.ts";

/**
 * A client of 2024-11-05 (HTTP with SSE): one stream on which it hears everything, and an address to post to. It lives in the
 * process that holds the stream, and ends with it.
 */
export interface Door {
  readonly id: string;
  readonly server: string;
  /** Whose it is: nobody else may post to it. */
  readonly identity: Identity;
  /** The request that opened it. */
  readonly arrival: Arrival;
  readonly stream: EventStream;
  /** The session of the server, as it is handed to clients; null before `initialize` is answered. */
  readonly sessionId: string | null;
  /** What client and server have agreed to speak; null before, and where the gateway does not know it. */
  readonly revision: Revision | null;
  /** Aborted when the stream is over, with the Denial that says why. */
  readonly closed: AbortSignal;
  /** Aborted when nothing of the session's own stream is wanted any more: before `closed`, or with it. */
  readonly finishing: AbortSignal;
  /** Whether a session may begin: the first to ask is the only one. */
  claim(): boolean;
  /** A message was posted to it, by a visit; until the visit is over, something may have to be said about it. */
  take(requestId: string): void;
  /** The visit is over, whether or not its message was taken. */
  done(requestId: string): void;
  /** Nothing more can be posted to it; resolves when all that was is through. */
  finish(): Promise<void>;
  /** Client and server have agreed on a revision; called before the client is told. */
  agree(revision: Revision): void;
  /** A session has begun; called when the client has been told. */
  begin(sessionId: string): void;
  /** @param reason why, for the messages that are not through */
  close(reason: Denial): void;
}

/** What the gateway does for a client of 2024-11-05, which knows nothing of sessions: to listen on the session's stream, to end the session. */
export type ActFor = (door: Door, verb: "GET" | "DELETE") => void;

/** All doors that are open. */
export interface Doors {
  open(place: Pick<Door, "server" | "identity" | "arrival" | "stream">): Door;
  find(id: string): Door | undefined;
  all(): Iterable<Door>;
  /** Who acts for their clients. */
  attend(actFor: ActFor): void;
}

/** No door is open yet. */
export function createDoors(): Doors {
  const doors = new Map<string, Door>();
  let actFor: ActFor = () => {};
  return {
    open(place) {
      const id = randomUUID();
      const closed = new AbortController();
      let sessionId: string | null = null;
      let revision: Revision | null = null;
      let claimed = false;
      const taken = new Set<string>();
      const finished = Promise.withResolvers<void>();
      const finishing = new AbortController();
      const settle = () => {
        if (finishing.signal.aborted && taken.size === 0) finished.resolve();
      };
      const door: Door = {
        ...place,
        id,
        get sessionId() {
          return sessionId;
        },
        get revision() {
          return revision;
        },
        closed: closed.signal,
        finishing: finishing.signal,
        claim() {
          const isFirst = !claimed;
          claimed = true;
          return isFirst;
        },
        take(requestId) {
          taken.add(requestId);
        },
        done(requestId) {
          taken.delete(requestId);
          settle();
        },
        finish() {
          doors.delete(id);
          finishing.abort(new Denial("draining"));
          settle();
          return finished.promise;
        },
        agree(agreed) {
          revision = agreed;
        },
        begin(begun) {
          sessionId = begun;
          // A client that is gone already needs no stream, but its session must not stay.
          actFor(door, closed.signal.aborted ? "DELETE" : "GET");
        },
        close(reason) {
          doors.delete(id);
          if (closed.signal.aborted) return;
          closed.abort(reason);
          finishing.abort(reason);
          if (sessionId !== null) actFor(door, "DELETE");
        },
      };
      doors.set(id, door);
      return door;
    },
    find: (id) => doors.get(id),
    all: () => doors.values(),
    attend(act) {
      actFor = act;
    },
  };
}
