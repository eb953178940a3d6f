import { setTimeout as delay } from "node:timers/promises";
import { loadStateful, type StatefulParts } from "../config/parts.ts";
import { openKeyring } from "../crypto/keyring.ts";
import { createLog } from "../observe/log.ts";
import { openState } from "../state/open.ts";
import type { Store } from "../state/store.ts";
import { hintAtConfig } from "./config.ts";
import type { CommandIo } from "./io.ts";

/** How long a command waits for Redis, in milliseconds, and how often it looks. */
const patienceMs = 5_000;
const lookMs = 50;

/**
 * Lets a command work on the state that a configuration names.
 *
 * @throws ConfigError, KeyFileError, StoreError
 */
export async function withState<Result>(
  io: CommandIo,
  file: string,
  work: (store: Store, config: StatefulParts) => Promise<Result>,
): Promise<Result> {
  const config = await loadStateful(file).catch((error: unknown) => {
    throw hintAtConfig(error, file);
  });
  const keyring = await openKeyring(config.state.directory, {
    now: Date.now,
    sessionLifetimeMs: config.sessions.lifetime,
  });
  const state = await openState({ state: config.state, keyring, log: createLog("warn", io.err) });
  try {
    const endMs = performance.now() + patienceMs;
    while (state.redis?.ready === false && performance.now() < endMs) await delay(lookMs);
    return await work(state.store, config);
  } finally {
    state.close();
  }
}
