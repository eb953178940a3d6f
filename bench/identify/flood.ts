/**
 * Garbage tokens at a rate: `node bench/identify/flood.ts --url URL --from 127.0.0.2 --rate 10000 --most-seconds 12`, with one good token on
 * stdin. Half of the tokens are of the good one with a wrong signature, half no tokens at all, each another one. Prints
 * `{"event":"ready"}` once connected, and at SIGTERM or when its time is over `{"event":"done","sent":…,"answers":{"401":…},"ms":…}`.
 *
 * Requests are written one behind the other without waiting for answers (RFC 9112 section 9.3.2), as whoever floods does.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { createBearers } from "../bearers.ts";
import { renderCall, requestHeaders } from "../call.ts";

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "" },
    from: { type: "string", default: "127.0.0.2" },
    rate: { type: "string", default: "10000" },
    "most-seconds": { type: "string", default: "12" },
  },
});
const url = new URL(values.url);
const forged = createBearers("forged", [await text(process.stdin)], null);
const connections = 16;
const everyMs = 10;
const body = renderCall(1);
let id = 0;
let sent = 0;
const answers: Record<string, number> = {};

function render(): string {
  id += 1;
  const bearer = id % 2 === 0 ? forged(id) : `garbage-${id}-${"x".repeat(200)}`;
  const headers = Object.entries(requestHeaders(bearer)).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\n${headers.join("")}content-length: ${body.length}\r\n\r\n${body}`;
}

function open(): Socket {
  const socket = connect({ host: url.hostname, port: Number(url.port), localAddress: values.from });
  socket.setNoDelay(true).setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    for (const [, status = ""] of chunk.matchAll(/HTTP\/1\.1 (\d{3})/g)) answers[status] = (answers[status] ?? 0) + 1;
  });
  socket.on("error", () => {});
  return socket;
}

const sockets = Array.from({ length: connections }, open);
await Promise.all(sockets.map((socket) => once(socket, "connect")));
const begin = performance.now();
console.log(JSON.stringify({ event: "ready" }));
const beat = setInterval(() => {
  const due = Math.floor(((performance.now() - begin) / 1_000) * Number(values.rate)) - id;
  const each = Math.ceil(due / connections);
  for (const [at, socket] of sockets.entries()) {
    // Whoever is refused for good is cut off, and comes again.
    const live = socket.destroyed ? open() : socket;
    sockets[at] = live;
    // What the gateway does not take is not sent: it would wait here and be sent later than is due.
    if (live.writableLength > 65_536) {
      id += each;
      continue;
    }
    live.write(Array.from({ length: each }, render).join(""));
    sent += each;
  }
}, everyMs);
const timer = setTimeout(finish, Number(values["most-seconds"]) * 1_000);
process.once("SIGTERM", finish);

function finish(): void {
  clearInterval(beat);
  clearTimeout(timer);
  process.removeListener("SIGTERM", finish);
  for (const socket of sockets) socket.destroy();
  console.log(JSON.stringify({ event: "done", sent, answers, ms: performance.now() - begin }));
}
