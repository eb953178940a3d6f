/**
 * The load: a number of connections, each with one call after the other, or calls at a rate whatever becomes of them.
 *
 * `node bench/load.ts --url URL --connections 16 --warm-up-ms 400 --ms 1500 [--rate 300] [--method tools/list] [--tool NAME]
 * [--bytes 300] [--bearers known]`, with `{"tokens":[…],"key":…}` on stdin (see bearers.ts), prints `{"event":"begin"}` after the warm-up, which lasts until each token was used once,
 * `{"event":"end","calls":…,"ms":…}`, and when every call has its answer
 * `{"event":"done","answered":…,"failures":…,"p50":…,"p99":…}`: counts of all, the warm-up included, and milliseconds from
 * when a call was due to its answer, the warm-up left out.
 */
import type { webcrypto } from "node:crypto";
import { text } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Pool } from "undici";
import { type BearerKind, createBearers } from "./bearers.ts";
import { renderCall, renderList, requestHeaders } from "./call.ts";

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "" },
    connections: { type: "string", default: "16" },
    "warm-up-ms": { type: "string", default: "400" },
    ms: { type: "string", default: "1500" },
    rate: { type: "string" },
    method: { type: "string", default: "tools/call" },
    bearers: { type: "string", default: "known" },
    tool: { type: "string", default: "forecast" },
    bytes: { type: "string", default: "300" },
  },
});
const url = new URL(values.url);
const connections = Number(values.connections);
const { tokens, key } = JSON.parse(await text(process.stdin)) as {
  readonly tokens: readonly string[];
  readonly key: webcrypto.JsonWebKey | null;
};
const bearers = createBearers(values.bearers as BearerKind, tokens, key);
const known = tokens.map(requestHeaders);
const headersOf = (id: number) =>
  values.bearers === "known" ? (known[id % known.length] ?? {}) : requestHeaders(bearers(id));
/** Whoever refuses is measured at refusing: everything else counts as a failure. */
const expectedStatus = values.bearers === "forged" ? 401 : 200;
const pool = new Pool(url.origin, { connections });
/** All but the id, which is the only thing that changes. */
const body0 = values.method === "tools/list" ? renderList(0) : renderCall(0, values.tool, Number(values.bytes));
const [before = "", after = ""] = body0.split('"id":0');

let answered = 0;
let failures = 0;
let running = true;
let lastId = 0;
let latencies: number[] = [];

async function call(due: number): Promise<void> {
  const id = ++lastId;
  const { statusCode, body } = await pool.request({
    path: url.pathname,
    method: "POST",
    headers: headersOf(id),
    body: `${before}"id":${id}${after}`,
  });
  const said = await body.text();
  const isResult = said.slice(0, 100).includes(`{"jsonrpc":"2.0","id":${id},"result":`);
  if (statusCode === expectedStatus && isResult === (expectedStatus === 200)) answered++;
  else failures++;
  latencies.push(performance.now() - due);
}

async function keepCalling(): Promise<void> {
  while (running) await call(performance.now());
}

/** A call is due at its time even if the one before it is late: who measures from the sending flatters the slow. */
async function callAtRate(perSecond: number): Promise<void> {
  const begin = performance.now();
  const calls: Promise<void>[] = [];
  for (let due = begin; running; due += 1_000 / perSecond) {
    const early = due - performance.now();
    if (early > 0) await wait(early);
    calls.push(call(due));
  }
  await Promise.all(calls);
}

const callers =
  values.rate === undefined ? Array.from({ length: connections }, keepCalling) : [callAtRate(Number(values.rate))];
await wait(Number(values["warm-up-ms"]));
while (lastId < tokens.length) await wait(10);
const answeredBefore = answered;
latencies = [];
const begin = performance.now();
console.log(JSON.stringify({ event: "begin" }));
await wait(Number(values.ms));
console.log(JSON.stringify({ event: "end", calls: answered - answeredBefore, ms: performance.now() - begin }));
running = false;
await Promise.all(callers);
const sorted = latencies.toSorted((a, b) => a - b);
const quantile = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
console.log(JSON.stringify({ event: "done", answered, failures, p50: quantile(0.5), p99: quantile(0.99) }));
await pool.close();
