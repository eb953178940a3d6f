import { collectDefaultMetrics, type Registry } from "prom-client";

/** Metrics of the process itself and of Node. */
export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
}

/** Gauges with the name of a counter, which tools that check names do not let pass; by type, under proper names, they are there as well. */
const misnamed = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];
