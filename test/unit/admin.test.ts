import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { Registry } from "prom-client";
import { expect, it, onTestFinished } from "vitest";
import { startAdmin } from "../../src/admin.ts";

/** An admin listener, and how often each answer was made. */
async function start() {
  const made = { health: 0, metrics: 0 };
  const sources = {
    health() {
      made.health += 1;
      return { reasons: [], parts: {} };
    },
    metrics() {
      made.metrics += 1;
      return new Registry();
    },
  };
  const admin = await startAdmin(sources, { host: "127.0.0.1", port: 0 });
  onTestFinished(() => admin.close());
  return { made, url: new URL(admin.url) };
}

it.each(["metrics", "health"] as const)(
  "makes %s once for all who ask at the same time, and anew for who comes later",
  async (what) => {
    const { made, url } = await start();
    const path = what === "metrics" ? "/metrics" : "/healthz";
    const request = (close: string) => `GET ${path} HTTP/1.1\r\nHost: ${url.host}\r\n${close}\r\n`;
    const socket = connect(Number(url.port), url.hostname);
    await once(socket, "connect");
    socket.write(request("").repeat(99) + request("Connection: close\r\n"));
    expect((await text(socket)).match(/^HTTP\/1\.1 200 OK/gm)).toHaveLength(100);
    expect(made[what]).toBeLessThan(10);
    const before = made[what];
    await fetch(new URL(path, url));
    expect(made[what]).toBe(before + 1);
  },
);

it.each(["POST", "PUT", "DELETE", "OPTIONS"])(
  "says to %s which methods there are (RFC 9110, section 15.5.6)",
  async (method) => {
    const { url } = await start();
    const { status, headers } = await fetch(new URL("/metrics", url), { method });
    expect([status, headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  },
);
