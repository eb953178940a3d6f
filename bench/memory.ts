import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { ReadyChild } from "../test/fixtures/child.ts";

/** Memory of a process, in bytes. */
export interface Memory {
  /**
   * Everything resident that is not a file's (proc(5), Anonymous of smaps_rollup): JavaScript, buffers, OpenSSL, sockets. Pages
   * of the executable are left out, for whether they are private depends on who else runs it at the moment.
   */
  readonly own: number;
  /** Objects of JavaScript. */
  readonly heap: number;
  /** Contents of its buffers. */
  readonly buffers: number;
}

/** A look into a process from outside. */
export interface Scale {
  /** Collects what nobody refers to. */
  collect(): Promise<void>;
  /** What the process holds: after a collection, and without what its allocator keeps in reserve. */
  weigh(): Promise<Memory>;
  /** What keeps its event loop going (sockets, timers that count, requests to the system), by kind. */
  countResources(): Promise<Readonly<Record<string, number>>>;
}

/** To be called before children are started that are to be weighed: each shall find a free port for its inspector. */
export function prepareScales(): void {
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ""} --inspect-port=0 --experimental-ffi`;
}

/** Opens the inspector of a Node process that runs already, so that it is started as its users start it. */
export async function createScale({ child, errors }: ReadyChild): Promise<Scale> {
  const pid = child.pid ?? 0;
  process.kill(pid, "SIGUSR1");
  let address: string | undefined;
  for (let tries = 0; address === undefined; tries++) {
    if (tries === maxTries) throw new Error("the process opened no inspector");
    await wait(pauseMs);
    address = /Debugger listening on (ws:\S+)/.exec(errors())?.[1];
  }
  const inspector = address;
  return {
    async collect() {
      await interrogate(inspector, collection);
    },
    async weigh() {
      const methods = [...collection, ["Runtime.evaluate", { expression: trim }], ["Runtime.getHeapUsage"]] as const;
      const { usedSize, backingStorageSize } = (await interrogate(inspector, methods)) as HeapUsage;
      return { own: await readOwnBytes(pid), heap: usedSize, buffers: backingStorageSize };
    },
    async countResources() {
      const expression = "process.getActiveResourcesInfo()";
      const said = await interrogate(inspector, [["Runtime.evaluate", { expression, returnByValue: true }]]);
      const kinds = Object.groupBy((said as Evaluation).result.value, (kind) => kind);
      return Object.fromEntries(Object.entries(kinds).map(([kind, found]) => [kind, found?.length ?? 0]));
    },
  };
}

/** Against processes that open none; a busy machine takes some seconds over it. */
const maxTries = 1_000;
const pauseMs = 50;

/** Twice, for what finalizers let go of is garbage of the second round. */
const collection = [["HeapProfiler.collectGarbage"], ["HeapProfiler.collectGarbage"]] as const;

/** The answer to Runtime.getHeapUsage of the Chrome DevTools protocol. */
interface HeapUsage {
  readonly usedSize: number;
  readonly backingStorageSize: number;
}

/** The answer to Runtime.evaluate, of a list of strings. */
interface Evaluation {
  readonly result: { readonly value: readonly string[] };
}

/** Gives what is free in the allocator's arenas back to the system (malloc_trim(3)). */
const trim = `process.getBuiltinModule("node:ffi").dlopen("libc.so.6", {
  malloc_trim: { arguments: ["u64"], return: "i32" },
}).functions.malloc_trim(0n)`;

async function interrogate(address: string, methods: readonly (readonly [string, object?])[]): Promise<unknown> {
  const socket = new WebSocket(address);
  await once(socket, "open");
  let result: unknown;
  for (const [method, params = {}] of methods) {
    socket.send(JSON.stringify({ id: 1, method, params }));
    const [{ data }] = (await once(socket, "message")) as [{ data: string }];
    const answer = JSON.parse(data) as { result?: { exceptionDetails?: unknown }; error?: unknown };
    const fault = answer.error ?? answer.result?.exceptionDetails;
    if (fault !== undefined) throw new Error(`${method}: ${JSON.stringify(fault)}`);
    result = answer.result;
  }
  socket.close();
  await once(socket, "close");
  return result;
}

async function readOwnBytes(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const [, kilobytes = "0"] = /^Anonymous: +(\d+) kB$/m.exec(rollup) ?? [];
  return Number(kilobytes) * 1_024;
}
