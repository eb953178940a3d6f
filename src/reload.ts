import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { ConfigError } from "./config/diagnose.ts";
import type { LoadedConfig } from "./config/load.ts";
import type { Config } from "./config/schema.ts";
import type { SinkConfig } from "./config/sinks.ts";

/** What a listener or an open file was made from, and what cannot change under it. */
const fixed = {
  workers: ({ workers }: Config) => workers,
  "listen.address": ({ listen }: Config) => listen.address,
  "listen.tls": ({ listen }: Config) => listen.tls,
  "listen.maxHeader": ({ listen }: Config) => listen.maxHeader,
  "listen.handshakeTimeout": ({ listen }: Config) => listen.handshakeTimeout,
  "listen.headersTimeout": ({ listen }: Config) => listen.headersTimeout,
  "listen.keepAliveTimeout": ({ listen }: Config) => listen.keepAliveTimeout,
  "listen.drainTimeout": ({ listen }: Config) => listen.drainTimeout,
  "admin.address": ({ admin }: Config) => admin.address,
  "audit.directory": ({ audit }: Config) => audit.directory,
  "audit.mode": ({ audit }: Config) => audit.mode,
  "audit.rotate": ({ audit }: Config) => audit.rotate,
  "audit.compress": ({ audit }: Config) => audit.compress,
  "audit.retention": ({ audit }: Config) => audit.retention,
  "audit.encryption": ({ audit }: Config) => audit.encryption,
  "audit.checkpoints": ({ audit }: Config) => audit.checkpoints,
  "audit.sinks": ({ audit }: Config) => audit.sinks.map(revealHeaders),
  "state.directory": ({ state }: Config) => state.directory,
  "state.redis": ({ state }: Config) => state.redis?.reveal(),
  "sessions.lifetime": ({ sessions }: Config) => sessions.lifetime,
  "log.level": ({ log }: Config) => log.level,
} as const;

/** A secret that changed has to show as a change. */
function revealHeaders(sink: SinkConfig): object {
  if (!("headers" in sink)) return sink;
  return { ...sink, headers: Object.entries(sink.headers).map(([name, value]) => [name, value.reveal()]) };
}

/** The settings in which two configurations differ and which take a restart, by their path in the file. */
export function findFixedChanges(running: Config, next: Config): string[] {
  return Object.entries(fixed)
    .filter(([, read]) => JSON.stringify(read(running)) !== JSON.stringify(read(next)))
    .map(([path]) => path);
}

/** The same for configurations that do not differ in any of them. */
export function digestFixed(config: Config): string {
  const values = Object.values(fixed).map((read) => read(config) ?? null);
  return createHash("sha256").update(JSON.stringify(values)).digest("hex");
}

/** A configuration that is read again when its files change, without missing a change that happens while it is read. */
export interface ConfigSource {
  /**
   * Reads the files until nothing changes in between.
   *
   * @throws ConfigError as `loadConfig` and `admitConfig` do
   */
  read(): Promise<LoadedConfig>;
  /** Whether a file is another one than when it was read last. */
  changed(): Promise<boolean>;
}

/** Files that change faster than they can be read are left to the next look. */
const maxReadings = 5;

/**
 * @param load reads everything once
 * @param admit throws when what was read may not be taken; its files are watched all the same
 */
export function createConfigSource(
  load: () => Promise<LoadedConfig>,
  admit: (loaded: LoadedConfig) => Promise<void>,
): ConfigSource {
  let paths: readonly string[] = [];
  let lastLoaded: readonly string[] = [];
  let signature = "";
  return {
    async read() {
      for (let reading = 1; ; reading += 1) {
        // Taken before the files are read: a change behind the reader's back then shows as a difference.
        signature = await sign(paths);
        const found = await load().catch(asConfigError);
        if (found instanceof ConfigError) {
          // A new file that was half written when it was read is in nothing that was loaded before.
          paths = [...new Set([...lastLoaded, ...found.watched])];
        } else paths = lastLoaded = [...found.watched, ...found.watchedDirectories];
        if ((await sign(paths)) !== signature && reading < maxReadings) continue;
        if (found instanceof ConfigError) throw found;
        await admit(found);
        return found;
      }
    },
    changed: async () => (await sign(paths)) !== signature,
  };
}

function asConfigError(error: unknown): ConfigError {
  if (error instanceof ConfigError) return error;
  throw error;
}

/**
 * What tells one state of the files from another. Symbolic links are followed, as Kubernetes swaps them; a name that leads
 * nowhere counts too.
 */
async function sign(paths: readonly string[]): Promise<string> {
  const facts = await Promise.all(
    paths.map(async (path) => {
      const found = await stat(path, { bigint: true }).catch(() => null);
      return found === null ? path : `${path} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
    }),
  );
  return facts.join("\n");
}
