import { type Scene, tools } from "./call.ts";
import type { Name } from "./candidates.ts";

/** One candidate under one scene. */
export interface Entry {
  readonly candidate: Name;
  readonly scene: Scene;
  /** How many identities the calls are of. */
  readonly identities: number;
  /** Calls a second; as many as there is an answer to, unless given. */
  readonly rate: number | null;
}

/** What is compared with what, and how far it may be from it. */
export interface Comparison {
  readonly title: string;
  readonly own: Entry;
  readonly base: Entry;
  /** The highest ratio that meets the target; null for what is only shown. */
  readonly most: number | null;
  /** `cpu`: of processor time for a call. `added`: of the median time that the gateway adds to a call without one. */
  readonly of: "cpu" | "added";
}

const json: Scene = { name: "300 B JSON", tool: "forecast", requestBytes: 300, tls: false };
const scenes = {
  json,
  events: { ...json, name: "SSE answer", tool: tools.events },
  tls: { ...json, name: "300 B JSON over TLS", tls: true },
  request: { ...json, name: "64 KB request", requestBytes: 65_536 },
  report: { ...json, name: "64 KB answer", tool: tools.report },
} as const satisfies Record<string, Scene>;

function enter(candidate: Name, scene: Scene, more: Partial<Entry> = {}): Entry {
  return { candidate, scene, identities: 1, rate: null, ...more };
}

function versus(base: Name, scene: Scene, most: number | null, own: Name = "sallyport"): Comparison {
  return { title: scene.name, own: enter(own, scene), base: enter(base, scene), most, of: "cpu" };
}

const identities = 10_000;
const slowly = { rate: 300 };

/** Every comparison, in the order of the table. */
export const comparisons: readonly Comparison[] = [
  versus("cached", json, 1.6),
  versus("each", json, 0.5),
  versus("stack", json, 1 / 6),
  versus("nginx", json, null),
  versus("cached", scenes.events, 1.5),
  versus("cached", scenes.tls, 1.7),
  versus("cached", scenes.request, 1.2),
  versus("cached", scenes.report, 1.8),
  {
    title: `added by a gateway at ${slowly.rate} calls a second, median`,
    own: enter("sallyport", json, slowly),
    base: enter("cached", json, slowly),
    most: 2.2,
    of: "added",
  },
  versus("sallyport", { ...json, name: "1,000 rules, and 10 or fewer" }, 1.1, "manyRules"),
  {
    title: `${identities.toLocaleString("en")} identities, and one`,
    own: enter("sallyport", json, { identities }),
    base: enter("sallyport", json),
    most: 1.2,
    of: "cpu",
  },
];

/** What has to be measured for all of them, each once a round. */
export function listEntries(of: readonly Comparison[]): readonly Entry[] {
  const entries = new Map<string, Entry>();
  for (const { own, base } of of) {
    for (const entry of [own, base]) entries.set(keyOf(entry), entry);
    if (own.rate !== null) entries.set(keyOf(enter("direct", json, slowly)), enter("direct", json, slowly));
  }
  return [...entries.values()];
}

/** The same for entries that are measured alike. */
export function keyOf({ candidate, scene, identities: count, rate }: Entry): string {
  return [candidate, scene.tool, scene.requestBytes, scene.tls, count, rate].join(" ");
}

/** What is between client and server where no gateway is. */
export const withoutGateway = enter("direct", json, slowly);
