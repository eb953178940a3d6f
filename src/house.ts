import { hostname } from "node:os";
import { ClockGuard } from "./audit/clock-guard.ts";
import { watchClock } from "./audit/clock-watch.ts";
import { type AuditEntry, gatewayEntry } from "./audit/record.ts";
import { createRefusedConnections, type RefusedConnections } from "./audit/refused-connections.ts";
import { type AuditSinks, openAuditSinks } from "./audit/sinks/sinks.ts";
import type { AuditBook } from "./audit/trail.ts";
import { type AuditFile, openAuditFile } from "./audit/write/audit-file.ts";
import { createAuditBook } from "./audit-book.ts";
import { describeAudit } from "./audit-options.ts";
import { createKeyShelf, type KeyShelf } from "./auth/keyshelf.ts";
import { proofMemoryMs } from "./auth/proof.ts";
import { createProofMemory, shareProofs, type UsedProofs } from "./auth/proof-memory.ts";
import { type Books, openBooks } from "./books.ts";
import type { LoadedConfig } from "./config/load.ts";
import { type Keyring, openKeyring } from "./crypto/keyring.ts";
import { createDoors, type Doors } from "./doors/doors.ts";
import { type Bans, createBans } from "./limits/bans.ts";
import { createOpenCalls, type OpenCalls, shareCalls } from "./limits/calls.ts";
import { type Counters, createCounters } from "./limits/counters.ts";
import { createRecall, type Recall } from "./limits/recall.ts";
import type { Log } from "./observe/log.ts";
import { createMetrics, type MetricSources, type Metrics } from "./observe/metrics.ts";
import { createStandingStreams, type StandingStreams } from "./relay/standing.ts";
import { createTaskLedger, type TaskLedger } from "./relay/tasks.ts";
import { deeds, recordDeeds } from "./state/deeds.ts";
import { shareRecall } from "./state/notices.ts";
import { openState, type State } from "./state/open.ts";
import { createReplicas, type Replicas } from "./state/replicas.ts";
import type { Station } from "./state/station.ts";
import type { Store } from "./state/store.ts";
import type { TokenOutcome } from "./upstream/credentials/token-endpoint.ts";
import { createUpstreamShelf, type UpstreamShelf } from "./upstream/shelf.ts";
import { followFarewells } from "./upstream/vault/farewells.ts";
import { version } from "./version.ts";

