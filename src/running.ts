import type { Registry } from "prom-client";
import type { Health } from "./admin.ts";
import type { LoadedConfig } from "./config/load.ts";
import { refreshEveryMs } from "./crypto/keyring.ts";
import { buildGateway, type Gateway } from "./gateway.ts";
import { buildHouse, type House, type Tenant } from "./house.ts";
import { renderAddress } from "./network/address.ts";
import type { Log } from "./observe/log.ts";
import { type Current, createReloader, rotateKeys } from "./reloading.ts";
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
  let current: Current | null = null;
  let server: PublicServer | null = null;
  const inForce = () => current?.loaded ?? loaded;
  const tenant: Tenant = {
    servers: () => current?.gateway.upstreams.all() ?? [],
    issuers: () => current?.gateway.issuers() ?? [],
    config: () => inForce().config,
    configHash: () => inForce().hash,
    policyHash: () => inForce().policy.hash,
    forgetTokens: () => current?.gateway.identity.tokens.clear(),
    certificateExpiry: () => server?.certificateExpiry ?? null,
  };
  const house = await buildHouse(loaded, log, tenant, station);
  try {
    const first: Current = { loaded, gateway: buildGateway(loaded, house) };
    current = first;
    server = await createPublicServer(loaded.config.listen, () => first.gateway, house);
    return await serve(first, server, house, reread);
  } catch (error) {
    await house.close();
    throw error;
  }
}

async function serve(
  current: Current,
  server: PublicServer,
  house: House,
  reread: () => Promise<LoadedConfig>,
): Promise<Running> {
  const isEncrypted = current.loaded.config.listen.tls !== undefined;
  const publicAddress = await server.listen();
  void current.gateway.prime();
  const rotation = setInterval(() => void rotateKeys(house), refreshEveryMs);
  rotation.unref();
  const { reload, settled } = createReloader(current, server, house, reread);

  async function end(quiet: Promise<void>): Promise<void> {
    await quiet;
    await settled();
    clearInterval(rotation);
    await Promise.all(house.upstreams.retain([]).map(({ transport }) => transport.destroy()));
    await house.close();
  }

  house.replicas?.tell();
  return {
    publicUrl: `${isEncrypted ? "https" : "http"}://${renderAddress(publicAddress)}`,
    metrics: house.metrics.registry,
    health: () => ({
      reasons: [
        ...(server.draining ? ["draining"] : []),
        ...(house.audit.healthy ? [] : ["the audit file cannot be written"]),
      ],
      parts: describeParts(current.gateway, house),
    }),
    deliver: house.startSinks,
    reload,
    stop: () => end(server.drain()),
    abandon: () => end(server.abandon()),
  };
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
