/**
 * `npm run bench:soak [-- --sessions 100000 --json]`: opens sessions and abandons them, as clients do, and weighs the gateway's
 * heap on the way. Exit code 1 when it grows. bench/README.md says how to read what it prints.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Client, createClient, repeat } from "./client.ts";
import { startStub } from "./idle.ts";
import { createIssuer } from "./issuer.ts";
import { createScale, prepareScales } from "./memory.ts";
import { startSallyport } from "./sallyport.ts";
import { fitSlope, type Point } from "./slope.ts";

const { values } = parseArgs({
  options: { sessions: { type: "string", default: "100000" }, json: { type: "boolean", default: false } },
});
const sessions = Number(values.sessions);
const points = 10;
const identities = 20;
/** Every so many sessions have a stream, which is broken off at once. */
const sessionsOfStream = 19;
/** What each may leave behind: less than the shortest string that could name it. */
const mostBytesPerSession = 8;

if (!Number.isInteger(sessions) || sessions < points * identities) {
  console.error(`--sessions takes a whole number of at least ${points * identities}`);
  process.exit(2);
}

async function abandonOne(client: Client, token: string, index: number): Promise<void> {
  if (index % sessionsOfStream !== 0) await client.openSession(token);
  else (await client.openStream("get", token)).drop();
}

const directory = await mkdtemp(join(tmpdir(), "sallyport-soak-"));
prepareScales();
const stub = await startStub();
const stops: (() => Promise<unknown>)[] = [stub.stop];
try {
  const issuer = await createIssuer(directory);
  const tokens = await Promise.all(Array.from({ length: identities }, (_, i) => issuer.issue(`soak-${i}`)));
  const { url, caFile, gateway } = await startSallyport(stub.url, issuer);
  stops.push(gateway.stop);
  const scale = await createScale(gateway);
  const client = await createClient(url, caFile);
  const weighed: Point[] = [];
  const each = sessions / points;
  for (let point = 0; point <= points; point++) {
    const { heap } = await scale.weigh();
    weighed.push({ at: point * each, heapBytes: heap });
    console.error(`${point * each} sessions: ${(heap / 1_048_576).toFixed(2)} MiB of heap`);
    if (point < points) await repeat(each, (i) => abandonOne(client, tokens[i % identities] ?? "", i));
  }
  await client.close();
  // What is kept of the last 10,000 (gauges, memories of what was ended or answered) fills up first, and code is compiled.
  const bytesPerSession = fitSlope(weighed.slice(points / 2));
  const flat = bytesPerSession <= mostBytesPerSession;
  if (values.json) console.log(JSON.stringify({ sessions, weighed, bytesPerSession, flat }, null, 2));
  else
    console.log(`${bytesPerSession.toFixed(2)} bytes of heap for each further session: ${flat ? "flat" : "it grows"}`);
  process.exitCode = flat ? 0 : 1;
} finally {
  for (const stop of stops.toReversed()) await stop();
  await rm(directory, { recursive: true, force: true });
}
