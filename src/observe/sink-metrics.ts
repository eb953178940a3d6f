import { Counter, Gauge, type Registry } from "prom-client";
import type { SinkAccount } from "../audit/sinks/deliverer.ts";

/** Metrics of `audit.sinks`: read at each scrape from what the sinks have counted. */
export function addSinkMetrics(registry: Registry, accounts: () => Iterable<SinkAccount>): void {
  const registers = [registry];
  const count = (name: string, help: string, labelNames: string[], read: (counter: Counter<string>) => void) =>
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        read(this);
      },
    });
  const gauge = (name: string, help: string, read: (account: SinkAccount) => number | null) =>
    new Gauge({
      name,
      help,
      labelNames: ["sink"],
      registers,
      collect() {
        this.reset();
        for (const account of accounts()) {
          const value = read(account);
          if (value !== null) this.set({ sink: account.name }, value);
        }
      },
    });
  count("sallyport_audit_sink_records_total", "Audit records that a sink has taken.", ["sink"], (counter) => {
    for (const { name, delivered } of accounts()) counter.inc({ sink: name }, delivered);
  });
  count(
    "sallyport_audit_sink_dropped_total",
    "Audit records that a sink does not have: its buffer was full, it refused them for good, or the gateway stopped.",
    ["sink", "reason"],
    (counter) => {
      for (const { name, dropped } of accounts()) {
        for (const [reason, records] of Object.entries(dropped)) counter.inc({ sink: name, reason }, records);
      }
    },
  );
  count("sallyport_audit_sink_failures_total", "Deliveries to a sink that failed.", ["sink"], (counter) => {
    for (const { name, failures } of accounts()) counter.inc({ sink: name }, failures);
  });
  gauge("sallyport_audit_sink_queue_length", "Audit records that wait for a sink.", ({ queueLength }) => queueLength);
  gauge(
    "sallyport_audit_sink_last_success_timestamp_seconds",
    "When a sink took records last; absent before the first time.",
    ({ lastSuccessMs }) => (lastSuccessMs === null ? null : lastSuccessMs / 1_000),
  );
}
