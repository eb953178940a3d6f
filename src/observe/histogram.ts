import type { Metric, MetricObjectWithValues, MetricValueWithName, Registry } from "prom-client";

/** What a histogram is called, and where its buckets end. */
export interface HistogramShape {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds in ascending order, without infinity. */
  readonly buckets: readonly number[];
}

/**
 * Counts what one histogram of prom-client would, at a tenth of its time: each call of a tool is observed eleven times, and
 * prom-client hashes the labels every time. What a scrape shows is the same.
 *
 * @returns observes a value under the values of the labels, in their order
 */
export function createHistogram(registry: Registry, shape: HistogramShape): (value: number, ...of: string[]) => void {
  const series = new Map<string, Series>();
  const metric = {
    name: shape.name,
    help: shape.help,
    labelNames: shape.labels,
    get: () => ({
      name: shape.name,
      help: shape.help,
      type: "histogram",
      aggregator: "sum",
      values: [...series.values()].flatMap((one) => expose(shape, one)),
    }),
  };
  // A registry asks a metric for nothing but its name and its values.
  registry.registerMetric(metric as unknown as Metric & MetricObjectWithValues<MetricValueWithName<string>>);
  return (value, ...of) => {
    const key = of.length === 1 ? (of[0] ?? "") : of.join("\0");
    let one = series.get(key);
    if (one === undefined) {
      one = { of, counts: new Float64Array(shape.buckets.length + 1), sum: 0 };
      series.set(key, one);
    }
    let bucket = 0;
    while (bucket < shape.buckets.length && value > (shape.buckets[bucket] ?? 0)) bucket += 1;
    one.counts[bucket] = (one.counts[bucket] ?? 0) + 1;
    one.sum += value;
  };
}

interface Series {
  readonly of: readonly string[];
  /** Of each bucket alone; the last is the one without a bound. */
  readonly counts: Float64Array;
  sum: number;
}

/** Buckets hold everything up to their bound (Prometheus, Exposition formats, Histograms and summaries). */
function expose({ name, labels: names, buckets }: HistogramShape, { of, counts, sum }: Series) {
  const labels = Object.fromEntries(names.map((label, index) => [label, of[index] ?? ""]));
  let total = 0;
  const values = Array.from(counts, (count, index) => {
    total += count;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: buckets[index] ?? "+Inf" }, value: total };
  });
  return [
    ...values,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ];
}
