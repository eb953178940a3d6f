/**
 * `npm run bench [-- --seconds 1.5 --rounds 5 --json]`: processor time and throughput of a checked call, side by side.
 * bench/README.md says how to read what it prints.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { renderCall, requestHeaders } from "./call.ts";
import { type Candidate, forbiddenTool, startField } from "./candidates.ts";
import { type Measured, renderTable, summarize } from "./report.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "1.5" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
if (!(seconds > 0) || !Number.isInteger(rounds) || rounds < 5) {
  console.error("--seconds takes a number above 0, --rounds a whole number of at least 5");
  process.exit(2);
}

/** What getconf CLK_TCK says on every Linux there is (proc(5), times in /proc/pid/stat). */
const ticksPerSecond = 100;
const connections = 16;

/** User and system time of a process so far, in seconds. */
async function readCpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in parentheses and may hold anything; the third follows its last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/**
 * Makes sure that a candidate does what it is measured for.
 *
 * @throws Error
 */
async function checkGuards({ name, url, guards }: Candidate, token: string): Promise<void> {
  const call = (bearer: string, tool?: string) =>
    fetch(url, { method: "POST", headers: requestHeaders(bearer), body: renderCall(1, tool) });
  const good = await call(token);
  if (good.status !== 200 || !(await good.text()).includes('"result"'))
    throw new Error(`${name} does not let a good call pass`);
  // The last character of a signature may have bits that do not count; the first one's all do.
  const dot = token.lastIndexOf(".") + 1;
  const bad = await call(`${token.slice(0, dot)}${token[dot] === "A" ? "B" : "A"}${token.slice(dot + 1)}`);
  if (guards.token !== (bad.status === 401)) throw new Error(`${name}: status ${bad.status} for a bad token`);
  const forbidden = await (await call(token, forbiddenTool)).text();
  if (guards.tool === forbidden.includes('"result"')) throw new Error(`${name}: ${forbidden} for a forbidden tool`);
}

/** What bench/load.ts prints. */
type LoadSaid =
  | { readonly event: "begin" }
  | { readonly event: "end"; readonly calls: number; readonly ms: number }
  | { readonly event: "done"; readonly answered: number; readonly failures: number };

/** Sends one round of load through a candidate. */
async function measure({ name, url, pid, countRecords }: Candidate, token: string): Promise<Measured> {
  const args = ["--url", url, "--connections", String(connections), "--ms", String(seconds * 1_000)];
  const recordsBefore = await countRecords();
  const load = spawn(process.execPath, [fileURLToPath(new URL("load.ts", import.meta.url)), ...args], {
    env: { ...process.env, BENCH_TOKEN: token },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(load, "exit");
  let cpuBefore = 0;
  let measured: Measured | undefined;
  let answered = 0;
  for await (const line of createInterface({ input: load.stdout })) {
    const said = JSON.parse(line) as LoadSaid;
    if (said.event === "begin") cpuBefore = await readCpuSeconds(pid);
    else if (said.event === "end") {
      const cpuSeconds = (await readCpuSeconds(pid)) - cpuBefore;
      const { calls, ms } = said;
      measured = {
        candidate: name,
        callsPerSecond: (calls / ms) * 1_000,
        cpuMicrosPerCall: (cpuSeconds / calls) * 1e6,
      };
    } else {
      answered = said.answered;
      if (said.failures > 0) throw new Error(`${name}: ${said.failures} calls failed, ${answered} did not`);
    }
  }
  await exited;
  const records = await countRecords();
  if (measured === undefined || answered === 0) throw new Error(`${name}: the load ended without a result`);
  if (records !== null && recordsBefore !== null && records - recordsBefore !== answered) {
    throw new Error(`${name}: ${records - recordsBefore} audit records for ${answered} calls`);
  }
  return measured;
}

const { candidates, token, stop } = await startField();
try {
  for (const candidate of candidates) await checkGuards(candidate, token);
  const results: Measured[][] = [];
  for (let round = 0; round < rounds; round++) {
    const measured: Measured[] = [];
    // Each round begins with another candidate, so that none always follows the same one.
    for (const index of candidates.keys()) {
      const candidate = candidates[(index + round) % candidates.length];
      if (candidate !== undefined) measured.push(await measure(candidate, token));
    }
    results.push(measured);
    console.error(`round ${round + 1} of ${rounds}`);
  }
  const summary = summarize(
    candidates.map(({ name }) => name),
    results,
    "obvious stack",
  );
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}`;
  if (values.json) console.log(JSON.stringify({ machine, connections, seconds, rounds: results, summary }, null, 2));
  else
    console.log(`${machine}; ${connections} connections, ${rounds} rounds of ${seconds} s\n\n${renderTable(summary)}`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  await stop();
}
