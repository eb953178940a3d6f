import cluster from "node:cluster";
import { randomBytes } from "node:crypto";
import { Counter, Gauge, Registry } from "prom-client";
import { type Health, startAdmin } from "../admin.ts";
import type { Config } from "../config/schema.ts";
import { createWindows } from "../limits/windows.ts";
import type { Log } from "../observe/log.ts";
import { mergeMetrics } from "../observe/merge.ts";
import { addProcessMetrics } from "../observe/process-metrics.ts";
import { digestFixed } from "../reload.ts";
import { createLearnt } from "./learnt.ts";
import type { WorkerReport } from "./messages.ts";
import { Post, type Unasked } from "./post.ts";

/** Several processes that serve as one gateway. */
export interface Fleet {
  readonly publicUrl: string;
  readonly adminUrl: string;
  /** All of them read their files again; a bad one changes nothing. Never rejects. */
  reload(cause: string): Promise<void>;
  /** All of them drain and end. */
  stop(): Promise<void>;
}

/** How a worker is started. */
export interface WorkerScript {
  readonly exec: string;
  readonly args: readonly string[];
}

/**
 * Starts workers, replaces those that end, and is the one place where they meet: it counts limits for all of them, passes on
 * what one has learnt, answers probes and scrapes, and hands connections out in turn.
 *
 * @param count how many workers
 * @throws Error with what a worker said when one cannot start; none is left running then
 */
export async function startFleet(config: Config, count: number, script: WorkerScript, log: Log): Promise<Fleet> {
  // Connections in turn: left to the system, one worker gets most of them (https://nodejs.org/api/cluster.html).
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({ exec: script.exec, args: [...script.args], serialization: "advanced" });
  const windows = createWindows(() => performance.now());
  const learnt = createLearnt(mostRecalled);
  const metrics = createSupervisorMetrics(count, () => posts.filter(({ serving }) => serving).length);
  const common = { of: count, fixed: digestFixed(config), ticketKeys: randomBytes(ticketKeyBytes) };
  const posts = Array.from({ length: count }, (_, index) => {
    const number = index + 1;
    const post: Post = new Post({
      beginning: { ...common, number },
      log,
      hear: (message) => hear(post, message),
      notices: learnt.list,
      replaced: () => metrics.replaced(number),
    });
    return post;
  });

  function hear(post: Post, message: Unasked): void {
    if (message.kind === "notice") {
      learnt.hear(message.notice);
      for (const other of posts) if (other !== post) other.tell(message);
      return;
    }
    const { id, name, rate, key, want } = message;
    post.tell({ kind: "taken", id, taken: windows.take(name, rate, key, want) });
  }

  const stopWorkers = async () => {
    await Promise.all(posts.map((post) => post.stop(config.listen.drainTimeout + lastMs)));
  };

  try {
    const urls = await Promise.all(posts.map((post) => post.fill(null)));
    const admin = await startAdmin(
      { health: () => reportHealth(posts), metrics: () => reportMetrics(posts, metrics.registry) },
      config.admin.address,
    );
    return {
      publicUrl: urls[0] ?? "",
      adminUrl: admin.url,
      async reload(cause) {
        await Promise.allSettled(posts.map((post) => post.reload(cause)));
      },
      async stop() {
        await stopWorkers();
        admin.close();
      },
    };
  } catch (error) {
    await stopWorkers();
    throw error;
  }
}

/** As many as a book of a worker holds (house.ts). */
const mostRecalled = 10_000;
/** What a worker may need beyond draining, in milliseconds. */
const lastMs = 10_000;
/** Of a key for TLS session tickets, as Node wants it. */
const ticketKeyBytes = 48;

async function reportHealth(posts: readonly Post[]): Promise<Health> {
  const found = await Promise.all(posts.map(async (post) => ({ post, report: await askReport(post) })));
  // One that is being replaced is given no connections, so it keeps nobody waiting.
  const reasons = found
    .filter(({ post }) => post.serving)
    .flatMap(({ post, report }) =>
      (report?.health.reasons ?? ["does not answer"]).map((reason) => `worker ${post.number}: ${reason}`),
    );
  if (!posts.some(({ serving }) => serving)) reasons.push("no worker serves");
  const workers = found.map(({ post, report }) => ({
    worker: post.number,
    pid: post.pid,
    serving: post.serving,
    ...report?.health.parts,
  }));
  return { reasons, parts: { workers } };
}

async function reportMetrics(posts: readonly Post[], own: Registry): Promise<Registry> {
  const reports = await Promise.all(posts.map(askReport));
  return mergeMetrics([await own.getMetricsAsJSON(), ...reports.map((report) => report?.metrics ?? [])]);
}

async function askReport(post: Post): Promise<WorkerReport | null> {
  return post.serving ? post.report().catch(() => null) : null;
}

/**
 * Metrics of the supervisor itself; its workers have those of any gateway.
 *
 * @param count how many workers there are to be
 * @param running how many serve
 */
export function createSupervisorMetrics(
  count: number,
  running: () => number,
): { registry: Registry; replaced(worker: number): void } {
  const registry = new Registry();
  const registers = [registry];
  addProcessMetrics(registry);
  const replaced = new Counter({
    name: "sallyport_worker_restarts_total",
    help: "Workers that ended though nobody told them to, by the place that another one then took.",
    labelNames: ["of"],
    registers,
  });
  new Gauge({
    name: "sallyport_workers",
    help: "Workers that serve.",
    registers,
    collect() {
      this.set(running());
    },
  });
  registry.setDefaultLabels({ worker: "supervisor" });
  for (let worker = 1; worker <= count; worker++) replaced.inc({ of: String(worker) }, 0);
  return { registry, replaced: (worker) => replaced.inc({ of: String(worker) }) };
}
