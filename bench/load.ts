/**
 * The load: a number of connections, each with one call after the other.
 *
 * `node bench/load.ts --url URL --connections 16 --warm-up-ms 400 --ms 1500`, the token in BENCH_TOKEN, prints
 * `{"event":"begin"}` after the warm-up, `{"event":"end","calls":…,"ms":…}`, and when every call has its answer
 * `{"event":"done","answered":…,"failures":…}`, which counts the warm-up as well.
 */
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Pool } from "undici";
import { renderCall, requestHeaders } from "./call.ts";

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "" },
    connections: { type: "string", default: "16" },
    "warm-up-ms": { type: "string", default: "400" },
    ms: { type: "string", default: "1500" },
  },
});
const url = new URL(values.url);
const connections = Number(values.connections);
const pool = new Pool(url.origin, { connections });
const headers = requestHeaders(process.env.BENCH_TOKEN ?? "");

let answered = 0;
let failures = 0;
let running = true;
let lastId = 0;

async function keepCalling(): Promise<void> {
  while (running) {
    const id = ++lastId;
    const { statusCode, body } = await pool.request({
      path: url.pathname,
      method: "POST",
      headers,
      body: renderCall(id),
    });
    const text = await body.text();
    if (statusCode === 200 && text.startsWith(`{"jsonrpc":"2.0","id":${id},"result":`)) answered++;
    else failures++;
  }
}

const callers = Array.from({ length: connections }, keepCalling);
await wait(Number(values["warm-up-ms"]));
const before = answered;
const begin = performance.now();
console.log(JSON.stringify({ event: "begin" }));
await wait(Number(values.ms));
console.log(JSON.stringify({ event: "end", calls: answered - before, ms: performance.now() - begin }));
running = false;
await Promise.all(callers);
console.log(JSON.stringify({ event: "done", answered, failures }));
await pool.close();
