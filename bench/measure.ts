import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

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

/** One round of load through a candidate. */
export interface Measured {
  readonly candidate: string;
  readonly callsPerSecond: number;
  /** User and system time of its process, in microseconds. */
  readonly cpuMicrosPerCall: number;
  /** From when a call was due to its answer. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How much load, and of what. */
export interface Load {
  readonly connections: number;
  readonly seconds: number;
  /** One after the other, each used before anything is measured. */
  readonly tokens: readonly string[];
  /** Calls a second; as many as there is an answer to, unless given. */
  readonly rate?: number;
  /** Default: 300 bytes for `forecast`. */
  readonly call?: { readonly tool: string; readonly requestBytes: number };
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
  | {
      readonly event: "done";
      readonly answered: number;
      readonly failures: number;
      readonly p50: number;
      readonly p99: number;
    };

/**
 * Sends one round of load through a candidate.
 *
 * @throws Error when a call fails, or when calls and audit records differ in number
 */
export async function measure(candidate: Candidate, given: Load): Promise<Measured> {
  const { connections, seconds, tokens, rate, call } = given;
  const { name, url, pid, caFile, countRecords } = candidate;
  const args = ["--url", url, "--connections", String(connections), "--ms", String(seconds * 1_000)];
  if (rate !== undefined) args.push("--rate", String(rate));
  if (call !== undefined) args.push("--tool", call.tool, "--bytes", String(call.requestBytes));
  const recordsBefore = await countRecords();
  const load = spawn(process.execPath, [fileURLToPath(new URL("load.ts", import.meta.url)), ...args], {
    env: { ...process.env, ...(caFile === null ? {} : { NODE_EXTRA_CA_CERTS: caFile }) },
    stdio: ["pipe", "pipe", "inherit"],
  });
  load.stdin.end(JSON.stringify(tokens));
  const exited = once(load, "exit");
  let cpuBefore = 0;
  let measured: Omit<Measured, "p50Ms" | "p99Ms"> | undefined;
  let done: Extract<LoadSaid, { event: "done" }> | undefined;
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
      done = said;
      if (said.failures > 0) throw new Error(`${name}: ${said.failures} calls failed, ${said.answered} did not`);
    }
  }
  await exited;
  const records = await countRecords();
  if (measured === undefined || done === undefined || done.answered === 0)
    throw new Error(`${name}: the load ended without a result`);
  if (records !== null && recordsBefore !== null && records - recordsBefore !== done.answered) {
    throw new Error(`${name}: ${records - recordsBefore} audit records for ${done.answered} calls`);
  }
  return { ...measured, p50Ms: done.p50, p99Ms: done.p99 };
}
