import { gatewayEntry } from "./audit/record.ts";
import type { LoadedConfig } from "./config/load.ts";
import { buildGateway, type Gateway } from "./gateway.ts";
import type { House } from "./house.ts";
import { findFixedChanges } from "./reload.ts";
import { describeReload } from "./reload-account.ts";
import type { PublicServer } from "./server.ts";

/** What serves at the moment; a reload puts others in their place. */
export interface Current {
  loaded: LoadedConfig;
  /** Built from that. */
  gateway: Gateway;
}

/** How a running gateway takes another configuration. */
export interface Reloader {
  /** Reads the files again; a bad one changes nothing but a metric, a log line and a record. Never rejects. */
  reload(cause: string): Promise<void>;
  /** Resolves when every reload that was asked for is over. */
  settled(): Promise<void>;
}

/** @param reread loads the configuration again */
export function createReloader(
  current: Current,
  server: PublicServer,
  house: House,
  reread: () => Promise<LoadedConfig>,
): Reloader {
  let reloading = Promise.resolve();

  async function reloadNow(cause: string): Promise<void> {
    const before = current.loaded;
    let built: Gateway;
    try {
      const loaded = await reread();
      const fixed = findFixedChanges(before.config, loaded.config);
      if (fixed.length > 0) throw new Error(`these need a restart: ${fixed.join(", ")}`);
      // Everything that can fail comes before the swap, and nothing of it shows until then.
      built = buildGateway(loaded, house);
      await rotateKeys(house);
      await server.reloadCertificate();
      Object.assign(current, { loaded, gateway: built } satisfies Current);
    } catch (error) {
      return report(cause, before, error instanceof Error ? error : new Error(String(error)));
    }
    fitTo(built, server, house, cause);
    await report(cause, before, null);
  }

  async function report(cause: string, before: LoadedConfig, failure: Error | null): Promise<void> {
    const { metrics, audit, log } = house;
    metrics.reloaded(failure === null);
    const { facts, note } = describeReload(cause, before, current.loaded, failure, house.now());
    if (failure === null) log.info(facts, "configuration reloaded");
    else log.error(facts, "configuration not reloaded; the last good one goes on");
    await audit
      .append(gatewayEntry("reload", audit.wallTime().toISOString(), note))
      .catch((error: unknown) => log.error({ error }, "audit record of the reload could not be written"));
  }

  return {
    reload(cause) {
      // One after the other: what was read last is what runs last.
      reloading = reloading.then(() => reloadNow(cause));
      return reloading;
    },
    settled: () => reloading,
  };
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

/** Reads the key ring again, which other processes may have changed. Where that fails the keys in use stay. */
export async function rotateKeys({ keyring, log }: Pick<House, "keyring" | "log">): Promise<void> {
  try {
    await keyring.refresh();
  } catch (error) {
    log.error({ error }, "the key ring could not be read again; the keys in use stay");
  }
}
