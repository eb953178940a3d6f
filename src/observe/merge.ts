import {
  type Metric,
  type MetricObjectWithValues,
  type MetricValue,
  type MetricValueWithName,
  Registry,
} from "prom-client";

/** Metrics as a registry gives them to another process. */
export type PortableMetrics = readonly MetricObjectWithValues<MetricValue<string>>[];

/**
 * One page of the metrics of several processes. Each has a label of its own on everything, so nothing is added up: a counter
 * that begins anew with a new process shows as the reset that it is.
 */
export function mergeMetrics(parts: readonly PortableMetrics[]): Registry {
  const families = new Map<string, MetricObjectWithValues<MetricValue<string>>>();
  for (const family of parts.flat()) {
    const known = families.get(family.name);
    const values = [...(known?.values ?? []), ...family.values];
    families.set(family.name, { ...family, values });
  }
  const merged = new Registry();
  for (const family of families.values()) {
    const metric = { name: family.name, get: async () => family };
    // A registry asks a metric for nothing but its name and its values.
    merged.registerMetric(metric as unknown as Metric & MetricObjectWithValues<MetricValueWithName<string>>);
  }
  return merged;
}
