import { type Comparison, type Entry, keyOf, withoutGateway } from "./comparisons.ts";
import type { Measured } from "./measure.ts";
import { names } from "./names.ts";
import { median, renderRows } from "./report.ts";

/** What each round has measured, by the key of the entry. */
export type Rounds = readonly ReadonlyMap<string, Measured>[];

/** A comparison, and what came of it. */
export interface Judged {
  readonly comparison: Comparison;
  /** Median of the ratios within each round. */
  readonly ratio: number;
  /** Of the round with the lowest ratio, and the highest. */
  readonly range: readonly [number, number];
  /** `noisy`: the machine was too busy for a verdict. */
  readonly verdict: "met" | "missed" | "shown" | "noisy";
}

/** Rounds in which what is compared with costs so many times its best say more of the machine than of the gateway. */
const mostNoise = 1.3;

/** @returns null when one of the two was not measured */
export function judge(comparison: Comparison, rounds: Rounds): Judged | null {
  const value = (entry: Entry, round: ReadonlyMap<string, Measured>) => {
    const measured = round.get(keyOf(entry));
    if (measured === undefined) return undefined;
    if (comparison.of === "cpu") return measured.cpuMicrosPerCall;
    if (comparison.of === "p99") return measured.p99Ms;
    if (comparison.of === "pace") return 1_000 / measured.callsPerSecond;
    return measured.p50Ms - (round.get(keyOf(withoutGateway))?.p50Ms ?? 0);
  };
  const pairs = rounds.flatMap((round) => {
    const [own, base] = [value(comparison.own, round), value(comparison.base, round)];
    return own === undefined || base === undefined ? [] : [{ own, base }];
  });
  if (pairs.length === 0) return null;
  const ratios = pairs.map(({ own, base }) => own / base);
  const ratio = median(ratios);
  const range = [Math.min(...ratios), Math.max(...ratios)] as const;
  const costs = pairs.map(({ base }) => base);
  if (comparison.most === null) return { comparison, ratio, range, verdict: "shown" };
  if (median(costs) > mostNoise * Math.min(...costs)) return { comparison, ratio, range, verdict: "noisy" };
  return { comparison, ratio, range, verdict: ratio <= comparison.most ? "met" : "missed" };
}

/** The targets, as a table in Markdown. */
export function renderJudged(judged: readonly Judged[]): string {
  const rows = judged.map(({ comparison: { title, own, base, most }, ratio, range, verdict }) => [
    title,
    names[own.candidate],
    own.candidate === base.candidate ? "itself" : names[base.candidate],
    ratio.toFixed(2),
    range.map((end) => end.toFixed(2)).join(" to "),
    most === null ? "" : most.toFixed(2),
    verdict,
  ]);
  return renderRows(["", "candidate", "in terms of", "ratio", "in the rounds", "at most", "verdict"], rows);
}

/** Everything that was measured, as a table in Markdown. */
export function renderCosts(entries: readonly Entry[], rounds: Rounds): string {
  const turns = Map.groupBy(entries, (entry) => keyOf({ ...entry, turn: 0 }));
  const rows = [...turns.values()].flatMap((group) => {
    const [entry] = group;
    const measured = rounds.flatMap((round) => group.flatMap((one) => round.get(keyOf(one)) ?? []));
    if (entry === undefined || measured.length === 0) return [];
    const middle = (pick: (one: Measured) => number) => median(measured.map(pick));
    const { candidate, scene, identities, rate } = entry;
    return [
      [
        `${names[candidate]}: ${scene.name}${identities === 1 ? "" : `, ${identities} identities`}`,
        middle(({ cpuMicrosPerCall }) => cpuMicrosPerCall).toFixed(0),
        rate === null ? middle(({ callsPerSecond }) => callsPerSecond).toFixed(0) : `${rate} asked for`,
        middle(({ p50Ms }) => p50Ms).toFixed(2),
        middle(({ p99Ms }) => p99Ms).toFixed(2),
        ((measured.at(-1)?.residentBytes ?? 0) / 1_048_576).toFixed(0),
      ],
    ];
  });
  return renderRows(["what was measured", "CPU µs a call", "calls/s", "p50 ms", "p99 ms", "memory MiB"], rows);
}

/** The page of the documentation. */
export function renderPage(
  machine: string,
  judged: readonly Judged[],
  entries: readonly Entry[],
  rounds: Rounds,
): string {
  return `# What a call costs

Written by \`npm run bench -- --write\`; [bench/README.md](../bench/README.md) says what is measured and how to repeat it.
Ratios are medians of the ratios within each round, and travel from machine to machine; the other figures do not.
The same as JSON, with every round: [performance.json](performance.json).

${machine}.

## Targets

${renderJudged(judged)}

The targets are the project's own, set before the gateway was written; those that are missed are what is worked on next.
*met*, *missed*: below or above the target. *noisy*: what is compared with cost over ${mostNoise} times its best in the middle
round, so nothing is concluded. *shown*: without a target.

## Everything that was measured

${renderCosts(entries, rounds)}

What a gateway adds at a rate is its median less that of the same calls without a gateway, in the same round; the table above has
the median of those ratios, which is not the ratio of the medians here.
CPU is user and system time of the gateway's own process. Calls at full speed come from sixteen connections on the same
machine, so calls/s and milliseconds also say how much the load and the server behind left over.
`;
}
