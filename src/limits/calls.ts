import { Denial } from "../denial.ts";
import type { Identity, RpcId, Session } from "../facts.ts";
import type { NoticeBoard } from "../state/notices.ts";
import { createRecall } from "./recall.ts";

/** Requests that are on their way, so that the one who sent one can call it off by its id (MCP 2025-11-25, Cancellation). */
export interface OpenCalls {
  /** Until it is disposed of. A client that uses an id twice at once can call off the later one only. */
  enter(key: string, interrupt: (reason: Denial) => void): Disposable;
  /** Whether there was one to call off. */
  cancel(key: string, reason: Denial): boolean;
  /** Whether it was called off lately, and its id not used again. */
  wasCancelled(key: string): boolean;
}

/** Names a request among those of all clients: ids are the client's, so they count only within its session. */
export function callKey(
  server: string,
  identity: Pick<Identity, "key">,
  session: Pick<Session, "upstreamId" | "door">,
  id: RpcId,
): string {
  return JSON.stringify([server, identity.key, session.upstreamId, session.door?.id ?? null, id]);
}

/** No call is open yet. */
export function createOpenCalls(): OpenCalls {
  const calls = new Map<string, (reason: Denial) => void>();
  const cancelled = createRecall(maxCancelled);
  return {
    enter(key, interrupt) {
      cancelled.delete(key);
      calls.set(key, interrupt);
      return new OpenCall(calls, key, interrupt);
    },
    cancel(key, reason) {
      cancelled.add(key);
      const interrupt = calls.get(key);
      interrupt?.(reason);
      return interrupt !== undefined;
    },
    wasCancelled: cancelled.has,
  };
}

/** Clients resume within seconds; what is forgotten sooner holds a place among the streams, no more. */
const maxCancelled = 10_000;

class OpenCall implements Disposable {
  readonly #calls: Map<string, (reason: Denial) => void>;
  readonly #key: string;
  readonly #interrupt: (reason: Denial) => void;

  constructor(calls: Map<string, (reason: Denial) => void>, key: string, interrupt: (reason: Denial) => void) {
    this.#calls = calls;
    this.#key = key;
    this.#interrupt = interrupt;
  }

  [Symbol.dispose](): void {
    if (this.#calls.get(this.#key) === this.#interrupt) this.#calls.delete(this.#key);
  }
}

/** Calls of which another process may have the one that is called off, or be asked for the rest of it. */
export function shareCalls(calls: OpenCalls, board: NoticeBoard): OpenCalls {
  board.attend((notice) => {
    if (notice.kind === "cancelled") calls.cancel(notice.key, new Denial("client_cancelled"));
  });
  return {
    enter: calls.enter,
    wasCancelled: calls.wasCancelled,
    cancel(key, reason) {
      board.post({ kind: "cancelled", key });
      return calls.cancel(key, reason);
    },
  };
}
