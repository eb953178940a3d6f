import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { Gateway } from "../fixtures/gateway.ts";

/** The line between clients and the gateway: plain TCP, so what it carries stays sealed to it, but it can break. */
export interface Line {
  /** Where clients connect, on 127.0.0.1. */
  readonly port: number;
  /** Connections that came while it was cut, and were refused. */
  readonly refused: number;
  /** From now on nothing that the gateway says on open connections arrives. */
  mute(): void;
  /** Breaks every connection, and refuses new ones until it is mended. */
  cut(): void;
  mend(): void;
}

/** Lays a line to a gateway; it is gone when the test is over. */
export async function layLine({ publicUrl }: Pick<Gateway, "publicUrl">): Promise<Line> {
  const far = Number(new URL(publicUrl).port);
  const pairs = new Map<Socket, Socket>();
  let isCut = false;
  let refused = 0;
  const server = createServer((client) => {
    client.on("error", () => {});
    if (isCut) {
      refused += 1;
      return void client.resetAndDestroy();
    }
    const gateway = createConnection(far, "127.0.0.1");
    pairs.set(client, gateway);
    client.once("close", () => {
      pairs.delete(client);
      gateway.destroy();
    });
    gateway.on("error", () => {}).once("close", () => client.destroy());
    client.pipe(gateway).pipe(client);
  });
  const cut = () => {
    isCut = true;
    for (const [client, gateway] of pairs) {
      client.resetAndDestroy();
      gateway.resetAndDestroy();
    }
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    cut();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    get refused() {
      return refused;
    },
    mute() {
      for (const [client, gateway] of pairs) gateway.unpipe(client);
    },
    cut,
    mend() {
      isCut = false;
    },
  };
}
