import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import type { ReadyChild } from "../test/fixtures/child.ts";

/** To be given to a Node that is to be looked into: its inspector takes a free port and says which. */
export const inspectorArgs = ["--inspect=127.0.0.1:0"] as const;

/** A connection to the inspector of a process. */
export interface Inspector {
  /**
   * Calls a method of the Chrome DevTools protocol; one at a time.
   *
   * @throws Error with what the process answered, where that is an error
   */
  send(method: string, params?: object): Promise<unknown>;
  close(): Promise<void>;
}

const pauseMs = 50;
const maxTries = 100;

/**
 * Connects to a process that was started with {@link inspectorArgs}.
 *
 * @throws Error when it opened no inspector
 */
export async function connectInspector({ errors }: Pick<ReadyChild, "errors">): Promise<Inspector> {
  let address: string | undefined;
  for (let tries = 0; address === undefined; tries++, await wait(pauseMs)) {
    if (tries === maxTries) throw new Error("the process opened no inspector");
    address = /Debugger listening on (ws:\S+)/.exec(errors())?.[1];
  }
  const socket = new WebSocket(address);
  await once(socket, "open");
  return {
    async send(method, params = {}) {
      socket.send(JSON.stringify({ id: 1, method, params }));
      const [{ data }] = (await once(socket, "message")) as [{ data: string }];
      const { result, error } = JSON.parse(data) as { result?: unknown; error?: unknown };
      if (error !== undefined) throw new Error(`${method}: ${JSON.stringify(error)}`);
      return result;
    },
    async close() {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
}
