/**
 * What it costs to find out who calls: `npm run bench:identify [-- --rounds 9 --seconds 2 --no-flood --json]`.
 *
 * First the stage alone, in this process, by processor time: proofs that are known, and tokens that were never seen before beside
 * `crypto.verify` of the same, both as a whole and on the thread that serves everybody. Then calls through a gateway at a steady rate, alone and beside 10,000 garbage tokens a second. Rounds are
 * interleaved, and medians count. bench/README.md says what is to be seen, and when this fails.
 */
import { createPublicKey, verify } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startChild } from "../test/fixtures/child.ts";
import { createBearers } from "./bearers.ts";
import { measureFloods } from "./identify/floods.ts";
import { openStage } from "./identify/stage.ts";
import { createIssuer } from "./issuer.ts";
import { describeMachine, median, renderRows } from "./report.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    seconds: { type: "string", default: "2" },
    "no-flood": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);

const directory = await mkdtemp(join(tmpdir(), "sallyport-bench-identify-"));
const issuer = await createIssuer(directory);
const stage = await openStage(issuer, directory);
const known = await issuer.issue("ann");
const fresh = createBearers("fresh", [known], issuer.key);
const forged = createBearers("forged", [known], null);
const publicKey = createPublicKey({ key: issuer.key, format: "jwk" });

const atOnce = 16;
const knownCalls = 20_000;
/** As many as may be remembered stay fewer than the warm-up and all rounds make. */
const unknownCalls = 1_000;
/** Of the stage for what is known, in microseconds of processor time. */
const mostKnownUs = 5;
/** Of the thread that serves everybody, for an unknown token, in terms of the signature: no more than if it was verified right there. */
const mostUnknown = 1;
let lastId = 0;

/** Microseconds of processor time for one. */
interface Cost {
  /** Of all threads. */
  readonly all: number;
  /** Of the one that serves everybody. */
  readonly loop: number;
}

/** Some are begun before the first is over, as a gateway does it. */
async function measure(count: number, prepare: () => string[], run: (bearer: string) => unknown): Promise<Cost> {
  const bearers = prepare();
  let next = 0;
  const before = { all: process.cpuUsage(), loop: process.threadCpuUsage() };
  const work = async () => {
    while (next < count) await run(bearers[next++ % bearers.length] ?? "");
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  const spent = ({ user, system }: NodeJS.CpuUsage) => (user + system) / count;
  return { all: spent(process.cpuUsage(before.all)), loop: spent(process.threadCpuUsage(before.loop)) };
}

const make = (bearers: (id: number) => string) => () => Array.from({ length: unknownCalls }, () => bearers(++lastId));

function checkSignature(token: string): void {
  const dot = token.lastIndexOf(".");
  const signature = Buffer.from(token.slice(dot + 1), "base64url");
  verify("sha256", Buffer.from(token.slice(0, dot)), { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
}

async function refuse(bearer: string): Promise<void> {
  const refused = await stage.identify(bearer).then(
    () => false,
    () => true,
  );
  if (!refused) throw new Error("garbage was accepted");
}

const cases: Readonly<Record<string, () => Promise<Cost>>> = {
  "a known JWT": () => measure(knownCalls, () => [known], stage.identify),
  "a known API key": () => measure(knownCalls, () => [stage.apiKey], stage.identify),
  "a known opaque token": () => measure(knownCalls, () => [stage.opaque], stage.identify),
  "an unknown good JWT": () => measure(unknownCalls, make(fresh), stage.identify),
  "an unknown forged JWT": () => measure(unknownCalls, make(forged), refuse),
  "its signature alone": () => measure(unknownCalls, make(fresh), checkSignature),
  "an unknown text that is no token": () =>
    measure(
      unknownCalls,
      make((id) => `spk_${id}`),
      refuse,
    ),
};

const measured: Record<string, Cost[]> = {};
for (const run of Object.values(cases)) await run();
for (let round = 0; round < rounds; round++) {
  for (const [name, run] of Object.entries(cases)) measured[name] = [...(measured[name] ?? []), await run()];
}
stage.close();

const signatures = measured["its signature alone"] ?? [];
const stageRows = Object.entries(measured).map(([name, costs]) => {
  const isKnown = name.startsWith("a known");
  const inSignatures = (of: keyof Cost) =>
    median(costs.map((cost, at) => cost[of] / (signatures[at]?.all ?? Number.NaN)));
  const us = median(costs.map(({ all }) => all));
  const ratio = { all: inSignatures("all"), loop: inSignatures("loop") };
  const most = isKnown ? mostKnownUs : name.endsWith("JWT") ? mostUnknown : null;
  return { name, us, ratio, most, met: most === null || (isKnown ? us : ratio.loop) <= most };
});

async function flood() {
  const stub = await startChild([fileURLToPath(new URL("stub.ts", import.meta.url))]);
  try {
    return await measureFloods(String(stub.ready.url), issuer, Math.min(rounds, 5), Number(values.seconds));
  } finally {
    await stub.stop();
  }
}

const floods = values["no-flood"] ? [] : await flood();
await rm(directory, { recursive: true });
const floodRows = floods.map((each) => ({ ...each, met: each.most === null || each.ratio <= each.most }));
const ok = [...stageRows, ...floodRows].every(({ met }) => met);
if (values.json)
  console.log(JSON.stringify({ machine: describeMachine(), ok, stage: stageRows, floods: floodRows }, null, 2));
else {
  const told = (met: boolean, most: number | null, unit: string) =>
    most === null ? "" : `${met ? "met" : "missed"}, at most ${most}${unit}`;
  const stageTable = stageRows.map(({ name, us, ratio, most, met }) => [
    name,
    us.toFixed(2),
    ratio.all.toFixed(2),
    ratio.loop.toFixed(2),
    told(met, most, name.startsWith("a known") ? " µs" : " of the loop"),
  ]);
  const floodTable = floodRows.map(
    ({ name, aloneMs, besideMs, ratio, cores, sentPerSecond, answeredPerSecond, most, met }) => [
      name,
      aloneMs.toFixed(2),
      besideMs.toFixed(2),
      ratio.toFixed(2),
      cores.toFixed(2),
      sentPerSecond.toFixed(0),
      Object.entries(answeredPerSecond)
        .map(([status, rate]) => `${rate.toFixed(0)} × ${status}`)
        .join(", "),
      told(met, most, ""),
    ],
  );
  console.log(describeMachine());
  console.log(`\n${renderRows(["the stage alone", "CPU µs", "in signatures", "of the loop", "target"], stageTable)}`);
  if (floods.length > 0) {
    const head = [
      "good calls beside garbage",
      "p50 ms alone",
      "beside",
      "ratio",
      "cores of the gateway",
      "sent/s",
      "answered/s",
      "target",
    ];
    console.log(`\n${renderRows(head, floodTable)}`);
  }
}
process.exitCode = ok ? 0 : 1;
