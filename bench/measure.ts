import { spawn } from "node:child_process";
import type { webcrypto } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Gateway } from "../test/fixtures/gateway.ts";
import type { Scene } from "./call.ts";

/** Something that calls can be sent through. */
export interface Candidate {
  readonly name: string;
  readonly url: string;
  /** The process whose processor time is counted, with that of the processes it has started. */
  readonly pid: number;
  /** PEM of the CA to trust, where it speaks TLS. */
  readonly caFile: string | null;
  /** The running Sallyport, where it is one. */
  readonly gateway?: Gateway;
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
  /** Calls with an answer in all, those of the warm-up included. */
  readonly answered: number;
  /** What its process has in memory behind the load (proc(5), VmRSS). */
  readonly residentBytes: number;
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
  readonly call?: Pick<Scene, "method" | "tool" | "requestBytes" | "bearers">;
  /** Private key of the issuer, for tokens that the load signs itself. */
  readonly key?: webcrypto.JsonWebKey;
}

/** What getconf CLK_TCK says on every Linux there is (proc(5), times in /proc/pid/stat). */
const ticksPerSecond = 100;

/** A process and those it has started (proc(5), /proc/pid/task/tid/children). */
async function findTree(pid: number): Promise<readonly number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim();
  const trees = await Promise.all(children === "" ? [] : children.split(" ").map((child) => findTree(Number(child))));
  return [pid, ...trees.flat()];
}

async function sumOverTree(pid: number, read: (pid: number) => Promise<number>): Promise<number> {
  const values = await Promise.all((await findTree(pid)).map(read));
  return values.reduce((sum, value) => sum + value, 0);
}

/** User and system time of a process so far, in seconds. */
async function readCpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in parentheses and may hold anything; the third follows its last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

async function readResidentBytes(pid: number): Promise<number> {
  const [, kilobytes = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1_024;
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
  const { tokens, key = null } = given;
  const { name, url, pid, caFile, countRecords } = candidate;
  const recordsBefore = await countRecords();
  const load = spawn(
    process.execPath,
    [fileURLToPath(new URL("load.ts", import.meta.url)), ...renderArgs(url, given)],
    {
      env: { ...process.env, ...(caFile === null ? {} : { NODE_EXTRA_CA_CERTS: caFile }) },
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  load.stdin.end(JSON.stringify({ tokens, key }));
  const exited = once(load, "exit");
  let cpuBefore = 0;
  let measured: Pick<Measured, "candidate" | "callsPerSecond" | "cpuMicrosPerCall"> | undefined;
  let done: Extract<LoadSaid, { event: "done" }> | undefined;
  for await (const line of createInterface({ input: load.stdout })) {
    const said = JSON.parse(line) as LoadSaid;
    if (said.event === "begin") cpuBefore = await sumOverTree(pid, readCpuSeconds);
    else if (said.event === "end") {
      const cpuSeconds = (await sumOverTree(pid, readCpuSeconds)) - cpuBefore;
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
  const { answered, p50, p99 } = done;
  return { ...measured, p50Ms: p50, p99Ms: p99, answered, residentBytes: await sumOverTree(pid, readResidentBytes) };
}

function renderArgs(url: string, { connections, seconds, rate, call }: Load): string[] {
  const args = ["--url", url, "--connections", String(connections), "--ms", String(seconds * 1_000)];
  if (rate !== undefined) args.push("--rate", String(rate));
  if (call === undefined) return args;
  const { method, tool, requestBytes, bearers } = call;
  return [...args, "--method", method, "--tool", tool, "--bytes", String(requestBytes), "--bearers", bearers];
}
