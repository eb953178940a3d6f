import { cpus } from "node:os";

/** What the figures are from. */
export function describeMachine(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}`;
}

/** One candidate in one round. */
export interface Measured {
  readonly candidate: string;
  readonly callsPerSecond: number;
  /** User and system time of its process, in microseconds. */
  readonly cpuMicrosPerCall: number;
}

/** One candidate over all rounds, by medians; the ratios are medians of the ratios within each round. */
export interface Summary extends Measured {
  readonly throughputRatio: number;
  readonly cpuRatio: number;
}

/**
 * Sums rounds up.
 *
 * @param baseline the candidate that ratios are of
 */
export function summarize(
  names: readonly string[],
  rounds: readonly (readonly Measured[])[],
  baseline: string,
): Summary[] {
  const pick = (name: string, value: (own: Measured, base: Measured) => number) =>
    median(
      rounds.map((round) => {
        const own = round.find(({ candidate }) => candidate === name);
        const base = round.find(({ candidate }) => candidate === baseline);
        if (own === undefined || base === undefined) throw new Error(`a round lacks ${name} or ${baseline}`);
        return value(own, base);
      }),
    );
  return names.map((candidate) => ({
    candidate,
    callsPerSecond: pick(candidate, (own) => own.callsPerSecond),
    cpuMicrosPerCall: pick(candidate, (own) => own.cpuMicrosPerCall),
    throughputRatio: pick(candidate, (own, base) => own.callsPerSecond / base.callsPerSecond),
    cpuRatio: pick(candidate, (own, base) => own.cpuMicrosPerCall / base.cpuMicrosPerCall),
  }));
}

/** A table in Markdown. */
export function renderTable(summaries: readonly Summary[]): string {
  const head = ["candidate", "CPU µs a call", "calls/s", "CPU ratio", "throughput ratio"];
  const rows = summaries.map((row) => [
    row.candidate,
    row.cpuMicrosPerCall.toFixed(0),
    row.callsPerSecond.toFixed(0),
    row.cpuRatio.toFixed(2),
    row.throughputRatio.toFixed(2),
  ]);
  return renderRows(head, rows);
}

/** A table in Markdown: names in the first column, figures in the others. */
export function renderRows(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}
