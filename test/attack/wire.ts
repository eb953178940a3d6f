import { readFile } from "node:fs/promises";
import { connect } from "node:tls";
import { type HttpText, readHttp } from "./httpText.ts";

/** An answer as it came over the wire. */
export interface WireAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  readonly body: string;
}

/** A TLS connection to a gateway, over which anything can be said. */
export interface Wire {
  send(bytes: string | Uint8Array): void;
  /** The next answer, interim ones passed over; null when the connection ends without one. */
  answer(): Promise<WireAnswer | null>;
  /** Says that nothing more will come, and goes on reading. */
  end(): void;
  /** Stops reading, so that what the gateway sends piles up. */
  pause(): void;
  /** Cuts the connection. */
  destroy(): void;
  readonly closed: boolean;
  /** Everything received so far. */
  received(): string;
}

/** Connects with TLS to a gateway of test/fixtures/gateway.ts. */
export async function openWire(gateway: { readonly publicUrl: string; readonly caFile: string }): Promise<Wire> {
  const { port } = new URL(gateway.publicUrl);
  const socket = connect({
    host: "127.0.0.1",
    port: Number(port),
    ca: await readFile(gateway.caFile),
    ALPNProtocols: ["http/1.1"],
  });
  let received = Buffer.alloc(0);
  let read = 0;
  let ended = false;
  let wake = () => {};
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  const finish = () => {
    ended = true;
    wake();
  };
  socket.on("end", finish).on("close", finish).on("error", finish);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("secureConnect", resolve).once("error", reject);
  await promise;

  function next(): HttpText | undefined {
    const message = readHttp(received, read, (first) => /^HTTP\/1\.1 (?:1\d\d|204|304)/.test(first));
    if (message === "partial") return undefined;
    read = message.end;
    return message;
  }

  return {
    send: (bytes) => void socket.write(bytes),
    async answer() {
      for (;;) {
        const message = next();
        if (message === undefined) {
          if (ended) return null;
          await new Promise<void>((done) => {
            wake = done;
          });
        } else if (!message.first.startsWith("HTTP/1.1 1")) return toAnswer(message);
      }
    },
    end: () => void socket.end(),
    pause: () => void socket.pause(),
    destroy: () => void socket.destroy(),
    get closed() {
      return ended;
    },
    received: () => received.toString("latin1"),
  };
}

function toAnswer({ first, headers, body }: HttpText): WireAnswer {
  return {
    status: Number(first.split(" ")[1]),
    header: (name) => headers.find(([header]) => header === name)?.[1],
    body: body.toString(),
  };
}
