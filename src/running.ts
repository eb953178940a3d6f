import type { Registry } from "prom-client";
import type { Health } from "./admin.ts";
import { gatewayEntry } from "./audit/record.ts";
import type { LoadedConfig } from "./config/load.ts";
import { refreshEveryMs } from "./crypto/keyring.ts";
import { buildGateway, type Gateway } from "./gateway.ts";
import { buildHouse, type House, type Tenant } from "./house.ts";
import { renderAddress } from "./network/address.ts";
import type { Log } from "./observe/log.ts";
import { findFixedChanges } from "./reload.ts";
import { describeReload } from "./reload-account.ts";
import { createPublicServer, type PublicServer } from "./server.ts";
import type { Station } from "./state/station.ts";

/** A gateway that serves, or one process of it. */
export interface Running {
  /** Where it listens, the port never 0. */
  readonly publicUrl: string;
  readonly metrics: Registry;
  health(): Health;
  /** Begins to hand records to `audit.sinks`: called once whoever has something to say first on stdout has said it. */
  deliver(): void;
  /** Reads the files again; a bad one changes nothing but a metric and a log line. Never rejects. */
  reload(cause: string): Promise<void>;
  /** Not ready, stop accepting, finish calls, end streams, flush the audit. */
  stop(): Promise<void>;
  /** Refuses whatever is in progress and flushes the audit: for a process whose state cannot be trusted any more. */
  abandon(): Promise<void>;
}

/**
 * Starts a gateway.
 *
 * @param reread loads the configuration again for a reload
 * @throws Error when an address cannot be bound or a key or audit file cannot be used; nothing keeps running then
 */
export async function run(
  loaded: LoadedConfig,
  log: Log,
  reread: () => Promise<LoadedConfig>,
  station: Station,
): Promise<Running> {
  let gateway: Gateway | null = null;
  let listener: PublicServer | null = null;
  let current = loaded;
  const tenant: Tenant = {
    servers: () => gateway?.upstreams.all() ?? [],
    issuers: () => gateway?.issuers() ?? [],
    config: () => current.config,
    configHash: () => current.hash,
    policyHash: () => current.policy.hash,
    forgetTokens: () => gateway?.identity.tokens.clear(),
    certificateExpiry: () => listener?.certificateExpiry ?? null,
  };
  const house = await buildHouse(loaded, log, tenant, station);
  try {
    return await serve();
  } catch (error) {
    await house.close();
    throw error;
  }

  async function serve(): Promise<Running> {
    const first = buildGateway(loaded, house);
    gateway = first;
    const server = await createPublicServer(loaded.config.listen, () => gateway ?? first, house);
    listener = server;
    const publicAddress = await server.listen();
    void first.prime();
    const rotation = setInterval(() => void rotateKeys(house), refreshEveryMs);
    rotation.unref();

    let reloading = Promise.resolve();
    async function reloadNow(cause: string): Promise<void> {
      let built: Gateway;
      const before = current;
      try {
        const next = await reread();
        const fixed = findFixedChanges(current.config, next.config);
        if (fixed.length > 0) throw new Error(`these need a restart: ${fixed.join(", ")}`);
        // Everything that can fail comes before the swap, and nothing of it shows until then.
        built = buildGateway(next, house);
        await rotateKeys(house);
        await server.reloadCertificate();
        gateway = built;
        current = next;
      } catch (error) {
        return report(cause, before, error instanceof Error ? error : new Error(String(error)));
      }
      fitTo(built, server, house, cause);
      await report(cause, before, null);
    }

    async function report(cause: string, before: LoadedConfig, failure: Error | null): Promise<void> {
      house.metrics.reloaded(failure === null);
      const { facts, note } = describeReload(cause, before, current, failure, house.now());
      if (failure === null) log.info(facts, "configuration reloaded");
      else log.error(facts, "configuration not reloaded; the last good one goes on");
      await house.audit
        .append(gatewayEntry("reload", house.audit.wallTime().toISOString(), note))
        .catch((error: unknown) => log.error({ error }, "audit record of the reload could not be written"));
    }

    async function end(quiet: Promise<void>): Promise<void> {
      await quiet;
      await reloading;
      clearInterval(rotation);
      await Promise.all(house.upstreams.retain([]).map(({ transport }) => transport.destroy()));
      await house.close();
    }

    house.replicas?.tell();
    return {
      publicUrl: `${loaded.config.listen.tls === undefined ? "http" : "https"}://${renderAddress(publicAddress)}`,
      metrics: house.metrics.registry,
      health: () => ({
        reasons: [
          ...(server.draining ? ["draining"] : []),
          ...(house.audit.healthy ? [] : ["the audit file cannot be written"]),
        ],
        parts: describeParts(gateway ?? first, house),
      }),
      deliver: house.startSinks,
      reload(cause) {
        // One after the other: what was read last is what runs last.
        reloading = reloading.then(() => reloadNow(cause));
        return reloading;
      },
      stop: () => end(server.drain()),
      abandon: () => end(server.abandon()),
    };
  }
}

/** What goes on is fitted to the new configuration: streams first, and each part whatever becomes of the others. */
function fitTo(built: Gateway, server: PublicServer, house: House, cause: string): void {
  const parts: Readonly<Record<string, () => void>> = {
    "open streams": () => house.standing.reconsider(built.policy.viewOf),
    "keys of issuers": () => house.keys.retain(built.demands),
    "connections to servers": () => {
      // Visits that began under the old configuration end under it, and may not have reached their server yet.
      const gone = house.upstreams.retain(built.upstreams.all());
      void server.settled().then(() => Promise.all(gone.map(({ transport }) => transport.close())));
    },
    "other replicas": () => house.replicas?.tell(),
    "keys of new issuers": () => void built.prime(),
  };
  for (const [part, adapt] of Object.entries(parts)) {
    try {
      adapt();
    } catch (error) {
      house.log.error(
        { cause, part, error },
        "the new configuration is in force, but not all that goes on was fitted to it",
      );
    }
  }
}

async function rotateKeys({ keyring, log }: House): Promise<void> {
  try {
    await keyring.refresh();
  } catch (error) {
    log.error({ error }, "the key ring could not be read again; the keys in use stay");
  }
}

function describeParts(gateway: Gateway, house: House): Record<string, unknown> {
  const servers = [...gateway.upstreams.all()].map(({ name, reachable, era, load }) => ({
    name,
    reachable,
    era: era.known.era,
    ...load,
  }));
  const issuers = [...gateway.issuers()].map(({ name, ageMs }) => ({ name, keysAgeMs: ageMs ?? null }));
  const replicas = house.replicas === null ? {} : { replicas: house.replicas.list() };
  return { config: gateway.hash, audit: { healthy: house.isRecording() }, servers, issuers, ...replicas };
}
