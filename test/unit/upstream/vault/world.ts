import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createEntryCipher } from "../../../../src/crypto/entry-cipher.ts";
import { openSqliteStore, storeName } from "../../../../src/state/sqlite-store.ts";
import { createStore, type Store } from "../../../../src/state/store.ts";

/** Stores of several processes on one file. @param now milliseconds since the epoch */
export async function openStores(now: () => number, count = 1): Promise<Store[]> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-vault-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, randomUUID(), storeName);
  const cipher = createEntryCipher(randomBytes(32));
  return Array.from({ length: count }, () => {
    const store = createStore(openSqliteStore(path, now), cipher, () => {});
    onTestFinished(() => store.close());
    return store;
  });
}
