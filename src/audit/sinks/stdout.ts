import type { Writable } from "node:stream";
import type { Channel } from "./channel.ts";

/** Somebody who holds our output and does not read it must not keep us from ending, in milliseconds. */
const lastMs = 1_000;

/**
 * The lines on standard output. A reader that is slow makes them wait here and nowhere else: pipes are written without blocking.
 *
 * @param stream whose errors somebody hears
 * @param exit ends this process
 */
export function createStdoutChannel(stream: Writable, exit: () => void): Channel {
  let writing = false;
  /** Standard output is a file on a full disk, say, and half a line may stand there. */
  let torn = false;
  return {
    most: { lines: 100, bytes: 262_144 },
    async send(lines, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const leave = () => reject(signal.reason);
      signal.addEventListener("abort", leave);
      writing = true;
      stream.write(`${torn ? "\n" : ""}${lines.join("\n")}\n`, (error) => {
        writing = false;
        torn = error != null;
        if (error == null) resolve(0);
        else reject(error);
      });
      try {
        return await promise;
      } finally {
        // The signal lives as long as the gateway.
        signal.removeEventListener("abort", leave);
      }
    },
    close() {
      // What is being written cannot be taken back, and Node waits for it at the end.
      if (writing) setTimeout(exit, lastMs).unref();
    },
  };
}
