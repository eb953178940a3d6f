import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { Gateway } from "../../test/fixtures/gateway.ts";
import type { Scale } from "../memory.ts";

/** What a gateway holds open. */
export interface State {
  readonly descriptors: number;
  /** Those descriptors that are sockets. */
  readonly sockets: number;
  /** Of its event loop, by kind. */
  readonly resources: Readonly<Record<string, number>>;
  /** By its own metrics. */
  readonly inflightRequests: number;
  readonly openStreams: number;
}

/** How much more may be open at the end than after the warm-up: a look at its files, or a scrape, may be under way. */
export const tolerance = 2;

/** Looks at the gateway from outside; neither the look at its metrics nor the inspector is counted. */
async function observe({ child, adminUrl }: Gateway, scale: Scale): Promise<State> {
  const answer = await fetch(`${adminUrl}/metrics`, { headers: { connection: "close" } });
  const metrics = await answer.text();
  const resources = await scale.countResources();
  await wait(lettingGoMs);
  const descriptors = await readDescriptors(child.pid ?? 0);
  return {
    descriptors: descriptors.length,
    sockets: descriptors.filter((target) => target.startsWith("socket:")).length,
    resources,
    inflightRequests: sum(metrics, "sallyport_inflight_requests"),
    openStreams: sum(metrics, "sallyport_open_streams"),
  };
}

/** How long the connections of the look itself may take to be gone, in milliseconds. */
const lettingGoMs = 300;

async function readDescriptors(pid: number): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => null)));
  return targets.filter((target) => target !== null);
}

function sum(metrics: string, name: string): number {
  const values = metrics.matchAll(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, "gm"));
  return [...values].reduce((total, [, value]) => total + Number(value), 0);
}

/** Resident memory of a process, its files included, in bytes. */
export async function readResidentBytes(pid: number): Promise<number> {
  const [, kilobytes = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1_024;
}

const pauseMs = 2_000;
/** Longer than any timer of the gateway that a client can set off, a stalled reader's 30 s above all. */
const settleMs = 45_000;
/** Idle connections to servers are closed within this time. */
const idleMs = 8_000;

/** Waits until a gateway without load holds on to what it always will. */
export async function settle(gateway: Gateway, scale: Scale): Promise<State> {
  for (let state = await observe(gateway, scale), sameMs = 0; ; ) {
    await wait(pauseMs);
    const next = await observe(gateway, scale);
    sameMs = next.descriptors === state.descriptors ? sameMs + pauseMs : 0;
    state = next;
    if (sameMs >= idleMs) return state;
  }
}

/** Waits until it is what it was before, for as long as that can take. */
export async function settleBack(gateway: Gateway, scale: Scale, before: State): Promise<State> {
  for (const begun = performance.now(); ; await wait(pauseMs)) {
    const state = await observe(gateway, scale);
    if (findLeaks(before, state).length === 0 || performance.now() - begun > settleMs) return state;
  }
}

/** What is still open and should not be, in words. */
export function findLeaks(before: State, after: State): string[] {
  const more: (readonly [string, number, number])[] = [
    ["descriptors", before.descriptors, after.descriptors],
    ["sockets", before.sockets, after.sockets],
    ...Object.entries(after.resources).map(([kind, now]) => [kind, before.resources[kind] ?? 0, now] as const),
  ];
  return [
    ...more
      .filter(([, then, now]) => now > then + tolerance)
      .map(([what, then, now]) => `${now} ${what}, were ${then}`),
    ...(after.inflightRequests === 0 ? [] : [`${after.inflightRequests} requests in flight`]),
    ...(after.openStreams === 0 ? [] : [`${after.openStreams} open streams`]),
  ];
}
