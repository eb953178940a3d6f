import { setImmediate as turn } from "node:timers/promises";
import { createStreamReader, type StreamEvent } from "../../../src/mcp/sse.ts";
import type { SseSource } from "../../../src/upstream/sse-source.ts";

/** A server's stream that says what it is told. */
export interface ScriptedSource extends SseSource {
  /** Says messages, as `message` events unless a type is given. */
  say(data: string, type?: string | null): void;
  /** The stream ends, or breaks where there is a cause. */
  stop(cause?: Error): void;
  /** How many events the session has not taken yet. */
  left(): number;
  readonly closed: boolean;
}

export function createSource(): ScriptedSource {
  const said: StreamEvent[] = [];
  let stopped: { cause: Error | undefined } | undefined;
  let closed = false;
  let wake = () => {};
  const stop = (cause?: Error) => {
    stopped ??= { cause };
    wake();
  };
  async function* events(): AsyncGenerator<StreamEvent> {
    for (;;) {
      const event = said.shift();
      if (event !== undefined) yield event;
      else if (stopped?.cause !== undefined) throw stopped.cause;
      else if (stopped !== undefined) return;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    }
  }
  return {
    endpoint: new URL("http://127.0.0.1/messages"),
    events: events(),
    say(data, type = "message") {
      said.push({ id: null, type, data, retryMs: null });
      wake();
    },
    stop,
    left: () => said.length,
    get closed() {
      return closed;
    },
    close() {
      closed = true;
      stop();
    },
  };
}

/** What is heard on a stream. */
export interface Heard {
  readonly messages: readonly string[];
  /** How it ended; undefined while it goes on. */
  readonly end: { readonly cause: unknown } | undefined;
}

/** Reads a stream until its end, as the corridor does. */
export function hear(body: AsyncIterable<Buffer>): Heard {
  const messages: string[] = [];
  const heard: { messages: string[]; end: Heard["end"] } = { messages, end: undefined };
  const reader = createStreamReader(100_000_000);
  const read = async () => {
    for await (const chunk of body) {
      for (const { data } of reader.push(chunk)) if (data !== null) messages.push(data);
    }
  };
  read().then(
    () => {
      heard.end = { cause: null };
    },
    (cause: unknown) => {
      heard.end = { cause };
    },
  );
  return heard;
}

/** Lets everything happen that does not wait for a timer or a socket. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) await turn();
}
