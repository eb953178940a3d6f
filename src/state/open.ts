import { join } from "node:path";
import type { Secret } from "../config/secret.ts";
import type { Keyring } from "../crypto/keyring.ts";
import type { Log } from "../observe/log.ts";
import type { RedisShared } from "./redis.ts";
import { openSqliteStore, storeName } from "./sqlite-store.ts";
import { createStore, type Store } from "./store.ts";

/** Where the state of a gateway is. */
export interface State {
  readonly store: Store;
  /** Null where it is in a file. */
  readonly redis: RedisShared | null;
  close(): void;
}

/** What {@link openState} needs. */
export interface StateOptions {
  readonly state: { readonly directory: string; readonly redis?: Secret | undefined };
  readonly keyring: Keyring;
  readonly log: Log;
}

/**
 * Opens the state that a configuration names: Redis, now or whenever it can be reached, or a file in the state directory.
 *
 * @throws StoreError where the file cannot be used
 */
export async function openState({ state, keyring, log }: StateOptions): Promise<State> {
  const redis = state.redis === undefined ? null : await openRedis(state.redis, keyring, log);
  const backend = redis?.store ?? openSqliteStore(join(state.directory, storeName), Date.now);
  const store = createStore(backend, keyring.entries, (kind) =>
    log.error({ kind }, "an entry of the state cannot be read: is keys.json the one that it was written with?"),
  );
  return {
    store,
    redis,
    close() {
      store.close();
      redis?.close();
    },
  };
}

/** Its client is loaded only where there is one. */
async function openRedis(url: Secret, keyring: Keyring, log: Log): Promise<RedisShared> {
  const { connectRedis } = await import("./redis.ts");
  return connectRedis({ url, keyring, log, now: () => performance.now() });
}
