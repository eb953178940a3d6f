import { Counter, Gauge, Registry } from "prom-client";
import type { SinkAccount } from "../audit/sinks/deliverer.ts";
import type { ClosedVisit } from "../audit/trail.ts";
import type { AuditFile } from "../audit/write/audit-file.ts";
import type { KeySource } from "../auth/jwks.ts";
import { methodLabel } from "../mcp/methods.ts";
import type { TokenOutcome } from "../upstream/credentials/token-endpoint.ts";
import { createHistogram } from "./histogram.ts";
import { addProcessMetrics } from "./process-metrics.ts";
import { createRecency, type Recency } from "./recency.ts";
import { addSinkMetrics } from "./sink-metrics.ts";

/** What the gauges read at each scrape. */
export interface MetricSources {
  servers(): Iterable<{ name: string; load: { calls: number; streams: number }; reachable: boolean | null }>;
  issuers(): Iterable<{ name: string; ageMs: number | undefined; fetches: KeySource["fetches"] }>;
  certificateExpiry(): Date | null;
  audit(): Pick<AuditFile, "healthy" | "missing" | "queueLength">;
  auditSinks(): Iterable<SinkAccount>;
  configHash(): string;
  policyHash(): string;
  /** Whether the Redis of the configuration can be asked; null where there is none. */
  stateReady(): boolean | null;
}

/**
 * Everything Prometheus scrapes. Names follow its conventions: seconds, bytes, `_total`. Labels hold configured names and
 * rows of tables, never a subject, an address or a session, so that no caller can make new time series.
 */
export interface Metrics {
  readonly registry: Registry;
  visitClosed(visit: ClosedVisit): void;
  /** A refusal that no visit stands for, such as bytes that were no HTTP. */
  refused(reason: string): void;
  handshakeFailed(): void;
  reloaded(successful: boolean): void;
  auditWritten(event: string): void;
  auditFailed(): void;
  /** Shared counters did not answer. */
  limitStoreFailed(): void;
  /** An authorization server was asked for a token that a server is shown. */
  tokenFetched(server: string, outcome: TokenOutcome): void;
}

const sessionIdleMs = 300_000;
/** About 130 bytes each; what exceeds them is not counted. */
const maxSessions = 10_000;
const fromMillisecond = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const fromTenMicroseconds = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 10,
];

/** Registers all of them. @param sources asked at each scrape */
export function createMetrics(version: string, sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  addProcessMetrics(registry);

  const requests = new Counter({
    name: "sallyport_requests_total",
    help: "Requests by server, MCP method and outcome (ok, error, denied).",
    labelNames: ["server", "method", "outcome"],
    registers,
  });
  const refusals = new Counter({
    name: "sallyport_refusals_total",
    help: "Refusals by reason; docs/refusals.md explains each.",
    labelNames: ["reason"],
    registers,
  });
  const authFailures = new Counter({
    name: "sallyport_auth_failures_total",
    help: "Requests whose identity could not be established, by reason.",
    labelNames: ["reason"],
    registers,
  });
  const durations = createHistogram(registry, {
    name: "sallyport_request_duration_seconds",
    help: "From the request's headers to the record of its answer.",
    labels: ["server", "method"],
    buckets: fromMillisecond,
  });
  const stages = createHistogram(registry, {
    name: "sallyport_stage_duration_seconds",
    help: "Time in each room of the corridor.",
    labels: ["stage"],
    buckets: fromTenMicroseconds,
  });
  const upstreams = createHistogram(registry, {
    name: "sallyport_upstream_duration_seconds",
    help: "From sending a message to the head of the server's answer.",
    labels: ["server"],
    buckets: fromMillisecond,
  });
  const upstreamRefusals = new Counter({
    name: "sallyport_upstream_refusals_total",
    help: "Refusals because of a server (upstream_*), by server and reason.",
    labelNames: ["server", "reason"],
    registers,
  });
  const handshakes = new Counter({
    name: "sallyport_tls_handshake_failures_total",
    help: "Connections that did not get through the TLS handshake.",
    registers,
  });
  const audited = new Counter({
    name: "sallyport_audit_records_total",
    help: "Audit records written, by event.",
    labelNames: ["event"],
    registers,
  });
  const auditErrors = new Counter({
    name: "sallyport_audit_write_errors_total",
    help: "Audit records that could not be written; their requests were refused, or in audit.mode besteffort went on without.",
    registers,
  });
  const reload = new Gauge({
    name: "sallyport_config_last_reload_successful",
    help: "1 when the configuration in the files is the one that runs.",
    registers,
  });
  reload.set(1);
  const policyErrors = new Counter({
    name: "sallyport_policy_errors_total",
    help: "Requests refused because a policy, or a condition in it, could not be evaluated.",
    registers,
  });
  const limitErrors = new Counter({
    name: "sallyport_limit_store_errors_total",
    help: "Times that shared counters did not answer; limits.*.onFailure said what held.",
    registers,
  });
  const tokens = new Counter({
    name: "sallyport_upstream_token_fetches_total",
    help: "Questions to authorization servers for tokens that a server is shown, by outcome (ok, unavailable, refused, denied).",
    labelNames: ["server", "outcome"],
    registers,
  });
  const sessions = createRecency(sessionIdleMs, maxSessions);
  new Gauge({ name: "sallyport_build_info", help: "Version.", labelNames: ["version", "node"], registers }).set(
    { version, node: process.version },
    1,
  );
  addReadings(registry, sources, sessions);
  addSinkMetrics(registry, sources.auditSinks);

  return {
    registry,
    visitClosed(visit) {
      const { facts, outcome } = visit;
      const { denial } = outcome;
      const server = facts.route?.kind === "mcp" ? facts.route.server : "none";
      const method = methodLabel(
        facts.message !== undefined && "method" in facts.message ? facts.message.method : null,
      );
      const failed = outcome.rpc != null || outcome.toolError === true || (outcome.http ?? 0) >= 400;
      requests.inc({ server, method, outcome: denial !== undefined ? "denied" : failed ? "error" : "ok" });
      durations(visit.totalMs / 1_000, server, method);
      for (const [stage, ms] of visit.rooms) stages(ms / 1_000, stage);
      const upstreamMs = visit.rooms.get("answer");
      if (upstreamMs !== undefined) upstreams(upstreamMs / 1_000, server);
      if (facts.session?.fingerprint != null) sessions.touch(server, facts.session.fingerprint, performance.now());
      if (denial === undefined) return;
      refusals.inc({ reason: denial.code });
      if (denial.code.startsWith("upstream_")) upstreamRefusals.inc({ server, reason: denial.code });
      if (denial.code === "policy_unavailable" || denial.code === "condition_failed") policyErrors.inc();
      if (denial.code.startsWith("token_") || denial.code === "keys_unavailable")
        authFailures.inc({ reason: denial.code });
    },
    refused: (reason) => refusals.inc({ reason }),
    handshakeFailed: () => handshakes.inc(),
    reloaded: (successful) => reload.set(successful ? 1 : 0),
    auditWritten: (event) => audited.inc({ event }),
    auditFailed: () => auditErrors.inc(),
    limitStoreFailed: () => limitErrors.inc(),
    tokenFetched: (server, outcome) => tokens.inc({ server, outcome }),
  };
}

