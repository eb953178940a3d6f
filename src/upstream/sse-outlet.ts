import { Readable } from "node:stream";
import { errors } from "undici";
import { Denial } from "../denial.ts";
import { renderEvent } from "../mcp/sse.ts";

/** One event stream of a session, on its way to the client. */
export interface Outlet {
  readonly body: Readable;
  /** Resolves with the first message, or with the end of a stream that had none. */
  readonly begun: Promise<void>;
  send(data: string): void;
  /** Ends the stream after what was sent, or breaks it off where there is a cause. Only the first end counts. */
  end(cause?: Error | null): void;
  /** Resolves when there is room for another message, or no need for any. */
  room(): Promise<void>;
}

/** A stream that holds more is full, in bytes; the message that filled it may be larger. */
const mark = 65_536;
/** How long a full stream may hold up the others of its session without being read from, in milliseconds. */
const stuckMs = 30_000;

/**
 * @param silenceMs longest time without a message; null for a stream that owes none
 * @param onGone told at once when nobody reads it any more
 */
export function createOutlet(silenceMs: number | null, onGone: () => void): Outlet {
  let open = true;
  let release = () => {};
  const begun = Promise.withResolvers<void>();
  const body = new Readable({
    highWaterMark: mark,
    read: () => release(),
    destroy(cause, callback) {
      end();
      onGone();
      callback(cause);
    },
  });
  // Whoever reads the body hears of its end there; before that, nobody may.
  body.on("error", () => {});
  const silence = silenceMs === null ? null : setTimeout(() => end(new errors.BodyTimeoutError()), silenceMs).unref();

  function end(cause: Error | null = null): void {
    if (!open) return;
    open = false;
    if (silence !== null) clearTimeout(silence);
    if (cause !== null) body.destroy(cause);
    else if (!body.destroyed) body.push(null);
    begun.resolve();
    release();
  }

  return {
    body,
    begun: begun.promise,
    send(data) {
      if (!open || body.destroyed) return;
      silence?.refresh();
      body.push(renderEvent({ id: null, type: "message", data, retryMs: null }));
      begun.resolve();
    },
    end,
    async room() {
      while (open && body.readableLength >= mark) {
        const { promise, resolve } = Promise.withResolvers<void>();
        release = resolve;
        const stuck = setTimeout(() => end(new Denial("client_gone", { detail: "does not read" })), stuckMs).unref();
        await promise;
        clearTimeout(stuck);
      }
    },
  };
}
