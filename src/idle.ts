import type { Socket } from "node:net";

/**
 * Closes connections between two requests for longer than they may be. Node does so by a timer that begins anew with each byte, and a client
 * that sends an empty line now and then, which is no request to count, would have its place for ever.
 */
export interface Idleness {
  /** Its last answer has left. */
  begin(socket: Socket): void;
  /** Another request has come. */
  end(socket: Socket): void;
  /** Closes those whose time is over. */
  sweep(): void;
}

/**
 * @param mostMs how long a client may take until the head of its next request is here, in milliseconds
 * @param now monotonic milliseconds
 */
export function createIdleness(mostMs: number, now: () => number): Idleness {
  /** Since when. */
  const idle = new Map<Socket, number>();
  return {
    begin: (socket) => void idle.set(socket, now()),
    end: (socket) => void idle.delete(socket),
    sweep() {
      const lastMs = now() - mostMs;
      for (const [socket, sinceMs] of idle) {
        if (sinceMs <= lastMs) socket.destroy();
        // Those that were closed otherwise are not kept either.
        if (socket.destroyed) idle.delete(socket);
      }
    },
  };
}