/** Metrics that are read, not kept: what they show cannot drift from what is. */
function addReadings(registry: Registry, sources: MetricSources, sessions: Recency): void {
  const registers = [registry];
  const add = (name: string, help: string, labelNames: string[], read: (gauge: Gauge<string>) => void) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        // A gauge without labels is set to 0 by that; what is not read is not there.
        if (labelNames.length === 0) this.remove();
        read(this);
      },
    });
  add("sallyport_inflight_requests", "Exchanges in progress with a server.", ["server"], (gauge) => {
    for (const { name, load } of sources.servers()) gauge.set({ server: name }, load.calls);
  });
  add("sallyport_open_streams", "Standalone streams open to a server.", ["server"], (gauge) => {
    for (const { name, load } of sources.servers()) gauge.set({ server: name }, load.streams);
  });
  add(
    "sallyport_sessions_active",
    "Sessions used in the last five minutes, at most 10,000 of all servers together.",
    ["server"],
    (gauge) => {
      for (const { name } of sources.servers()) gauge.set({ server: name }, sessions.count(name, performance.now()));
    },
  );
  add(
    "sallyport_upstream_up",
    "1 when the last exchange reached the server; absent before the first.",
    ["server"],
    (gauge) => {
      for (const { name, reachable } of sources.servers())
        if (reachable !== null) gauge.set({ server: name }, reachable ? 1 : 0);
    },
  );
  add(
    "sallyport_jwks_age_seconds",
    "Age of the keys of an issuer; absent before the first fetch.",
    ["issuer"],
    (gauge) => {
      for (const { name, ageMs } of sources.issuers())
        if (ageMs !== undefined) gauge.set({ issuer: name }, ageMs / 1_000);
    },
  );
  new Counter({
    name: "sallyport_jwks_fetches_total",
    help: "Fetches of the keys of an issuer, discovery included, by outcome (ok, failed).",
    labelNames: ["issuer", "outcome"],
    registers,
    collect() {
      this.reset();
      for (const { name, fetches } of sources.issuers()) {
        for (const [outcome, count] of Object.entries(fetches)) this.inc({ issuer: name, outcome }, count);
      }
    },
  });
  add("sallyport_cert_expiry_timestamp_seconds", "When the certificate that is shown expires.", [], (gauge) => {
    const expiry = sources.certificateExpiry();
    if (expiry !== null) gauge.set(expiry.getTime() / 1_000);
  });
  add("sallyport_audit_up", "1 when audit records are written; 0 from a failure until one is again.", [], (gauge) => {
    gauge.set(sources.audit().healthy ? 1 : 0);
  });
  add("sallyport_audit_records_missing", "Audit records that are missing and no record says so yet.", [], (gauge) => {
    gauge.set(sources.audit().missing);
  });
  add("sallyport_audit_queue_length", "Audit records that wait to be written.", [], (gauge) => {
    gauge.set(sources.audit().queueLength);
  });
  add("sallyport_state_up", "1 when the Redis of the configuration can be asked; absent without one.", [], (gauge) => {
    const ready = sources.stateReady();
    if (ready !== null) gauge.set(ready ? 1 : 0);
  });
  add("sallyport_config_hash", "Hash of the configuration that runs, as a label.", ["hash"], (gauge) => {
    gauge.set({ hash: sources.configHash() }, 1);
  });
  add("sallyport_policy_hash", "Hash of the policies that decide, as a label.", ["hash"], (gauge) => {
    gauge.set({ hash: sources.policyHash() }, 1);
  });
}
