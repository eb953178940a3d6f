import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { extname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { SetupError } from "./files.ts";
import type { LoopbackOrder, LoopbackReport } from "./loopback.ts";

export interface EverythingOptions {
  /** Takes what the server prints to stderr; begun anew at each start. */
  readonly logFile: string;
  /** The only bearer token that the server answers to. */
  readonly bearer: string;
  /** Hears, in one line without a secret, that the server ended and what is done about it. */
  readonly report: (line: string) => void;
  /** Pauses before each restart in a row, in milliseconds; the last one repeats. */
  readonly pausesMs?: readonly number[];
}

/** The demonstration server, running. */
export interface Everything {
  /** Its MCP endpoint; stays the same over restarts. */
  readonly url: string;
  /** Process id of the present run. */
  pid(): number | undefined;
  stop(): Promise<void>;
}

/** One process, from start to end. */
interface Run {
  readonly child: ChildProcess;
  readonly listening: Promise<LoopbackReport>;
  /** Tells how it ended; never rejects. */
  readonly ended: Promise<string>;
}

/** A run this long counts as healthy, and the pauses begin at the first one again. */
const healthyMs = 60_000;
const defaultPausesMs = [250, 1_000, 4_000, 15_000];

/**
 * Runs the official "everything" MCP server as a child process on a free loopback port, and again whenever it ends.
 *
 * @throws SetupError when it does not come up the first time
 */
export async function startEverything(options: EverythingOptions): Promise<Everything> {
  const log = openSync(options.logFile, "w", 0o600);
  const stopping = new AbortController();
  let run = launch(log, { port: 0, bearer: options.bearer });
  const first = await Promise.race([run.listening, run.ended]);
  if (typeof first === "string") {
    closeSync(log);
    throw new SetupError(`The "everything" server did not start (${first}); see ${options.logFile}.`);
  }
  const { port } = first;
  const kept = keepRunning();

  async function keepRunning(): Promise<void> {
    const pausesMs = options.pausesMs ?? defaultPausesMs;
    for (let inRow = 0; ; inRow += 1) {
      const startedMs = performance.now();
      const how = await run.ended;
      if (stopping.signal.aborted) return;
      if (performance.now() - startedMs > healthyMs) inRow = 0;
      const pauseMs = pausesMs[Math.min(inRow, pausesMs.length - 1)] ?? 0;
      options.report(
        `The "everything" server ended (${how}) and is started again in ${pauseMs} ms; see ${options.logFile}.`,
      );
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      run = launch(log, { port, bearer: options.bearer });
    }
  }

  return {
    url: `http://127.0.0.1:${port}/mcp`,
    pid: () => run.child.pid,
    stop: async () => {
      if (stopping.signal.aborted) return await kept;
      stopping.abort();
      run.child.kill();
      await kept;
      closeSync(log);
    },
  };
}

function launch(log: number, order: LoopbackOrder): Run {
  const entry = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js");
  const preload = new URL(`./loopback${extname(import.meta.url)}`, import.meta.url);
  const child = fork(entry, ["streamableHttp"], {
    execArgv: ["--import", preload.href],
    // One of its tools prints the whole environment to whoever may call it.
    env: { PATH: process.env.PATH },
    // It prints a line for each request to stdout, and the log would grow without end.
    stdio: ["ignore", "ignore", log, "ipc"],
    // Out of the terminal's process group: Ctrl-C is for the gateway, which lets running calls finish first.
    detached: true,
    windowsHide: true,
  });
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    child.on("error", (error) => resolve(error.message));
  });
  const listening = new Promise<LoopbackReport>((resolve) => {
    child.once("message", (report) => resolve(report as LoopbackReport));
  });
  // A failure to send shows as the child's end.
  child.send(order, () => undefined);
  return { child, listening, ended };
}
