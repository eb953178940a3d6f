import { availableParallelism } from "node:os";
import { startAdmin } from "./admin.ts";
import { ConfigError, renderProblems } from "./config/diagnose.ts";
import { checkDirectories } from "./config/directories.ts";
import { type LoadedConfig, loadConfig } from "./config/load.ts";
import type { Config } from "./config/schema.ts";
import { admitConfig } from "./config/suites.ts";
import { leaveWell } from "./leave.ts";
import { isVerifyingDenied } from "./network/verified.ts";
import { createLog, type Log } from "./observe/log.ts";
import { type ConfigSource, createConfigSource } from "./reload.ts";
import { run } from "./running.ts";
import { alone } from "./state/station.ts";
import { type RunningGateway, type Served, superviseProcess } from "./supervision.ts";
import { type Fleet, startFleet, type WorkerScript } from "./workers/supervisor.ts";

/** Why a gateway did not start, for people: every problem of the files, or one sentence. */
export function explainStart(error: unknown): string {
  if (error instanceof ConfigError) return renderProblems(error.problems);
  const { code, address, port, message } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === "EADDRINUSE")
    return `${address}:${port} is already in use; set another address or stop what listens there`;
  if (code === "EACCES" && port !== undefined)
    return `${address}:${port} may not be bound by this user; set a port of 1024 or above, or give the process CAP_NET_BIND_SERVICE`;
  if (code === "EADDRNOTAVAIL")
    return `${address}:${port} is no address of this machine; set listen.address or admin.address to one that is, or to 0.0.0.0`;
  return message;
}

/**
 * Starts a gateway that reloads on SIGHUP and when a file changes, and drains on SIGTERM and SIGINT.
 *
 * @param write takes the lines of its log
 * @throws ConfigError, or an Error that {@link explainStart} explains
 */
export async function startGateway(configFile: string, write: (line: string) => void): Promise<RunningGateway> {
  const source = createConfigSource(() => loadConfig(configFile), admitConfig);
  const loaded = await source.read();
  const log = createLog(loaded.config.log.level, write);
  for (const { file, line, column, message } of loaded.warnings) log.warn({ file, line, column }, message);
  if (isVerifyingDenied(process.env)) {
    log.warn(
      {},
      "NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect: certificates are verified; NODE_EXTRA_CA_CERTS adds authorities",
    );
  }
  const workers = countWorkers(loaded.config);
  const starting =
    workers === 1
      ? startAlone(loaded, log, source)
      : startFleet(loaded.config, workers, scriptOf(configFile), log).then((fleet) => watching(fleet, source));
  const running = await starting.catch(async (error: unknown) => {
    throw await findPlace(configFile, error);
  });
  log.info(
    { public: running.publicUrl, admin: running.adminUrl, config: loaded.hash, policy: loaded.policy.hash, workers },
    "serving",
  );
  return superviseProcess(running, source, log);
}

/** What failed may have been a directory, and that has a place in the file. It is looked at only then: what can be used need not look so. */
async function findPlace(configFile: string, error: unknown): Promise<unknown> {
  const find = (config: Config) => checkDirectories(config);
  return loadConfig(configFile, process.env, new Date(), find).then(
    () => error,
    (found: unknown) => found,
  );
}

/** Without workers this process does all there is to do. */
async function startAlone(loaded: LoadedConfig, log: Log, source: ConfigSource): Promise<Served> {
  const running = await run(loaded, log, source.read, alone);
  const { publicUrl, health, metrics, reload, deliver } = running;
  const admin = await startAdmin({ health, metrics: () => metrics }, loaded.config.admin.address).catch(
    async (error: unknown) => {
      await running.stop();
      throw error;
    },
  );
  leaveWell(running, log);
  return {
    publicUrl,
    adminUrl: admin.url,
    reload,
    deliver,
    async stop() {
      await running.stop();
      admin.close();
    },
  };
}

/** Workers read the files themselves; what is watched has to be found out here as well. */
function watching(fleet: Fleet, source: ConfigSource): Served {
  return {
    ...fleet,
    // Each worker does when it begins: there is nothing on stdout for it to come before.
    deliver() {},
    async reload(cause) {
      // What is wrong with them each worker says.
      await source.read().catch(() => {});
      await fleet.reload(cause);
    },
  };
}

function countWorkers({ workers }: Config): number {
  return workers === "auto" ? availableParallelism() : workers;
}

/** A worker is this program once more, told to serve, whichever command was given to it. */
function scriptOf(configFile: string): WorkerScript {
  return { exec: process.argv[1] ?? "", args: ["serve", "-c", configFile] };
}
