/**
 * `npm run bench:streams [-- --streams 1000 --rounds 5 --seconds 1 --json]`: what idle event streams cost the gateway, in
 * memory and in processor time of the calls beside them. Exit code 1 when a target is missed.
 * bench/README.md says how to read what it prints.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { StreamKind } from "./client.ts";
import { compareCalls, type Round, type Stub, startStub, type Weight, weighStreams } from "./idle.ts";
import { createIssuer, type Issuer } from "./issuer.ts";
import { prepareScales } from "./memory.ts";
import { describeMachine, median, renderRows } from "./report.ts";
import { startSallyport } from "./sallyport.ts";

const { values } = parseArgs({
  options: {
    streams: { type: "string", default: "1000" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const count = Number(values.streams);
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
if (!Number.isInteger(count) || count < 100 || !Number.isInteger(rounds) || rounds < 0 || !(seconds > 0)) {
  console.error(
    "--streams takes a whole number of at least 100, --rounds one of at least 0, --seconds a number above 0",
  );
  process.exit(2);
}

/** What must not be exceeded: bytes of one stream, and the processor time of a call beside streams in terms of one without. */
const mostBytes = { http: 36 * 1_024, https: 76 * 1_024 };
const mostRatio = 1.1;
/** Rounds whose calls without streams differ by more say more of the machine than of the gateway. */
const mostNoise = 1.3;
const identities = 10;

/** One kind of stream over one kind of connection. */
interface Case {
  readonly scheme: "http" | "https";
  readonly kind: StreamKind;
}

interface Outcome extends Case, Weight {
  readonly rounds: readonly Round[];
  readonly ratio: number | null;
}

const cases: readonly Case[] = [
  { scheme: "http", kind: "get" },
  { scheme: "http", kind: "listen" },
  { scheme: "https", kind: "get" },
  { scheme: "https", kind: "listen" },
];
const names = { get: "GET of a session", listen: "subscriptions/listen" };

async function examine(one: Case, stub: Stub, issuer: Issuer, tokens: readonly string[]): Promise<Outcome> {
  const sallyport = await startSallyport(stub.url, issuer, { tls: one.scheme === "https" });
  try {
    const setting = { sallyport, stub, kind: one.kind, tokens };
    const weight = await weighStreams(setting, count);
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round++) measured.push(await compareCalls(setting, count, seconds));
    const costs = measured.map(({ without }) => without);
    const noisy = Math.max(...costs) / Math.min(...costs) > mostNoise;
    const ratio = median(measured.map(({ without, beside }) => beside / without));
    return { ...one, ...weight, rounds: measured, ratio: rounds === 0 || noisy ? null : ratio };
  } finally {
    await sallyport.gateway.stop();
  }
}

const missesMemory = ({ scheme, each }: Outcome) => each.own > mostBytes[scheme];
const missesRatio = ({ ratio }: Outcome) => ratio !== null && ratio > mostRatio;

function render(outcomes: readonly Outcome[]): string {
  const kilobytes = (bytes: number) => (bytes / 1_024).toFixed(1);
  const micros = (measured: readonly Round[], side: keyof Round) =>
    measured.length === 0 ? "" : median(measured.map((round) => round[side])).toFixed(0);
  const rows = outcomes.map((outcome) => {
    const { scheme, kind, each, callConnections, slowestCallMs, ratio } = outcome;
    return [
      `${names[kind]}, ${scheme}`,
      `${kilobytes(each.own)} KB${missesMemory(outcome) ? " MISSED" : ""}`,
      `${kilobytes(mostBytes[scheme])} KB`,
      kilobytes(each.heap),
      kilobytes(each.buffers),
      kilobytes(each.own - each.heap - each.buffers),
      `${callConnections}`,
      `${slowestCallMs.toFixed(0)} ms`,
      `${micros(outcome.rounds, "without")} → ${micros(outcome.rounds, "beside")}`,
      ratio === null ? "not judged" : `${ratio.toFixed(2)}${missesRatio(outcome) ? " MISSED" : ""}`,
    ];
  });
  const memory = ["each costs", "at most", "JavaScript", "buffers", "the rest"];
  const calls = ["connections of calls", "slowest of 100 calls", "CPU µs a call", `ratio (at most ${mostRatio})`];
  return renderRows(["idle stream", ...memory, ...calls], rows);
}

const directory = await mkdtemp(join(tmpdir(), "sallyport-bench-"));
prepareScales();
const stub = await startStub();
try {
  const issuer = await createIssuer(directory);
  const tokens = await Promise.all(Array.from({ length: identities }, (_, index) => issuer.issue(`bench-${index}`)));
  const outcomes: Outcome[] = [];
  for (const one of cases) {
    outcomes.push(await examine(one, stub, issuer, tokens));
    console.error(`${names[one.kind]}, ${one.scheme}: done`);
  }
  const machine = describeMachine();
  if (values.json) console.log(JSON.stringify({ machine, count, seconds, outcomes }, null, 2));
  else console.log(`${machine}; ${count} streams\n\n${render(outcomes)}`);
  if (outcomes.some((outcome) => missesMemory(outcome) || missesRatio(outcome))) process.exitCode = 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  await stub.stop();
  await rm(directory, { recursive: true });
}