/** What stands for as long as the process does, whatever configuration runs: keys, counters, the audit file, the log. */
export interface House extends Books {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly keyring: Keyring;
  readonly keys: KeyShelf;
  readonly store: Store;
  readonly counters: Counters;
  readonly bans: Bans;
  readonly tasks: TaskLedger;
  /** Sessions that clients have ended, and requests of servers that they have answered. */
  readonly ended: Recall;
  readonly answered: Recall;
  /** Proofs of possession that were used. */
  readonly proofs: UsedProofs;
  readonly standing: StandingStreams;
  readonly upstreams: UpstreamShelf;
  readonly doors: Doors;
  readonly calls: OpenCalls;
  /** Other gateways of this configuration's Redis; null without one. */
  readonly replicas: Replicas | null;
  /** Which of the processes of this gateway it is. */
  readonly station: Station;
  readonly audit: AuditBook;
  /** Whether records are written; calls may go on where they are not. */
  isRecording(): boolean;
  /** Begins to hand records to `audit.sinks`. */
  startSinks(): void;
  readonly refusedConnections: RefusedConnections;
  /** Lets go of the audit file, with its `stop` record, of the sinks and of Redis. */
  close(): Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What the house asks of the configuration that runs at the moment. */
export interface Tenant extends Omit<MetricSources, "audit" | "auditSinks" | "stateReady"> {
  config(): LoadedConfig["config"];
  /** Keys have changed: verdicts reached with the old ones are void. */
  forgetTokens(): void;
}

/** About 300 bytes each. */
const maxTasks = 10_000;
/** How often the clock is looked at, in milliseconds. */
const clockLookMs = 1_000;
/** Beyond this the servers' own memory has to do. */
const maxRecalled = 10_000;
/** About 300 bytes each, and 500 a second. */
const maxProofs = 50_000;

/**
 * Builds the house on the first configuration: reads or makes the keys, opens the audit file. Where that fails, nothing stays open.
 *
 * @throws Error when the key ring or the audit file cannot be used safely
 */
export async function buildHouse(loaded: LoadedConfig, log: Log, tenant: Tenant, station: Station): Promise<House> {
  const { config, hash, policy } = loaded;
  const { audit, sessions } = config;
  const keyring = await openKeyring(config.state.directory, { now: Date.now, sessionLifetimeMs: sessions.lifetime });
  const state = await openState({ state: config.state, keyring, log });
  using opened = new DisposableStack();
  opened.defer(() => state.close());
  const sinks = openAuditSinks(audit.sinks, { version, host: hostname(), processId: process.pid }, log);
  await using closing = new AsyncDisposableStack();
  closing.defer(() => sinks.close());
  const clock = guardClock(log);
  const file = await openAuditFile({
    ...describeAudit(config, station, keyring, log, () => clock.trusts()),
    startNote: { version, config: hash, policy: policy.hash, ...describeStation(station) },
    onWritten: sinks.offer,
  });
  closing.defer(() => file.close());
  // Opened before the file and closed before it: what comes of the state until then is on record.
  closing.use(opened.move());
  const furnished = await furnish({ loaded, log, tenant, station, keyring, state, clock, file, sinks }, closing);
  const rest = closing.move();
  return { ...furnished, close: () => rest.disposeAsync() };
}

/** What the house is built from, and stands on. */
interface Site {
  readonly loaded: LoadedConfig;
  readonly log: Log;
  readonly tenant: Tenant;
  readonly station: Station;
  readonly keyring: Keyring;
  readonly state: State;
  readonly clock: ClockGuard;
  readonly file: AuditFile;
  readonly sinks: AuditSinks;
}

/** @param closing takes what has to be closed, the last first */
async function furnish(site: Site, closing: AsyncDisposableStack): Promise<Omit<House, "close">> {
  const { loaded, log, tenant, station, keyring, state, clock, file, sinks } = site;
  const { store, redis } = state;
  const now = Date.now;
  const { permits, board } = redis ?? station.shared;
  const books = await openBooks(store, now, tenant.forgetTokens);
  const metrics = createMetrics(version, {
    ...tenant,
    audit: () => file,
    auditSinks: sinks.accounts,
    stateReady: () => redis?.ready ?? null,
  });
  const report = (issuer: string, detail: string) =>
    log.warn({ issuer, detail }, "keys of an issuer could not be fetched");
  const tokenFetched = (server: string, outcome: TokenOutcome, detail: string) => {
    metrics.tokenFetched(server, outcome);
    // That one caller was denied stands in the record of that caller.
    if (outcome === "unavailable" || outcome === "refused") log.warn({ server, detail }, "no token for a server");
  };
  const counters = createCounters(permits, monotonicMs, metrics.limitStoreFailed);
  const replicas = redis === null ? null : createReplicas(board, now, tenant.configHash);
  closing.defer(() => replicas?.close());
  const audit = createAuditBook(file, metrics, keyring.fingerprint, loaded.config.audit.mode === "besteffort");
  await store.follow(deeds, () => recordDeeds(store, audit.append, now()));
  await followFarewells({ store, config: tenant.config, record: audit.append, now });
  // The file has told of its failure, and there is nothing to refuse.
  const note = (entry: AuditEntry) => void audit.append(entry).catch(() => {});
  const refusedConnections = createRefusedConnections(note, now);
  closing.defer(refusedConnections.flush);
  const looking = setInterval(() => {
    for (const step of clock.look()) {
      log.warn({ ...step }, "the clock was set");
      note(gatewayEntry("clock", new Date().toISOString(), { ...step }));
    }
  }, clockLookMs);
  looking.unref();
  closing.defer(() => clearInterval(looking));
  return {
    log,
    metrics,
    keyring,
    keys: createKeyShelf(loaded.directory, now, tenant.forgetTokens, report),
    ...books,
    store,
    counters,
    bans: createBans(monotonicMs),
    tasks: createTaskLedger(maxTasks),
    ended: shareRecall(createRecall(maxRecalled), "ended", board),
    answered: shareRecall(createRecall(maxRecalled), "answered", board),
    proofs: shareProofs(createProofMemory(maxProofs, proofMemoryMs, now), counters, proofMemoryMs),
    doors: createDoors(),
    calls: shareCalls(createOpenCalls(), board),
    standing: createStandingStreams(),
    upstreams: createUpstreamShelf({
      now,
      sign: keyring.signAs,
      tokenFetched,
      vault: { store, sealer: keyring, record: audit.append },
    }),
    replicas,
    station,
    now,
    audit,
    isRecording: () => file.healthy,
    startSinks: sinks.start,
    refusedConnections,
  };
}

/** Distrusts a clock that was set ahead, and says so. */
function guardClock(log: Log): ClockGuard {
  return new ClockGuard({
    findStep: watchClock(Date.now, monotonicMs),
    monotonicMs,
    onDistrust: () =>
      log.warn({}, "the clock was set ahead by more than an hour: for 24 hours nothing of the audit trail expires"),
  });
}

function monotonicMs(): number {
  return performance.now();
}

/** Of several processes each has a chain of records of its own, and says whose place it takes. */
function describeStation({ number, of, after }: Station): Readonly<Record<string, unknown>> {
  return { ...(of === 1 ? {} : { worker: number, workers: of }), ...(after === null ? {} : { after }) };
}
