import { unwatchFile, watchFile } from "node:fs";
import type { Config } from "./config/schema.ts";

/** What a listener or an open file was made from, and what cannot change under it. */
const fixed = {
  "listen.address": ({ listen }: Config) => listen.address,
  "listen.tls": ({ listen }: Config) => listen.tls,
  "listen.maxHeader": ({ listen }: Config) => listen.maxHeader,
  "listen.handshakeTimeout": ({ listen }: Config) => listen.handshakeTimeout,
  "listen.headersTimeout": ({ listen }: Config) => listen.headersTimeout,
  "listen.keepAliveTimeout": ({ listen }: Config) => listen.keepAliveTimeout,
  "listen.drainTimeout": ({ listen }: Config) => listen.drainTimeout,
  "admin.address": ({ admin }: Config) => admin.address,
  "audit.directory": ({ audit }: Config) => audit.directory,
  "state.directory": ({ state }: Config) => state.directory,
  "sessions.lifetime": ({ sessions }: Config) => sessions.lifetime,
  "log.level": ({ log }: Config) => log.level,
} as const;

/** The settings in which two configurations differ and which take a restart, by their path in the file. */
export function findFixedChanges(running: Config, next: Config): string[] {
  return Object.entries(fixed)
    .filter(([, read]) => JSON.stringify(read(running)) !== JSON.stringify(read(next)))
    .map(([path]) => path);
}

/** How often the files are looked at, in milliseconds. */
const pollMs = 1_000;

/**
 * Calls back when one of the files changes, or what a directory holds. It looks at the files themselves instead of waiting for events, which symbolic
 * links (as Kubernetes swaps them), network file systems and editors that replace files do not deliver reliably.
 *
 * @returns stops watching
 */
export function watchFiles(files: readonly string[], changed: (file: string) => void): () => void {
  for (const file of files) {
    watchFile(file, { interval: pollMs, persistent: false }, (now, before) => {
      if (now.mtimeMs !== before.mtimeMs || now.size !== before.size || now.ino !== before.ino) changed(file);
    });
  }
  return () => {
    for (const file of files) unwatchFile(file);
  };
}
