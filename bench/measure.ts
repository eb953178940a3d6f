import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Measured } from "./report.ts";

/** Something that calls can be sent through. */
export interface Candidate {
  readonly name: string;
  readonly url: string;
  /** The process whose processor time is counted. */
  readonly pid: number;
  /** PEM of the CA to trust, where it speaks TLS. */
  readonly caFile: string | null;
  /** Records of its audit so far; null where it keeps none. */
  countRecords(): Promise<number | null>;
}

/** How much load. */
export interface Load {
  readonly connections: number;
  readonly seconds: number;
}

/** What getconf CLK_TCK says on every Linux there is (proc(5), times in /proc/pid/stat). */
const ticksPerSecond = 100;

/** User and system time of a process so far, in seconds. */
async function readCpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in parentheses and may hold anything; the third follows its last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** What bench/load.ts prints. */
type LoadSaid =
  | { readonly event: "begin" }
  | { readonly event: "end"; readonly calls: number; readonly ms: number }
  | { readonly event: "done"; readonly answered: number; readonly failures: number };

/**
 * Sends one round of load through a candidate.
 *
 * @throws Error when a call fails, or when calls and audit records differ in number
 */
export async function measure(candidate: Candidate, token: string, { connections, seconds }: Load): Promise<Measured> {
  const { name, url, pid, caFile, countRecords } = candidate;
  const args = ["--url", url, "--connections", String(connections), "--ms", String(seconds * 1_000)];
  const recordsBefore = await countRecords();
  const load = spawn(process.execPath, [fileURLToPath(new URL("load.ts", import.meta.url)), ...args], {
    env: { ...process.env, BENCH_TOKEN: token, ...(caFile === null ? {} : { NODE_EXTRA_CA_CERTS: caFile }) },
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
