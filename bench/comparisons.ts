import { type Part, parts } from "./absent/parts.ts";
import { type Scene, tools } from "./call.ts";
import { type Name, partNames } from "./names.ts";

/** One candidate under one scene. */
export interface Entry {
  readonly candidate: Name;
  readonly scene: Scene;
  /** How many identities the calls are of. */
  readonly identities: number;
  /** Calls a second; as many as there is an answer to, unless given. */
  readonly rate: number | null;
  /** How many times the usual connections the load has: a gateway of two processes gets for each what one gets. */
  readonly fold: number;
  /** Which one it is of several measurements of the same in a round. */
  readonly turn: number;
}

/** What is compared with what, and how far it may be from it. */
export interface Comparison {
  readonly title: string;
  readonly own: Entry;
  readonly base: Entry;
  /** The highest ratio that meets the target; null for what is only shown. */
  readonly most: number | null;
  /**
   * `cpu`: of processor time for a call. `added`: of the median time that the gateway adds to a call without one. `p99`: of the
   * time in which 99 of 100 calls have their answer. `pace`: of the time for a call at full speed, the other side of calls a second.
   */
  readonly of: "cpu" | "added" | "p99" | "pace";
}

const json: Scene = {
  name: "300 B JSON",
  method: "tools/call",
  tool: "forecast",
  requestBytes: 300,
  tls: false,
  bearers: "known",
};
const events: Scene = { ...json, name: "SSE answer", tool: tools.events };
const request: Scene = { ...json, name: "64 KB request", requestBytes: 65_536 };
const report: Scene = { ...json, name: "64 KB answer", tool: tools.report };
/** No rule names it, so that patterns are gone through, and the one that fits is the last. */
const byPattern: Scene = { ...json, name: "300 B JSON, allowed by a pattern", tool: "get-forecast" };
const list: Scene = { ...json, name: "list of 500 tools", method: "tools/list" };
const forged: Scene = { ...json, name: "each token another one, with a wrong signature", bearers: "forged" };
const fresh: Scene = { ...json, name: "each token another one, and good", bearers: "fresh" };

function overTls(scene: Scene): Scene {
  return { ...scene, name: `${scene.name} over TLS`, tls: true };
}

function enter(candidate: Name, scene: Scene, more: Partial<Entry> = {}): Entry {
  return { candidate, scene, identities: 1, rate: null, fold: 1, turn: 0, ...more };
}

function versus(
  base: Name,
  scene: Scene,
  most: number | null,
  own: Name = "sallyport",
  title: string = scene.name,
): Comparison {
  return { title, own: enter(own, scene), base: enter(base, scene), most, of: "cpu" };
}

/** What Node takes for forwarding alone: no gateway on it meets a target that lies below. */
function floor(base: Name, scene: Scene): Comparison {
  return versus(base, scene, null, "bare", `${scene.name}, the floor of the runtime`);
}

function identities(count: number, most: number | null): Comparison {
  return {
    title: `${count.toLocaleString("en")} identities, and one`,
    own: enter("sallyport", json, { identities: count }),
    base: enter("sallyport", json),
    most,
    of: "cpu",
  };
}

/**
 * Most parts cost a few percent, less than a machine changes its pace by in a round. So the whole is measured again between any
 * two that are measured without a part, each of which stands right beside it.
 */
function leaveOut(part: Part, index: number): Comparison {
  return {
    title: `without ${parts[part].title}`,
    own: enter(`without ${part}`, json),
    base: enter("whole", json, { turn: 1 + Math.floor(index / 2) }),
    most: null,
    of: "cpu",
  };
}

const slowly = { rate: 300 };

/** Every comparison, in the order of the table. */
export const comparisons: readonly Comparison[] = [
  versus("cached", json, 1.6),
  versus("each", json, 0.5),
  versus("stack", json, 1 / 6),
  versus("nginx", json, null),
  versus("bare", json, null),
  floor("cached", json),
  floor("each", json),
  floor("stack", json),
  versus("bare", request, null),
  versus("bare", report, null),
  versus("cached", events, 1.5),
  versus("cached", request, 1.2),
  versus("cached", report, 1.8),
  versus("cached", overTls(json), 1.7),
  floor("cached", events),
  floor("cached", request),
  floor("cached", report),
  floor("cached", overTls(json)),
  versus("cached", overTls(events), null),
  versus("cached", overTls(request), null),
  versus("cached", overTls(report), null),
  {
    title: `added by a gateway at ${slowly.rate} calls a second, median`,
    own: enter("sallyport", json, slowly),
    base: enter("cached", json, slowly),
    most: 2.2,
    of: "added",
  },
  versus("fewRules", json, null, "rules", "100 rules, and 10"),
  versus("fewRules", json, 1.1, "manyRules", "1,000 rules, and 10"),
  versus("fewRules", byPattern, null, "manyRules", "1,000 rules, and 10; the tool is allowed by the last pattern"),
  identities(100, null),
  identities(10_000, 1.2),
  {
    title: "two workers at 2,000 calls a second, and one process at 1,000",
    own: enter("workers", json, { rate: 2_000, fold: 2 }),
    base: enter("sallyport", json, { rate: 1_000 }),
    most: 1.1,
    of: "cpu",
  },
  {
    title: `a limit that Redis is asked for at each call, ${slowly.rate} calls a second, 99th percentile`,
    own: enter("redis", json, slowly),
    base: enter("local", json, slowly),
    most: 1.5,
    of: "p99",
  },
  versus("all", list, null, "half", "list of 500 tools, half of them cut out"),
  versus("each", forged, null, "strangers"),
  versus("each", fresh, null, "strangers"),
  {
    title: "a good token never seen before, and one that is known",
    own: enter("strangers", fresh),
    base: enter("strangers", json),
    most: null,
    of: "cpu",
  },
  versus("without audit", json, 1.1, "whole", "with the audit, and without"),
  versus("without audit", json, 1.5, "forced", "with the audit forced to the disk, and without"),
  {
    title: "time a call at full speed, answers waiting for the audit, and not",
    own: enter("whole", json),
    base: enter("hasty", json),
    // Under a tenth of the throughput.
    most: 1 / 0.9,
    of: "pace",
  },
  {
    title: "two workers, and one process, both at full speed",
    own: enter("workers", json, { fold: 2 }),
    base: enter("sallyport", json),
    most: null,
    of: "cpu",
  },
  ...partNames.filter((part) => part !== "audit").map(leaveOut),
];

/** What has to be measured for all of them, each once a round. */
export function listEntries(of: readonly Comparison[]): readonly Entry[] {
  const entries = new Map<string, Entry>();
  for (const { own, base } of of) {
    for (const entry of [own, base]) entries.set(keyOf(entry), entry);
    if (own.rate !== null) entries.set(keyOf(withoutGateway), withoutGateway);
  }
  return [...entries.values()];
}

/** The same for entries that are measured alike. */
export function keyOf({ candidate, scene, identities: count, rate, fold, turn }: Entry): string {
  const { method, tool, requestBytes, tls, bearers } = scene;
  return [candidate, method, tool, requestBytes, tls, bearers, count, rate, fold, turn].join(" ");
}

/** What is between client and server where no gateway is. */
export const withoutGateway = enter("direct", json, slowly);
